"""Payments that share one transaction: an action applies to all of them, or one is separated first."""

from __future__ import annotations

from l2send.bridges.shared_tx import single_step
from l2send.core.errors import Refused
from l2send.wallet.journal.errors import ChangedMeanwhile
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.journal.states import TxState


def separate(record: Record, journal: Journal, why: str) -> list[PaymentRecord]:
    """Give each payment of an unsigned shared transaction its own; empty if it was signed or has ended."""
    (shared,) = record.legs
    (step,) = shared.approved
    if step.state is not TxState.PLANNED:
        return []
    steps = {one.id: single_step(one.payment, step.step.tx) for one in journal.carried_by(shared.id)}
    try:
        return journal.separate(shared.id, steps, why)
    except ChangedMeanwhile:
        return []


class SharedPayments:
    """A client's methods for shared payments."""

    journal: Journal

    def not_shared(self, payment_id: str) -> PaymentRecord:
        """The payment. Raises Refused if its transaction makes others too: an action would apply to all."""
        record = self.journal.get(payment_id)
        if record.ride is None or not record.meaning.open:
            return record
        raise Refused(
            f"{record.id} is made by one transaction with {record.ride.calls - 1} other payments: what is done to one "
            "is done to all.",
            hint=f"For all of them: name {record.ride.shared_id}, which has the transaction.",
            sent=record.moved,
        )

    def by_itself(self, payment_id: str) -> PaymentRecord:
        """The payment, separated from the others if their shared transaction is unsigned.

        Raises Refused if it is signed: an action would apply to all of them.
        """
        record = self.journal.get(payment_id)
        if record.ride is not None:
            separate(self.journal.get(record.driven_by), self.journal, "one of its payments is treated by itself")
        return self.not_shared(record.id)
