"""A line of a batch that was approved and waits for a worker: what it pays, within which caps, and how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Protocol

from l2send.core.address import Address
from l2send.core.plan import Payment
from l2send.core.units import UnixTime

if TYPE_CHECKING:
    from collections.abc import Collection

    from l2send.wallet.journal.tally import Tally


_NO_TIME = UnixTime(0)


@unique
class QueueState(StrEnum):
    """How a line of the queue stands."""

    WAITING = "waiting"
    """Approved; a worker may begin it."""
    BEGUN = "begun"
    """A payment was begun for it, which says how it stands from then on."""
    WITHDRAWN = "withdrawn"
    """Taken back by a person before it was begun: nothing is paid for it."""


@dataclass(frozen=True, slots=True)
class QueuedLine:
    """One approved line."""

    key: str
    """`BATCH/REF`: the idempotency key of its payment."""
    batch: str
    payment: Payment
    caps: str
    """What may be signed for it, as JSON: see queue_caps.py."""
    typed_name: str = ""
    memo: str = ""
    approved_at: UnixTime = _NO_TIME
    """By the clock of the machine that approved it."""
    state: QueueState = QueueState.WAITING
    payment_id: str = ""
    """Of its payment, once it is begun."""
    tries: int = 0
    """How often a worker could not begin it."""
    not_before: UnixTime = _NO_TIME
    """When a worker tries again."""
    detail: str = ""
    """Why it was not begun yet."""

    @property
    def ref(self) -> str:
        """The line's reference in its file."""
        return self.key.partition("/")[2]


class Queue(Protocol):
    """The part of a journal that holds approved lines. Every method that writes is one durable transaction."""

    def tallies(self, without: Collection[str] = ()) -> list[Tally]:
        """What may still be paid today under each table of limits; `begin` counts again. Raises ConfigError.

        Lines that wait count as paid today, but for those with the keys `without`.
        """
        ...

    def shared_limits(self) -> str:
        """The limits that stand in the journal, as the text of a policy file; empty where there are none."""
        ...

    def set_shared_limits(self, text: str) -> None:
        """Put this text in their place, from the next payment on. The caller has parsed it. Raises ConfigError."""
        ...

    def enqueue(self, lines: Sequence[QueuedLine]) -> int:
        """Write lines down as approved: all of them, or none. How many wait that did not before.

        A line that waits, or was begun, stays as it is; one that was withdrawn waits again, within its new caps. Raises
        UsageError for a key that stands for another payment, Refused where a limit forbids a line: it is counted in
        this transaction, as `begin` counts.
        """
        ...

    def waiting(self, sender: Address, at: UnixTime, most: int) -> list[QueuedLine]:
        """At most `most` lines of an account that may be begun by then, of one batch and one approval, oldest first.

        The caller holds the account among all workers. Lines that another transaction changes now are left out.
        """
        ...

    def all_waiting(self, sender: Address) -> list[QueuedLine]:
        """Every line of an account that waits, oldest first."""
        ...

    def count_waiting(self, sender: Address) -> tuple[int, UnixTime | None]:
        """How many lines of an account wait, and when the oldest was approved."""
        ...

    def hold_back(self, keys: Sequence[str], detail: str, until: UnixTime) -> None:
        """Keep why these lines were not begun, and when to try again."""
        ...

    def withdraw(self, batch: str) -> int:
        """Take back every line of a batch that waits. How many there were."""
        ...

    def queued(self, batch: str) -> list[QueuedLine]:
        """Every line of a batch that was ever approved for workers, in the order of approval."""
        ...

    def begun_open(self, sender: Address) -> list[str]:
        """Ids of an account's open payments that lines of the queue began, and of moves of money for them."""
        ...
