"""Changes the states of what the owners of a Safe sign, each with its event: see transitions.py."""

from __future__ import annotations

from l2send.core.text import clean
from l2send.core.units import BlockNumber
from l2send.wallet.journal.errors import IllegalMove
from l2send.wallet.journal.proposal_states import PROPOSAL_TRANSITIONS, ProposalState
from l2send.wallet.journal.records import PaymentRecord, ProposalRecord
from l2send.wallet.journal.signatures import expect_one
from l2send.wallet.journal.transitions import MAX_DETAIL, JournalMoves, Messages

PROPOSAL = Messages(
    "proposal",
    "UPDATE proposals SET state = ?, tx_hash = ?, block = ?, detail = ?, maybe_paid = 0"
    " WHERE payment_id = ? AND state = ?",
)


class JournalProposals(JournalMoves):
    """The journal's methods that change existing proposals."""

    def move_proposal(
        self,
        payment: PaymentRecord,
        to: ProposalState,
        *,
        tx_hash: str = "",
        block: BlockNumber | None = None,
        detail: str = "",
    ) -> PaymentRecord:
        """See Journal."""
        before = _proposal_of(payment).state
        if to not in PROPOSAL_TRANSITIONS[before]:
            raise IllegalMove(f"a proposal that is {before} cannot become {to}.")
        with self._writing(payment.id):
            self._move_messages(PROPOSAL, payment.id, before, to, tx_hash, block, clean(detail, MAX_DETAIL))
            if to is ProposalState.FINAL and payment.order is None:
                for one in [payment, *self.carried_by(payment.id)]:
                    self._keep_arrival(one.id, None)
        return self.get(payment.id)

    def note_proposal(self, payment: PaymentRecord, detail: str, *, maybe_paid: bool = False) -> PaymentRecord:
        """See Journal."""
        record, detail = _proposal_of(payment), clean(detail, MAX_DETAIL)
        if (detail, maybe_paid) == (record.detail, record.maybe_paid):
            return payment
        with self._writing(payment.id) as db:
            changed = db.execute(
                "UPDATE proposals SET detail = ?, maybe_paid = ? WHERE payment_id = ? AND state = ?",
                (detail, int(maybe_paid), payment.id, record.state),
            )
            expect_one(changed, payment.id)
            self._event(payment.id, PROPOSAL.called, record.state, record.state, detail)
        return self.get(payment.id)


def _proposal_of(payment: PaymentRecord) -> ProposalRecord:
    if payment.proposal is None:
        raise IllegalMove(f"no owners of a Safe sign {payment.id}.")
    return payment.proposal
