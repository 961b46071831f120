"""The states of a Safe transaction that its owners sign, and the allowed changes between them: tables only.

    proposed ─▶ executed ─▶ final, failed or cancelled
       └─▶ indeterminate ─▶ replaced

It is bound to (chain, Safe, nonce): the Safe runs one transaction with each nonce, no matter which account sends it. So
its end state follows from what the Safe ran with that nonce, not from a transaction that was sent from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique

from l2send.core.bridge_protocol import OrderState
from l2send.core.errors import Sent
from l2send.wallet.journal.states import BY_ORDER, PaymentState


@unique
class ProposalState(StrEnum):
    """The known state of a Safe transaction that its owners sign."""

    PROPOSED = "proposed"
    """Its nonce is free: with enough signatures any account can have the Safe run it."""
    EXECUTED = "executed"
    """The Safe ran it, or the empty one that cancels it, in a block; a reorganisation could still change that."""
    INDETERMINATE = "indeterminate"
    """Its nonce is used, and the transaction that used it is not found yet."""
    FINAL = "final"
    """The Safe ran it, under as many blocks as its chain needs."""
    FAILED = "failed"
    """The Safe ran it and it failed inside, under as many blocks as its chain needs."""
    REPLACED = "replaced"
    """The Safe ran another transaction with its nonce, under as many blocks as its chain needs."""
    CANCELLED = "cancelled"
    """The Safe ran the empty transaction that cancels it, under as many blocks as its chain needs."""


_R = ProposalState

PROPOSAL_TRANSITIONS: Mapping[ProposalState, frozenset[ProposalState]] = {
    _R.PROPOSED: frozenset({_R.EXECUTED, _R.INDETERMINATE}),
    _R.EXECUTED: frozenset({_R.EXECUTED, _R.PROPOSED, _R.INDETERMINATE, _R.FINAL, _R.FAILED, _R.CANCELLED}),
    _R.INDETERMINATE: frozenset({_R.EXECUTED, _R.PROPOSED, _R.REPLACED}),
    _R.FINAL: frozenset(),
    _R.FAILED: frozenset(),
    _R.REPLACED: frozenset(),
    _R.CANCELLED: frozenset(),
}

# If the owners of a Safe sign, the state of their transaction takes the place of the steps' states.
BY_PROPOSAL: Mapping[ProposalState, PaymentState] = {
    _R.PROPOSED: PaymentState.PROPOSED,
    _R.EXECUTED: PaymentState.SENDING,
    _R.INDETERMINATE: PaymentState.INDETERMINATE,
    _R.FINAL: PaymentState.DELIVERED,
    _R.FAILED: PaymentState.REVERTED,
    _R.REPLACED: PaymentState.REPLACED,
    _R.CANCELLED: PaymentState.CANCELLED,
}


def proposal_payment_state(proposal: ProposalState, order: OrderState | None) -> PaymentState:
    """The state of a payment that the owners of a Safe sign, with its order or None."""
    if order is not None and order in BY_ORDER:
        return BY_ORDER[order]
    # The money left, but the settler's event was not seen: it was not queried yet, or it is missing.
    return PaymentState.INDETERMINATE if order and proposal is _R.FINAL else BY_PROPOSAL[proposal]


def money_of_proposal(proposal: ProposalState) -> Sent:
    """Whether money may have moved, by the state of what the owners of a Safe sign."""
    if proposal in {ProposalState.EXECUTED, ProposalState.FINAL}:
        return Sent.YES
    return Sent.MAYBE if proposal is ProposalState.INDETERMINATE else Sent.NO
