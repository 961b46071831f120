"""Changes the states of what the owners of a Safe sign, each with its event: see transitions.py."""

from __future__ import annotations

from l2send.core.text import clean
from l2send.core.units import BlockNumber
from l2send.wallet.journal.errors import IllegalMove
from l2send.wallet.journal.proposal_states import PROPOSAL_TRANSITIONS, ProposalState
from l2send.wallet.journal.records import PaymentRecord, ProposalRecord
from l2send.wallet.journal.transitions import MAX_DETAIL, JournalMoves, Messages

PROPOSAL = Messages(
    "proposal",
    "UPDATE proposals SET state = ?, tx_hash = ?, block = ?, detail = ? WHERE payment_id = ? AND state = ?",
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
        return self._set(payment, before, to, tx_hash, block, clean(detail, MAX_DETAIL))

    def note_proposal(self, payment: PaymentRecord, detail: str) -> PaymentRecord:
        """See Journal."""
        record, detail = _proposal_of(payment), clean(detail, MAX_DETAIL)
        if detail == record.detail:
            return payment
        return self._set(payment, record.state, record.state, record.tx_hash, record.block, detail)

    def _set(
        self,
        payment: PaymentRecord,
        before: ProposalState,
        to: ProposalState,
        tx_hash: str,
        block: BlockNumber | None,
        detail: str,
    ) -> PaymentRecord:
        with self._writing(payment.id):
            self._move_messages(PROPOSAL, payment.id, before, to, tx_hash, block, detail)
            if to is ProposalState.FINAL and payment.order is None:
                self._keep_arrival(payment.id, None)
        return self.get(payment.id)


def _proposal_of(payment: PaymentRecord) -> ProposalRecord:
    if payment.proposal is None:
        raise IllegalMove(f"no owners of a Safe sign {payment.id}.")
    return payment.proposal
