"""A payment that was approved, as the journal gets it."""

from __future__ import annotations

from dataclasses import dataclass

from l2send.core.plan import Payment, Quote


@dataclass(frozen=True, slots=True)
class ApprovedPayment:
    """What `begin` writes down: the payment, its legs, and what the payer said of it."""

    payment: Payment
    legs: tuple[Quote, ...]
    key: str | None = None
    """The caller's idempotency key."""
    again: bool = False
    """Whether it may be made although the same payment is open."""
    typed_name: str = ""
    """What the recipient was called; it decides nothing."""
    memo: str = ""
    """The payer's own note; it decides nothing."""
    payment_id: str = ""
    """The id that it must have; empty where any will do."""
    queued: bool = False
    """Whether its key is that of a line which waits in the queue, and begins only if it still does."""
    carried: tuple[ApprovedPayment, ...] = ()
    """The payments that its one transaction makes, in the order of its calls. They have no steps of their own."""
