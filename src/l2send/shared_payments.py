"""Payments that one transaction makes together: one of them is treated with all, or parted from the others."""

from __future__ import annotations

from l2send.bridges.together import single_step
from l2send.core.errors import Refused
from l2send.wallet.journal.errors import ChangedMeanwhile
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.journal.states import TxState


def separate(record: Record, journal: Journal, why: str) -> list[PaymentRecord]:
    """Have each payment of a transaction that is not signed made by its own; none where it was signed, or is ended."""
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
    """What a client does about them."""

    journal: Journal

    def not_shared(self, payment_id: str) -> PaymentRecord:
        """The payment. Raises Refused where its transaction makes others too: what is done to one is done to all."""
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
        """The payment, no other one made with it: parted from the others while their transaction is not signed.

        Raises Refused where it is signed: what is done to it is done to all of them.
        """
        record = self.journal.get(payment_id)
        if record.ride is not None:
            separate(self.journal.get(record.driven_by), self.journal, "one of its payments is treated by itself")
        return self.not_shared(record.id)
