"""A journal that was moved to another place, or is still being filled from one, is not used: see moving.py."""

from __future__ import annotations

from enum import Enum, auto, unique

from l2send.core.text import clean
from l2send.wallet.journal.errors import JournalReplaced
from l2send.wallet.journal.store import Database


@unique
class Opening(Enum):
    """What a journal is opened for."""

    USE = auto()
    SOURCE = auto()
    """To be moved away: it may have been, by a run that was interrupted."""
    RECOVERY = auto()
    """To be told what it does not know: it may be an older copy than this home saw."""
    TARGET = auto()
    """To be filled: it may be empty, or half way, and the home knows another one."""


MOVING = frozenset({Opening.SOURCE, Opening.TARGET})
"""What may be one of two places of a journal that is moved."""
UNWITNESSED = frozenset({Opening.RECOVERY, Opening.TARGET})
"""What is not compared with what this home saw last."""


def refuse_moved(db: Database, title: str) -> None:
    """Raises JournalReplaced unless the journal is the one that is used."""
    found = db.execute("SELECT moved_to, arriving FROM identity").fetchone()
    if found["moved_to"]:
        raise JournalReplaced(
            f"{title} was moved to {clean(found['moved_to'], 200)}, and is not used any more.",
            hint="Name that one: `l2send config set journal URL` or L2SEND_JOURNAL, or neither for this home's file.",
        )
    if found["arriving"]:
        raise JournalReplaced(
            f"{title} is being filled from another journal, and that was not completed.",
            hint="Run `l2send journal move` again where it was run. Until then the journal before is the one to use.",
        )
