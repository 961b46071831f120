"""The state tables, exhaustively."""

from __future__ import annotations

from itertools import product

import pytest

from l2send.core.bridge_protocol import OrderState
from l2send.core.errors import ExitStatus, Sent
from l2send.wallet.journal.proposal_states import BY_PROPOSAL, PROPOSAL_TRANSITIONS, ProposalState
from l2send.wallet.journal.states import (
    BY_ATTEMPT,
    BY_EARLIER_STEPS,
    BY_LEGS,
    BY_MESSAGES,
    BY_ORDER,
    BY_PAYING_STEP,
    CANCEL_OUTCOME,
    ENDED,
    ENDED_IN_BLOCK,
    IN_BLOCK,
    IN_FLIGHT,
    MEANINGS,
    ORDER_TRANSITIONS,
    REPLACEABLE,
    SPONSORED_TRANSITIONS,
    SUCCEEDED,
    TRANSITIONS,
    PaymentState,
    SponsoredState,
    TxState,
    deciding,
    money_moved,
    money_of_messages,
    payment_state,
    sponsored_payment_state,
    state_of_legs,
)

STORED_ORDERS = [None, *(state for state in OrderState if state is not OrderState.UNKNOWN)]
WITH_BYTES = set(TxState) - {TxState.PLANNED, TxState.CANCELLED}


def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(TxState)
    assert set(SPONSORED_TRANSITIONS) == set(BY_MESSAGES) == set(SponsoredState)
    assert set(ORDER_TRANSITIONS) == set(OrderState) - {OrderState.UNKNOWN}
    assert set(PROPOSAL_TRANSITIONS) == set(BY_PROPOSAL) == set(ProposalState)
    assert set(MEANINGS) == set(PaymentState)


def test_the_ends_are_the_ends() -> None:
    assert {TxState.FINAL, TxState.REVERTED, TxState.REPLACED, TxState.VOID, TxState.CANCELLED} == ENDED
    assert {TxState.FINAL, TxState.REVERTED} == ENDED_IN_BLOCK
    assert IN_FLIGHT == WITH_BYTES - ENDED


def test_bytes_never_become_planned_again() -> None:
    """Else they could be signed a second time."""
    for state in WITH_BYTES:
        assert not _reachable(state) & {TxState.PLANNED, TxState.CANCELLED, TxState.SIGNED}


def test_an_end_is_only_reached_through_a_state_that_waits_for_confirmations() -> None:
    before = {end: {s for s, after in TRANSITIONS.items() if end in after} for end in ENDED}
    assert before == {
        TxState.FINAL: {TxState.MINED},
        TxState.REVERTED: {TxState.REVERTING},
        TxState.REPLACED: {TxState.INDETERMINATE},
        TxState.CANCELLED: {TxState.PLANNED},
        # Not by itself: together with the end of another transaction of its step, which did wait.
        TxState.VOID: set(IN_FLIGHT),
    }


def test_every_state_can_reach_an_end() -> None:
    for state in TxState:
        assert ({state} | _reachable(state)) & ENDED
    for order in ORDER_TRANSITIONS:
        assert order in (OrderState.FILLED, OrderState.REFUNDED) or ORDER_TRANSITIONS[order]


def _reachable(start: TxState) -> set[TxState]:
    found: set[TxState] = set()
    todo = [start]
    while todo:
        for after in TRANSITIONS[todo.pop()] - found:
            found.add(after)
            todo.append(after)
    return found


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_combination_has_one_payment_state(count: int) -> None:
    for steps in product(TxState, repeat=count):
        for order in STORED_ORDERS:
            assert payment_state(steps, order) in PaymentState


def test_delivered_means_the_recipient_has_it() -> None:
    """Without an order only a final paying step delivers, with one only its fill does."""
    for steps in product(TxState, repeat=2):
        for order in STORED_ORDERS:
            delivered = payment_state(steps, order) is PaymentState.DELIVERED
            assert delivered == (order is OrderState.FILLED or (order is None and steps[-1] is TxState.FINAL)) or (
                order is OrderState.NOT_OPEN
            )
            if order is OrderState.NOT_OPEN:
                assert not delivered


def test_an_ended_payment_has_nothing_of_the_paying_step_in_flight() -> None:
    """A payment reported as over must not pay afterwards."""
    for steps in product(TxState, repeat=2):
        for order in (None, OrderState.NOT_OPEN):
            if not MEANINGS[payment_state(steps, order)].open:
                assert steps[-1] not in IN_FLIGHT


def test_planned_means_that_nothing_was_signed() -> None:
    for steps in product(TxState, repeat=3):
        if payment_state(steps, None) is PaymentState.PLANNED:
            assert set(steps) == {TxState.PLANNED}


def test_nothing_signed_is_nothing_sent() -> None:
    for steps in product(TxState, repeat=2):
        moved = money_moved(steps)
        assert (moved is Sent.YES) == any(s in IN_BLOCK for s in steps)
        if moved is Sent.NO:
            assert not any(s in IN_FLIGHT for s in steps)


