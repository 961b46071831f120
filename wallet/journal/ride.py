"""Payments that are made by one transaction: which call of it makes which of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ride:
    """That a payment is made by a call of another payment's transaction, which makes several."""

    shared_id: str
    """The payment that has the transaction: it is resumed, sped up and cancelled there."""
    call: int
    """The place among its calls, from 0."""
    calls: int
    """How many there are: each has its part of the fee."""
