"""Events of a payment, reported while it is followed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from l2send.wallet.broadcasting import Say
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """One event of a payment."""

    id: str
    """The id of the payment."""
    state: PaymentState
    """Its state in the journal after the event: see docs/states.md."""
    text: str
    """What happened, in one sentence; it names the leg of a payment from several chains."""

    def __str__(self) -> str:
        return self.text


Progress = Callable[[ProgressEvent], None]
"""Receives the events of a payment that is followed."""


def silent(_: ProgressEvent) -> None:
    """Discards events."""


def reporter(payment_id: str, journal: Journal, progress: Progress) -> Say:
    """Reports sentences about a payment, with its state."""

    def say(text: str) -> None:
        record = journal.find(payment_id)
        progress(ProgressEvent(record.id, record.state, text))

    return say


def reporting(progress: Progress) -> Callable[[PaymentRecord], None]:
    """Reports the state of an ended payment."""
    return lambda record: progress(ProgressEvent(record.id, record.state, record.meaning.money))
