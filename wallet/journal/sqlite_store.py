"""The open SQLite file: reads and transactions, each only while the file at the path is the one that was opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from l2send.core.address import Address
from l2send.core.units import ChainId
from l2send.wallet.journal.errors import JournalReplaced
from l2send.wallet.journal.moved_away import MOVING, UNWITNESSED, Opening, refuse_moved
from l2send.wallet.journal.sqlite_database import check_pages, failure, look_into, open_database
from l2send.wallet.journal.sqlite_presence import (
    OpenFiles,
    accept_mark,
    check_witness,
    file_id,
    mark_of,
    read_witness,
    refuse_missing,
    write_witness,
)
from l2send.wallet.journal.sqlite_schema import MIGRATIONS
from l2send.wallet.journal.store import Row, Value


class SqliteStore:
    """One SQLite file. A transaction starts by acquiring the write lock: one writer at a time."""

    def __init__(self, path: Path, opening: Opening = Opening.USE) -> None:
        """Open or create the file. Raises ConfigError if it cannot be trusted or read."""
        self.path, self._opening = path, opening
        known, before = None if opening in UNWITNESSED else read_witness(path), file_id(path)
        refuse_missing(path, known)
        self.db: sqlite3.Connection = open_database(path)
        try:
            self._files = OpenFiles(path)
            if before not in (None, file_id(path)):
                raise JournalReplaced(f"{path} was replaced while it was opened.", hint="Run the command again.")
            if opening not in MOVING:
                refuse_moved(self.db, str(path))
            check_witness(self.db, str(path), path, known)
            self._newest_event = mark_of(self.db).event
            if opening in UNWITNESSED:
                return
            if known is None or known.event < self._newest_event:
                write_witness(path, mark_of(self.db))
        except sqlite3.Error as error:
            self.db.close()
            raise failure(path, error) from error
        except BaseException:
            self.db.close()
            raise

    @property
    def title(self) -> str:
        """See Store."""
        return f"SQLite file {self.path}"

    @property
    def locks_rows(self) -> bool:
        """See Store."""
        return False

    def accept(self) -> None:
        """See Store."""
        accept_mark(self.path, mark_of(self.db))

    def check(self) -> str:
        """See Store."""
        try:
            check_pages(self.db)
        except sqlite3.Error as error:
            raise failure(self.path, error) from error
        return f"pages sound, tables of version {len(MIGRATIONS)}"

    def close(self) -> None:
        """See Store."""
        self.db.close()

    @contextmanager
    def writing(self, about: str, *, witnessed: bool, durable: bool = True) -> Iterator[None]:
        """See Store. There is one writer in any case."""
        assert durable or not witnessed, "what decides what may be signed or sent is on the disk before"
        try:
            self._files.check()
            if witnessed:
                self._refuse_overwritten()
            self.db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self.db.execute("BEGIN IMMEDIATE")
            try:
                if self._opening not in MOVING:
                    refuse_moved(self.db, str(self.path))
                yield
                self._files.check()
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise
            self._files.check()
            mark = mark_of(self.db)
            self._newest_event = mark.event
            if witnessed and self._opening not in UNWITNESSED:
                write_witness(self.path, mark)
        except sqlite3.Error as error:
            raise failure(self.path, error) from error

    def _refuse_overwritten(self) -> None:
        """Detects a copy written into the file itself: only a connection that has read nothing yet sees it."""
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

    def rows(self, query: str, values: Sequence[Value]) -> list[Row]:
        """See Store."""
        self._files.check()
        try:
            return list(self.db.execute(query, values).fetchall())
        except sqlite3.Error as error:
            raise failure(self.path, error) from error

    def take_account(self, chain_id: ChainId, sender: Address) -> bool:
        """See Store: no other machine shares the file."""
        return True

    def account_holder(self, chain_id: ChainId, sender: Address) -> str:
        """See Store."""
        return ""

    def release_account(self, chain_id: ChainId, sender: Address) -> None:
        """See Store."""

    def refuse_if_taken(self, chain_id: ChainId, sender: Address) -> None:
        """See Store."""
