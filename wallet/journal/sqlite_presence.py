"""Detects that the journal was replaced: its file overwritten by a rename, deleted, or restored from an older copy.

While it is open, the device and inode of its files are compared with those at its path: open files keep their inodes,
so no other file can have them. Between runs a small file beside it, the witness, records its newest event. A home has
one witness, even if the journal is a PostgreSQL database: a different journal than last time is detected.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from l2send.core.errors import ConfigError
from l2send.core.json_text import parse_json
from l2send.core.private_files import PRIVATE_FILE, check_private
from l2send.wallet.journal.errors import JournalReplaced
from l2send.wallet.journal.store import Database

_COMPANIONS = ("", "-wal", "-shm")
_LOOK_FIRST = (
    "Find out what replaced it: a sync or backup program, a restore, another user. Put the newest copy back, and look "
    "with `l2send history` before you pay again."
)

FileId = tuple[int, int]
"""Device and inode."""


def file_id(path: Path | str) -> FileId | None:
    """The file that `path` leads to now, through symlinks; None if there is none. Raises ConfigError."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"cannot look at {path}: {error.strerror}.") from error
    return found.st_dev, found.st_ino


class OpenFiles:
    """The open files of a journal: the database, its write-ahead log, and the log's index."""

    def __init__(self, path: Path) -> None:
        """Remember the files at `path`; the database is open and was read."""
        # Checked before and after every read: kept as text, since a Path makes that a third slower.
        names = (str(path.with_name(path.name + suffix)) for suffix in _COMPANIONS)
        self._ids = {name: file_id(name) for name in names}

    def check(self) -> None:
        """Raises JournalReplaced unless the paths still lead to the files that are open."""
        for name, was in self._ids.items():
            now = file_id(name)
            if now != was:
                what = "deleted" if now is None else "replaced by another file"
                raise JournalReplaced(
                    f"{name} was {what} while l2send was using it. What this run writes would be lost, "
                    "so nothing more is signed or sent.",
                    hint=_LOOK_FIRST,
                )


@dataclass(frozen=True, slots=True)
class Mark:
    """A journal's identity, the number of its newest event, and that event's payment."""

    journal: str
    event: int
    payment: str


def mark_of(db: Database) -> Mark:
    """The mark of the open journal."""
    journal = db.execute("SELECT id FROM identity").fetchone()["id"]
    newest = db.execute("SELECT seq, payment_id FROM events WHERE seq = (SELECT max(seq) FROM events)").fetchone()
    return Mark(journal, newest["seq"], newest["payment_id"]) if newest else Mark(journal, 0, "")


def witness_path(path: Path) -> Path:
    """The small file beside the journal at `path`."""
    return path.with_name(path.name + ".mark")


def read_witness(path: Path) -> Mark | None:
    """The mark in the witness; None if there is none, or a power cut left it empty. Raises ConfigError."""
    witness = witness_path(path)
    try:
        check_private(witness)
        data = witness.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"cannot read {witness}: {error.strerror}.") from error
    try:
        found = parse_json(data or b"null")
        return None if found is None else Mark(str(found["journal"]), int(found["event"]), str(found["payment"]))
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise ConfigError(f"{witness} is not readable.", hint=_way_out(witness)) from error


def was_used(path: Path) -> bool:
    """Whether payments were ever recorded in a journal at `path`, according to its witness."""
    known = read_witness(path)
    return known is not None and known.event > 0


def refuse_missing(path: Path, known: Mark | None) -> None:
    """Raises JournalReplaced if the file at `path` is missing but was used: a new one would know no payment."""
    if known and known.event and not path.exists():
        raise JournalReplaced(
            f"{path} is missing, and a journal was used here before: a new one would not know what is open.",
            hint=_way_out(witness_path(path)),
        )


def write_witness(path: Path, mark: Mark) -> None:
    """Write the journal's mark into the witness, unless that is ahead. Raises ConfigError."""
    known = read_witness(path)
    if known is None or (known.journal, known.event) != (mark.journal, mark.event):
        if known and known.journal == mark.journal and known.event > mark.event:
            return
        _replace(witness_path(path), json.dumps(_fields(mark)).encode())


def accept_mark(path: Path, mark: Mark) -> None:
    """Overwrite the witness with the journal's mark, once a person has dealt with what is missing."""
    _replace(witness_path(path), json.dumps(_fields(mark)).encode())


def _fields(mark: Mark) -> dict[str, str | int]:
    return {"journal": mark.journal, "event": mark.event, "payment": mark.payment}


def _replace(witness: Path, data: bytes) -> None:
    """Atomic for other processes, but not synced to disk: after a power cut the witness may be behind."""
    draft = witness.with_name(f".{witness.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        draft.replace(witness)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ConfigError(f"cannot write {witness}: {error.strerror}.", hint="Check the disk's free space.") from error


def check_witness(db: Database, title: str, path: Path, known: Mark | None) -> None:
    """Raises JournalReplaced if the journal is behind `known`, which was read before the journal.

    `title` names the journal in the message; `path` is where the home's SQLite journal is, or would be.
    """
    if known is None or not known.event:  # An empty journal has lost nothing.
        return
    now = mark_of(db)
    if now.journal != known.journal:
        why = "is another journal than the one that was used here last"
        why = why if now.event else "is new and empty, and a journal was used here before"
        raise JournalReplaced(f"{title} {why}.", hint=_way_out(witness_path(path)))
    row = db.execute("SELECT payment_id FROM events WHERE seq = ?", (known.event,)).fetchone()
    if row is None or row["payment_id"] != known.payment:
        missing = max(known.event - now.event, 1)
        raise JournalReplaced(
            f"{title} is an older copy of the journal: at least {missing} event{'' if missing == 1 else 's'} that were "
            "written are missing. Payments that were made since are unknown to it, and would be paid again.",
            hint=_way_out(witness_path(path)),
        )


def _way_out(witness: Path) -> str:
    return (
        f"Put the newest copy back. If it is lost, look on the chains for what was paid and what is open, then delete "
        f"{witness} to go on with this journal."
    )
