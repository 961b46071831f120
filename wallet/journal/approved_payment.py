"""An approved payment, as it is handed to the journal."""

from __future__ import annotations

from dataclasses import dataclass

from l2send.core.plan import Payment, Quote


@dataclass(frozen=True, slots=True)
class ApprovedPayment:
    """What `begin` records: the payment, its legs, and the payer's options."""

    payment: Payment
    legs: tuple[Quote, ...]
    key: str | None = None
    """The caller's idempotency key."""
    again: bool = False
    """Whether it may be made although an equal payment is open."""
    typed_name: str = ""
    """The name that was typed for the recipient; for display only."""
    memo: str = ""
    """The payer's own note; for display only."""
    payment_id: str = ""
    """The id that it must get; empty for a new one."""
    queued: bool = False
    """Whether its key belongs to a queued line: it is recorded only if that line still waits."""
    carried: tuple[ApprovedPayment, ...] = ()
    """The payments that its one transaction makes, in the order of its calls. They have no steps of their own."""