# One row for each way a payment can stand, as a person would check it.
@pytest.mark.parametrize(
    ("steps", "order", "expected"),
    [
        ("planned", None, "planned"),
        ("planned planned", "not_open", "planned"),
        ("signed planned", "not_open", "sending"),
        ("broadcast planned", "not_open", "sending"),
        ("mined planned", "not_open", "sending"),
        ("final planned", "not_open", "sending"),
        ("reverting planned", "not_open", "sending"),
        ("reverted planned", "not_open", "reverted"),
        ("replaced planned", "not_open", "replaced"),
        ("indeterminate planned", "not_open", "indeterminate"),
        ("final signed", "not_open", "sending"),
        ("final broadcast", "not_open", "sending"),
        ("final mined", "not_open", "bridging"),
        ("final mined", "open", "bridging"),
        ("final final", "open", "bridging"),
        ("final final", "not_open", "indeterminate"),
        ("final broadcast", "open", "bridging"),
        ("final indeterminate", "open", "bridging"),
        ("final replaced", "open", "bridging"),
        ("final final", "filled", "delivered"),
        ("final final", "refund_due", "refund_due"),
        ("final final", "refunded", "refunded"),
        ("final reverted", "not_open", "reverted"),
        ("final cancelled", "not_open", "cancelled"),
        ("cancelled cancelled", "not_open", "cancelled"),
        ("signed", None, "sending"),
        ("broadcast", None, "sending"),
        ("mined", None, "sending"),
        ("final", None, "delivered"),
        ("reverting", None, "sending"),
        ("reverted", None, "reverted"),
        ("replaced", None, "replaced"),
        ("void", None, "replaced"),
        ("void planned", "not_open", "replaced"),
        ("indeterminate", None, "indeterminate"),
        ("cancelled", None, "cancelled"),
    ],
)
def test_the_table(steps: str, order: str | None, expected: str) -> None:
    found = payment_state([TxState(s) for s in steps.split()], OrderState(order) if order else None)
    assert found == expected


def test_the_parts_of_the_table_cover_all_states() -> None:
    assert set(BY_PAYING_STEP) == set(TxState) - {TxState.PLANNED}
    assert {state for state, _ in BY_EARLIER_STEPS} == set(TxState) - {TxState.PLANNED}
    assert set(BY_ORDER) == {OrderState.OPEN, OrderState.FILLED, OrderState.REFUND_DUE, OrderState.REFUNDED}
    assert {TxState.MINED, TxState.FINAL} == SUCCEEDED


ATTEMPTS = [attempts for count in (1, 2, 3) for attempts in product(TxState, repeat=count)]


def test_the_groups_of_attempts_hold_every_state_once() -> None:
    assert sorted(state for group in BY_ATTEMPT for state in group) == sorted(TxState)


def test_of_several_attempts_the_one_in_a_block_decides_else_the_newest() -> None:
    for attempts in ATTEMPTS:
        place = deciding(attempts)
        if any(state in IN_BLOCK for state in attempts):
            assert attempts[place] in IN_BLOCK
        elif any(state in IN_FLIGHT for state in attempts):
            assert attempts[place] in IN_FLIGHT
            assert not any(state in IN_FLIGHT for state in attempts[place + 1 :])


def test_a_step_has_ended_only_when_no_attempt_can_be_mined_any_more() -> None:
    """Those beside an end in a block become void with it, so only these combinations are ever stored."""
    for attempts in ATTEMPTS:
        if attempts[deciding(attempts)] in ENDED and not any(s in ENDED_IN_BLOCK for s in attempts):
            assert not any(state in IN_FLIGHT for state in attempts)


def test_a_cancel_pays_nothing_and_ends_its_step_once_it_has_ended_in_a_block() -> None:
    for state in TxState:
        outcome = CANCEL_OUTCOME.get(state, state)
        assert outcome not in SUCCEEDED
        assert (outcome is TxState.CANCELLED) == (state in ENDED_IN_BLOCK or state is TxState.CANCELLED)
        assert (outcome in ENDED) == (state in ENDED)


def test_only_a_nonce_that_may_be_free_is_signed_for_again() -> None:
    assert not REPLACEABLE & (IN_BLOCK | ENDED | {TxState.PLANNED, TxState.INDETERMINATE})


def test_only_a_delivered_payment_exits_with_zero() -> None:
    zero = {state for state, meaning in MEANINGS.items() if meaning.exit_status is ExitStatus.DELIVERED}
    assert zero == {PaymentState.DELIVERED}
    assert {s for s, m in MEANINGS.items() if not m.open} == {
        PaymentState.DELIVERED,
        PaymentState.REFUNDED,
        PaymentState.REVERTED,
        PaymentState.REPLACED,
        PaymentState.CANCELLED,
        PaymentState.EXPIRED,
        PaymentState.PARTLY_PAID,
    }


OF_ONE = set(PaymentState) - {PaymentState.PARTLY_DELIVERED, PaymentState.PARTLY_REFUND_DUE, PaymentState.PARTLY_PAID}


