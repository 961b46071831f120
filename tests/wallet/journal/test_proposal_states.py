"""The state table of what a Safe's owners sign, exhaustively."""

from __future__ import annotations

import pytest

from l2send.core.bridge_protocol import OrderState
from l2send.core.errors import Sent
from l2send.wallet.journal.proposal_states import (
    BY_PROPOSAL,
    PROPOSAL_TRANSITIONS,
    ProposalState,
    money_of_proposal,
    proposal_payment_state,
)
from l2send.wallet.journal.states import MEANINGS, PaymentState

ENDS = {ProposalState.FINAL, ProposalState.FAILED, ProposalState.REPLACED, ProposalState.CANCELLED}


def test_the_ends_are_the_ends() -> None:
    assert {state for state, after in PROPOSAL_TRANSITIONS.items() if not after} == ENDS


def test_an_end_is_reached_only_over_a_state_that_was_looked_at_before() -> None:
    assert not PROPOSAL_TRANSITIONS[ProposalState.PROPOSED] & ENDS


@pytest.mark.parametrize("state", ProposalState)
def test_without_an_order_a_payment_is_open_exactly_as_long_as_its_proposal(state: ProposalState) -> None:
    assert MEANINGS[proposal_payment_state(state, None)].open is (state not in ENDS)
    assert proposal_payment_state(state, None) is BY_PROPOSAL[state]


@pytest.mark.parametrize("state", ProposalState)
def test_an_order_that_is_open_decides(state: ProposalState) -> None:
    assert proposal_payment_state(state, OrderState.OPEN) is PaymentState.BRIDGING
    assert proposal_payment_state(state, OrderState.REFUNDED) is PaymentState.REFUNDED
    unseen = PaymentState.INDETERMINATE if state is ProposalState.FINAL else BY_PROPOSAL[state]
    assert proposal_payment_state(state, OrderState.NOT_OPEN) is unseen


def test_money_may_have_moved_from_the_moment_that_the_nonce_is_used() -> None:
    moved = {state for state in ProposalState if money_of_proposal(state) is not Sent.NO}
    assert moved == {ProposalState.EXECUTED, ProposalState.INDETERMINATE, ProposalState.FINAL}
