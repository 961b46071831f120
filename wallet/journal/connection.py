"""The open journal: reads and transactions, each only while the path still leads to the file that was opened."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from l2send.wallet.journal.database import check_pages, failure, look_into, open_database
from l2send.wallet.journal.errors import JournalReplaced
from l2send.wallet.journal.presence import (
    OpenFiles,
    check_witness,
    file_id,
    mark_of,
    read_witness,
    refuse_missing,
    write_witness,
)


class JournalConnection:
    """One SQLite file; base of every part of the journal."""

    def __init__(self, path: Path) -> None:
        """Open the journal, or create it. Raises ConfigError if it cannot be trusted or read."""
        self.path = path
        known, before = read_witness(path), file_id(path)
        refuse_missing(path, known)
        self._db = open_database(path)
        try:
            self._files = OpenFiles(path)
            if before not in (None, file_id(path)):
                raise JournalReplaced(f"{path} was replaced while it was opened.", hint="Run the command again.")
            check_witness(self._db, path, known)
            self._newest_event = mark_of(self._db).event
            if known is None or known.event < self._newest_event:
                write_witness(path, mark_of(self._db))
        except sqlite3.Error as error:
            self._db.close()
            raise failure(path, error) from error
        except BaseException:
            self._db.close()
            raise
        self._touched = dict[str, None]()

    def check_pages(self) -> None:
        """Look at every page of the file, which takes seconds where it is large. Raises ConfigError for damage."""
        try:
            check_pages(self._db)
        except sqlite3.Error as error:
            raise failure(self.path, error) from error

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    @contextmanager
    def _writing(self, *, witnessed: bool = False) -> Iterator[sqlite3.Connection]:
        """One committed transaction, or none of it. Raises ConfigError if the disk fails or the file was replaced.

        `witnessed`: the write decides what may be signed or sent, so the witness file is updated too.
        """
        self._touched.clear()
        try:
            self._files.check()
            if witnessed:
                self._refuse_overwritten()
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._derive(list(self._touched))
                self._files.check()
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._files.check()
            mark = mark_of(self._db)
            self._newest_event = mark.event
            if witnessed:
                write_witness(self.path, mark)
        except sqlite3.Error as error:
            raise failure(self.path, error) from error

    def _refuse_overwritten(self) -> None:
        """A copy may be written into the file itself: only a connection that has read nothing yet sees it."""
        fresh = look_into(self.path)
        try:
            now = mark_of(fresh)
        finally:
            fresh.close()
        if now.event < self._newest_event:
            raise JournalReplaced(
                f"{self.path} was overwritten with an older copy while l2send was using it.",
                hint="Put the newest copy back, and look with `l2send history` before you pay again.",
            )

    def _derive(self, payment_ids: list[str]) -> None:
        """Update the columns that are derived from the other rows of these payments."""
        raise NotImplementedError

    def _rows(self, query: str, *values: str | int | None) -> list[sqlite3.Row]:
        self._files.check()
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise failure(self.path, error) from error

    def _event(self, payment_id: str, subject: str, before: str, after: str, detail: str) -> None:
        self._touched[payment_id] = None
        self._db.execute(
            "INSERT INTO events (payment_id, at, subject, before, after, detail) VALUES (?, ?, ?, ?, ?, ?)",
            (payment_id, int(time.time()), subject, before, after, detail),
        )
