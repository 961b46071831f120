"""What happens to a payment, as it is reported while it is followed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.offering import Say


@dataclass(frozen=True, slots=True)
class Turn:
    """Something happened to a payment."""

    id: str
    """The payment's."""
    state: PaymentState
    """How the journal has it now: see docs/states.md."""
    text: str
    """What happened, in one sentence; of a payment from several chains with the leg it happened to."""

    def __str__(self) -> str:
        return self.text


Progress = Callable[[Turn], None]
"""Receives everything that happens to a payment that is followed."""


def silent(_: Turn) -> None:
    """Discards progress."""


def reporter(payment_id: str, journal: Journal, progress: Progress) -> Say:
    """Reports sentences about a payment together with its state."""

    def say(text: str) -> None:
        record = journal.find(payment_id)
        progress(Turn(record.id, record.state, text))

    return say


def reporting(progress: Progress) -> Callable[[PaymentRecord], None]:
    """Reports the state of a payment that ended."""
    return lambda record: progress(Turn(record.id, record.state, record.meaning.money))
