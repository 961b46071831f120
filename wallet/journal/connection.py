"""The open journal: its reads and database transactions, over either kind of store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from l2send.core.address import Address
from l2send.core.units import ChainId
from l2send.wallet.journal.store import Database, Row, Store

BEGINNING = "begin"
"""The subject of a database transaction that adds payments: one at a time, but beside those that change payments."""


class JournalConnection:
    """The journal's access to its store, shared by all its parts."""

    def __init__(self, store: Store) -> None:
        """Wrap an open store."""
        self._store = store
        self._touched = dict[str, None]()

    @property
    def _db(self) -> Database:
        return self._store.db

    @property
    def title(self) -> str:
        """Which kind of store holds the journal, and where."""
        return self._store.title

    def check(self) -> str:
        """What was checked, for display. Slow for large journals. Raises ConfigError for damage."""
        return self._store.check()

    def accept(self) -> None:
        """Make this home accept the journal as it is. Raises ConfigError."""
        self._store.accept()

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    @contextmanager
    def _writing(self, about: str = "", *, witnessed: bool = False, durable: bool = True) -> Iterator[Database]:
        """One atomic database transaction, with an event for each change: see Store.writing."""
        self._touched.clear()
        with self._store.writing(about, witnessed=witnessed, durable=durable):
            yield self._db
            self._derive(list(self._touched))

    def _derive(self, payment_ids: list[str]) -> None:
        """Recompute the derived columns of these payments."""
        raise NotImplementedError

    def _rows(self, query: str, *values: str | int | None) -> list[Row]:
        return self._store.rows(query, values)

    def _event(self, payment_id: str, subject: str, before: str, after: str, detail: str) -> None:
        self._touched[payment_id] = None
        self._db.execute(
            "INSERT INTO events (payment_id, at, subject, before, after, detail) VALUES (?, ?, ?, ?, ?, ?)",
            (payment_id, int(time.time()), subject, before, after, detail),
        )

    def take_account(self, chain_id: ChainId, sender: Address) -> bool:
        """See Journal."""
        return self._store.take_account(chain_id, sender)

    def account_holder(self, chain_id: ChainId, sender: Address) -> str:
        """See Journal."""
        return self._store.account_holder(chain_id, sender)

    def release_account(self, chain_id: ChainId, sender: Address) -> None:
        """See Journal."""
        self._store.release_account(chain_id, sender)
