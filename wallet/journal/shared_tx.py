"""Payments that share one transaction: which of its calls makes which payment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ride:
    """Says that a call of another payment's transaction makes this payment."""

    shared_id: str
    """The payment that owns the transaction: it is resumed, sped up and cancelled there."""
    call: int
    """The index of the call, from 0."""
    calls: int
    """The number of calls: each payment bears its share of the fee."""