@pytest.mark.parametrize("count", [2, 3])
def test_a_payment_from_several_chains_is_what_its_legs_are(count: int) -> None:
    """Delivered only if all are; open exactly as long as any leg is; over only if all are."""
    for legs in product(OF_ONE, repeat=count):
        whole = state_of_legs(legs)
        delivered = legs.count(PaymentState.DELIVERED)
        assert (whole is PaymentState.DELIVERED) == (delivered == count)
        assert MEANINGS[whole].open == any(MEANINGS[leg].open for leg in legs)
        assert (whole in set(PaymentState) - OF_ONE) == (0 < delivered < count)
        assert (whole is PaymentState.PLANNED) == (set(legs) == {PaymentState.PLANNED})
        assert whole is state_of_legs(legs[::-1])


def test_the_table_of_legs_covers_every_state_but_delivered() -> None:
    assert {state for state, _, _ in BY_LEGS} == OF_ONE - {PaymentState.DELIVERED}


@pytest.mark.parametrize(
    ("legs", "expected"),
    [
        ("planned bridging", "sending"),
        ("delivered planned", "partly_delivered"),
        ("delivered bridging", "partly_delivered"),
        ("delivered bridging refund_due", "partly_delivered"),
        ("delivered refund_due", "partly_refund_due"),
        ("delivered refunded", "partly_paid"),
        ("delivered cancelled", "partly_paid"),
        ("bridging refund_due", "bridging"),
        ("refunded cancelled", "refunded"),
        ("reverted cancelled", "reverted"),
    ],
)
def test_the_table_of_legs(legs: str, expected: str) -> None:
    assert state_of_legs([PaymentState(leg) for leg in legs.split()]) == expected


def test_signed_messages_never_become_planned_again() -> None:
    """Else there could be a second signature. Their only end without an order is the deadline."""
    for state, after in SPONSORED_TRANSITIONS.items():
        assert SponsoredState.PLANNED not in after
        assert (SponsoredState.CANCELLED in after) == (state is SponsoredState.PLANNED)
        assert (SponsoredState.EXPIRED in after) == (state is SponsoredState.SIGNED)


def test_money_may_have_moved_exactly_while_signed_messages_can_do_something() -> None:
    for state in SponsoredState:
        paid = state in {SponsoredState.OPENED, SponsoredState.EXECUTED, SponsoredState.FINAL}
        over = not SPONSORED_TRANSITIONS[state] and not paid
        assert (money_of_messages(state) is Sent.NO) == (over or state is SponsoredState.PLANNED)
        assert (money_of_messages(state) is Sent.YES) == paid


def test_a_sponsored_payment_is_over_only_when_nothing_can_happen_any_more() -> None:
    for messages, order in product(set(SponsoredState) - _OF_OPERATIONS, ORDER_TRANSITIONS):
        state = sponsored_payment_state(messages, order)
        assert (state is PaymentState.DELIVERED) == (order is OrderState.FILLED)
        if not MEANINGS[state].open and order in {OrderState.NOT_OPEN, OrderState.OPEN}:
            assert not SPONSORED_TRANSITIONS[messages]
            assert money_of_messages(messages) is Sent.NO


_OF_OPERATIONS = {
    SponsoredState.EXECUTED,
    SponsoredState.FINAL,
    SponsoredState.FAILED,
    SponsoredState.REPLACED,
    SponsoredState.TAKEN_BACK,
}
"""Only messages that open no order are ever in these."""


def test_an_operation_is_over_exactly_when_nothing_can_happen_any_more() -> None:
    for messages in _OF_OPERATIONS:
        state = sponsored_payment_state(messages, None)
        assert MEANINGS[state].open == bool(SPONSORED_TRANSITIONS[messages])
        assert (state is PaymentState.DELIVERED) == (messages is SponsoredState.FINAL)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ("planned", "planned"),
        ("signed", "sending"),
        ("executed", "sending"),
        ("indeterminate", "indeterminate"),
        ("final", "delivered"),
        ("failed", "reverted"),
        ("replaced", "replaced"),
        ("taken_back", "cancelled"),
        ("cancelled", "cancelled"),
    ],
)
def test_the_table_of_operations(messages: str, expected: str) -> None:
    assert sponsored_payment_state(SponsoredState(messages), None) == expected


@pytest.mark.parametrize(
    ("messages", "order", "expected"),
    [
        ("planned", "not_open", "planned"),
        ("signed", "not_open", "sending"),
        ("opened", "not_open", "bridging"),
        ("opened", "open", "bridging"),
        ("opened", "filled", "delivered"),
        ("opened", "refund_due", "refund_due"),
        ("opened", "refunded", "refunded"),
        ("indeterminate", "not_open", "indeterminate"),
        ("expired", "not_open", "expired"),
        ("cancelled", "not_open", "cancelled"),
    ],
)
def test_the_table_of_messages(messages: str, order: str, expected: str) -> None:
    assert sponsored_payment_state(SponsoredState(messages), OrderState(order)) == expected
