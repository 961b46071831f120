"""Refuses a journal that was moved to another place or is still being filled: see journal_move.py."""

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
    """To move it away: an interrupted run may have moved it already."""
    RECOVERY = auto()
    """To find payments that it does not know: it may be an older copy than this home saw."""
    TARGET = auto()
    """To fill it: it may be empty or half filled, and the home knows another one."""


MOVING = frozenset({Opening.SOURCE, Opening.TARGET})
"""Purposes with which a journal may be the source or the target of a move."""
UNWITNESSED = frozenset({Opening.RECOVERY, Opening.TARGET})
"""Purposes with which a journal is not compared with what this home saw last."""


def refuse_moved(db: Database, title: str) -> None:
    """Raises JournalReplaced unless this is the journal in use."""
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
