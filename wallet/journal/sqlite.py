"""The journal in one SQLite file, for the processes of one user on one machine.

Every method that writes is one database transaction that starts by acquiring the write lock: what it read still holds
when it writes. Every change adds an event; events are never deleted. Its parts, shared with PostgreSQL:

    connection.py   reads and transactions over a store: store.py says what that is, sqlite_store.py is one
    lookups.py      payments found by id, key, account and nonce
    limits.py     what today's payments add up to; tally.py judges by it
    beginnings.py   payments added
    signatures.py   signed bytes
    transitions.py        states changed; proposals.py those of what a Safe's owners sign
    derived.py      the columns by which lookups are fast
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from l2send.wallet.journal.moved_away import Opening
from l2send.wallet.journal.proposals import JournalProposals
from l2send.wallet.journal.sqlite_database import failure
from l2send.wallet.journal.sqlite_store import SqliteStore


class SqliteJournal(JournalProposals):
    """A journal in one SQLite file, for the processes of one user on one machine."""

    def __init__(self, path: Path, opening: Opening = Opening.USE) -> None:
        """Open or create the journal. Raises ConfigError if it cannot be trusted or read."""
        self._file = SqliteStore(path, opening)
        super().__init__(self._file)
        try:
            self._fill_in()
        except sqlite3.Error as error:
            self.close()
            raise failure(path, error) from error
        except BaseException:
            self.close()
            raise

    @property
    def _db(self) -> sqlite3.Connection:
        return self._file.db
