"""The journal's file is removed or replaced while a payment runs, and later its newest copy is restored.

The newest copy is kept as hard links: the files that the payer has open, with all that it ever wrote into them.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from l2send.core.private_files import PRIVATE_FILE
from l2send.wallet.journal.sqlite import SqliteJournal

_OF_A_JOURNAL = ("journal.db", "journal.db-wal", "journal.db-shm")
_KEPT = _OF_A_JOURNAL[:2]
"""The index of the log is made again from the log."""


@dataclass
class SwappedFile:
    """The journal of one payer, its older copies, and its newest one once it is taken away."""

    path: Path
    swap: Swap | None = None
    happened: bool = False
    refused: int = 0
    """Runs that ended with the words that the journal was replaced."""
    _kept: Path = field(init=False)

    def __post_init__(self) -> None:
        self._kept = self.path.parent.parent / "kept"
        if self.swap:
            SqliteJournal(self.path).close()
            self._kept.mkdir(mode=0o700)
            copy_whole(self.path, self._kept / "empty.db")

    def begun(self) -> None:
        """The payment is in the journal, and nothing is signed: another older copy."""
        if self.swap and not self.happened:
            copy_whole(self.path, self._kept / "planned.db")

    def strike(self) -> None:
        """Do it, once."""
        if self.swap and not self.happened:
            for name in _KEPT:
                os.link(self.path.with_name(name), self._kept / name)
            self.swap.act(self.path, self._kept)
            self.happened = True

    def refuse(self) -> None:
        """A run was refused. After the second one a person puts the newest copy back."""
        self.refused += 1
        if self.refused == 2:
            clear(self.path)
            for name in _KEPT:
                os.link(self._kept / name, self.path.with_name(name))


def copy_whole(path: Path, to: Path) -> None:
    """A whole copy in one file, as a backup tool makes it."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)
    to.chmod(PRIVATE_FILE)


def clear(path: Path) -> None:
    for name in _OF_A_JOURNAL:
        path.with_name(name).unlink(missing_ok=True)


def _replaced_by(name: str) -> Callable[[Path, Path], None]:
    def act(path: Path, kept: Path) -> None:
        draft = path.with_name("draft")
        shutil.copy2(kept / name, draft)
        clear(path)
        draft.rename(path)

    return act


def _renamed_over(path: Path, kept: Path) -> None:
    """By a copy that has all that was written, as a sync program does: the log and its index stay."""
    draft = path.with_name("draft")
    copy_whole(path, draft)
    draft.rename(path)


def _deleted(path: Path, kept: Path) -> None:
    path.unlink()


def _all_deleted(path: Path, kept: Path) -> None:
    clear(path)


@dataclass(frozen=True)
class Swap:
    """One way to take a journal away; told its path, and the folder with older copies."""

    name: str
    act: Callable[[Path, Path], None] = field(repr=False)

    def __str__(self) -> str:
        return f"journal {self.name}"


COPY_OF_NOW = Swap("renamed over by a copy of now", _renamed_over)
SWAPS = (
    Swap("deleted", _deleted),
    Swap("deleted with its log", _all_deleted),
    Swap("replaced by a copy that does not have the payment", _replaced_by("empty.db")),
    COPY_OF_NOW,
    Swap("replaced by a copy in which nothing is signed", _replaced_by("planned.db")),
)
AFTER_A_KILL = SWAPS[:3]
"""A copy of now loses nothing there, and of a process that is killed no copy is taken while it runs."""
