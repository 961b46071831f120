"""An approved line of a batch that waits for a worker: its payment, its caps and its state."""

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
    """The state of a queued line."""

    WAITING = "waiting"
    """Approved; a worker may begin it."""
    BEGUN = "begun"
    """A payment was recorded for it, whose state counts from then on."""
    WITHDRAWN = "withdrawn"
    """A person withdrew it before it began: nothing is paid for it."""


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
    """By the clock of the machine on which it was approved."""
    state: QueueState = QueueState.WAITING
    payment_id: str = ""
    """The id of its payment, once that is recorded."""
    tries: int = 0
    """How often a worker failed to begin it."""
    not_before: UnixTime = _NO_TIME
    """When a worker tries again."""
    detail: str = ""
    """Why it has not begun yet."""

    @property
    def ref(self) -> str:
        """The line's reference in its file."""
        return self.key.partition("/")[2]


class Queue(Protocol):
    """The journal's queue of approved lines. Every method that writes is one durable database transaction."""

    def tallies(self, without: Collection[str] = ()) -> list[Tally]:
        """What may still be paid today under each set of limits; `begin` counts again. Raises ConfigError.

        Waiting lines count as paid today, except those whose keys are in `without`.
        """
        ...

    def shared_limits(self) -> str:
        """The journal's own limits, as the text of a policy file; empty if there are none."""
        ...

    def set_shared_limits(self, text: str) -> None:
        """Replace them from the next payment on. The caller has parsed `text`. Raises ConfigError."""
        ...

    def enqueue(self, lines: Sequence[QueuedLine], *, again: bool = False) -> int:
        """Record lines as approved: all of them, or none. Returns how many are newly waiting.

        A waiting or begun line is unchanged; a withdrawn one waits again, with its new caps. Raises UsageError for a
        key that stands for another payment, Refused if a limit forbids a line, counted in this database transaction as
        `begin` counts, and, unless `again`, while an equal payment without a key is open.
        """
        ...

    def waiting(self, sender: Address, at: UnixTime, most: int) -> list[QueuedLine]:
        """At most `most` lines of an account that may be begun by then, of one batch and one approval, oldest first.

        The caller holds the account's lock among all workers. Lines that another transaction is changing are left out.
        """
        ...

    def all_waiting(self, sender: Address) -> list[QueuedLine]:
        """Every waiting line of an account, oldest first."""
        ...

    def waiting_like(self, payment: Payment) -> list[QueuedLine]:
        """The waiting lines that pay exactly this, under any key, oldest first."""
        ...

    def count_waiting(self, sender: Address) -> tuple[int, UnixTime | None]:
        """How many lines of an account wait, and when the oldest was approved."""
        ...

    def accounts_waiting(self) -> list[Address]:
        """Every account that has lines which wait."""
        ...

    def hold_back(self, keys: Sequence[str], detail: str, until: UnixTime) -> None:
        """Record why these lines did not begin, and when to try again."""
        ...

    def withdraw(self, batch: str) -> int:
        """Withdraw every waiting line of a batch. Returns how many there were."""
        ...

    def queued(self, batch: str) -> list[QueuedLine]:
        """Every line of a batch that was ever queued, in the order of approval."""
        ...

    def begun_open(self, sender: Address) -> list[str]:
        """Ids of an account's open payments made for queued lines, and of moves of money for them."""
        ...
