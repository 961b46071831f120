"""The database under the journal: one machine's SQLite file, or a PostgreSQL database that many machines share.

Statements are written once, in SQL that both databases understand, with `?` for values. Each store has its own tables,
opening, locks and errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from l2send.core.address import Address
from l2send.core.units import ChainId

Value = str | int | bytes | None
"""A statement's parameter: text, a 64-bit number, bytes, or NULL."""


class Row(Protocol):
    """One row of a result, by column name."""

    def __getitem__(self, name: str, /) -> Any: ...


class Result(Protocol):
    """The result of one statement."""

    @property
    def rowcount(self) -> int:
        """The number of changed rows."""
        ...

    def fetchone(self) -> Any:
        """The next row; None at the end."""
        ...

    def fetchall(self) -> list[Any]:
        """All remaining rows."""
        ...


class Database(Protocol):
    """Runs statements inside the transaction that `Store.writing` started."""

    def execute(self, statement: str, values: Sequence[Value] = (), /) -> Result:
        """Run one statement, with `?` for each value."""
        ...


class Store(Protocol):
    """An open database that holds one journal."""

    @property
    def db(self) -> Database:
        """The connection that runs the statements."""
        ...

    @property
    def title(self) -> str:
        """The kind of store and its place, for display; without secrets."""
        ...

    @property
    def locks_rows(self) -> bool:
        """Whether a transaction locks single rows; else a writing transaction is alone."""
        ...

    def writing(self, about: str, *, witnessed: bool, durable: bool = True) -> AbstractContextManager[None]:
        """One atomic database transaction: what it read still holds when it commits.

        `about` is the payment whose rows change; empty if any may. `witnessed`: the write decides what may be signed or
        sent, so the home's witness records the journal's newest event. Without `durable` a power cut may undo it until
        a durable commit follows, and a kill does not: for what a chain shows again. Raises ConfigError if the store
        fails or is not the one that was opened.
        """
        ...

    def rows(self, query: str, values: Sequence[Value]) -> list[Row]:
        """All rows of a query. Raises ConfigError as `writing` does."""
        ...

    def accept(self) -> None:
        """Make this home accept the journal as it is, even if it saw more of it before. Raises ConfigError."""
        ...

    def check(self) -> str:
        """What was checked, for display: damage, versions, durability. May be slow. Raises ConfigError."""
        ...

    def take_account(self, chain_id: ChainId, sender: Address) -> bool:
        """Acquire the account's lock among all machines that share this store; False while another holds it.

        Always True if no other machine can use the store: wallet/lock.py locks within one machine.
        """
        ...

    def account_holder(self, chain_id: ChainId, sender: Address) -> str:
        """The holder of that lock, as far as the store knows; empty if unknown."""
        ...

    def release_account(self, chain_id: ChainId, sender: Address) -> None:
        """Release the lock. No error if it was freed already, with its lost connection."""
        ...

    def refuse_if_taken(self, chain_id: ChainId, sender: Address) -> None:
        """Inside a transaction: raises ChangedMeanwhile unless this process still holds the account's lock."""
        ...

    def close(self) -> None:
        """Close the database."""
        ...
