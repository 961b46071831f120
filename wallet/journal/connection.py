"""The open journal: every read and every transaction, over whichever store holds it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from l2send.core.address import Address
from l2send.core.units import ChainId
from l2send.wallet.journal.store import Database, Row, Store

BEGINNING = "begin"
"""What a transaction is about that adds payments: one at a time, side by side with those of payments that are there."""


class JournalConnection:
    """One store, and what every part of the journal does with it."""

    def __init__(self, store: Store) -> None:
        """Over a store that is open."""
        self._store = store
        self._touched = dict[str, None]()

    @property
    def _db(self) -> Database:
        return self._store.db

    @property
    def title(self) -> str:
        """What holds the journal, and where."""
        return self._store.title

    def check(self) -> str:
        """What was found sound, for people. Takes seconds if the journal is large. Raises ConfigError for damage."""
        return self._store.check()

    def accept(self) -> None:
        """Have this home go on with the journal as it is. Raises ConfigError."""
        self._store.accept()

    def close(self) -> None:
        """Release the store."""
        self._store.close()

    @contextmanager
    def _writing(self, about: str = "", *, witnessed: bool = False) -> Iterator[Database]:
        """One committed transaction, or none of it, with an event for each change: see Store.writing."""
        self._touched.clear()
        with self._store.writing(about, witnessed=witnessed):
            yield self._db
            self._derive(list(self._touched))

    def _derive(self, payment_ids: list[str]) -> None:
        """Update the columns that are derived from the other rows of these payments."""
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
