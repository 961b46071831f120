"""What the journal's statements run on: the SQLite file of one machine, or a PostgreSQL database that many share.

Statements are written once, in what both databases understand, with `?` for values. Tables, opening, locks and the
meaning of errors are each store's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from l2send.core.address import Address
from l2send.core.units import ChainId

Value = str | int | bytes | None
"""What a statement takes: text, a number of 64 bits, bytes, or NULL."""


class Row(Protocol):
    """One row of an answer, by the names of its columns."""

    def __getitem__(self, name: str, /) -> Any: ...


class Result(Protocol):
    """The answer to one statement."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        ...

    def fetchone(self) -> Any:
        """The next row; None at the end."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        ...


class Database(Protocol):
    """What runs statements, inside the transaction that `Store.writing` began."""

    def execute(self, statement: str, values: Sequence[Value] = (), /) -> Result:
        """Run one statement, `?` standing for each value."""
        ...


class Store(Protocol):
    """An open database that holds one journal."""

    @property
    def db(self) -> Database:
        """What runs the statements."""
        ...

    @property
    def title(self) -> str:
        """What it is and where, for people; without secrets."""
        ...

    @property
    def locks_rows(self) -> bool:
        """Whether a transaction locks rows one by one; else one that writes is alone."""
        ...

    def writing(self, about: str, *, witnessed: bool) -> AbstractContextManager[None]:
        """One committed transaction, or none of it: what was read in it still holds when it commits.

        `about` is the payment whose rows change; empty where any may. `witnessed`: what is written decides what may
        be signed or sent, so the home remembers how far the journal was. Raises ConfigError where the store fails
        or is not the one that was opened.
        """
        ...

    def rows(self, query: str, values: Sequence[Value]) -> list[Row]:
        """All rows that a query finds. Raises ConfigError as `writing` does."""
        ...

    def accept(self) -> None:
        """Have this home go on with the journal as it is, even if it saw more of it before. Raises ConfigError."""
        ...

    def check(self) -> str:
        """What was checked, for people: damage, versions, durability. May take seconds. Raises ConfigError."""
        ...

    def take_account(self, chain_id: ChainId, sender: Address) -> bool:
        """Take the account's lock among all machines that share this store; False while another has it.

        Nothing to take where no other machine can have the store: wallet/lock.py has a lock for one machine.
        """
        ...

    def account_holder(self, chain_id: ChainId, sender: Address) -> str:
        """Who has that lock, as the store knows it: empty if it is not known."""
        ...

    def release_account(self, chain_id: ChainId, sender: Address) -> None:
        """Give the lock back. A lock whose connection was lost is gone already: no error."""
        ...

    def refuse_if_taken(self, chain_id: ChainId, sender: Address) -> None:
        """Inside a transaction: raises ChangedMeanwhile unless this process may still sign for the account."""
        ...

    def close(self) -> None:
        """Release the database."""
        ...
