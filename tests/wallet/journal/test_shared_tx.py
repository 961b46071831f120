"""Payments in one transaction: recorded together, ended together, separated only while nothing is signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from l2send.core.errors import ConfigError, Refused, UsageError
from l2send.core.plan import ChainAddress, Fee, Payment, Quote, Step, StepKind, UnsignedTx
from l2send.core.units import Amount, Gas, Wei
from l2send.wallet.fees_paid import part_of
from l2send.wallet.journal.approved_payment import ApprovedPayment
from l2send.wallet.journal.errors import ChangedMeanwhile, IllegalMove
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from l2send.wallet.journal.transitions import JournalMoves
from tests.wallet.journal.conftest import Open
from tests.wallet.journal.writing import CHAIN, DATABASE_ERRORS, SENDER, a_payment, begin, sign
from tests.wallet.rig import CHAIN_ID, NATIVE, paying_quote


def quote_of(payments: Sequence[Payment]) -> Quote:
    """Of the transaction that makes them, with a fee of seven wei."""
    nothing = Amount(0, NATIVE)
    step = Step(StepKind.TOGETHER, UnsignedTx(CHAIN_ID, SENDER, Wei(0), b"\1\2\3\4"), Gas(90_000))
    fees = (Fee("network fee", Amount(7, NATIVE)),)
    whole = paying_quote(payments[0], CHAIN)
    return replace(
        whole, pays=nothing, delivers=nothing, bridge="together", steps=(step,), fees=fees, carries=tuple(payments)
    )


def beginning(payments: Sequence[Payment], name: str = "n") -> ApprovedPayment:
    shared = Payment(SENDER, ChainAddress(CHAIN_ID, SENDER), Amount(0, NATIVE))
    carried = tuple(
        ApprovedPayment(one, (replace(paying_quote(one, CHAIN), steps=()),), f"{name}/{place}")
        for place, one in enumerate(payments)
    )
    return ApprovedPayment(shared, (quote_of(payments),), f"{name}:together/1", again=True, carried=carried)


def begin_together(journal: JournalMoves, count: int = 3, name: str = "n") -> tuple[PaymentRecord, list[PaymentRecord]]:
    (record,) = journal.begin_all([beginning([a_payment(place + 1) for place in range(count)], name)])
    assert isinstance(record, PaymentRecord)
    return record, journal.carried_by(record.id)


def test_which_payment_is_made_by_which_call_is_kept(journal: JournalMoves, open_again: Open) -> None:
    shared, carried = begin_together(journal)
    assert [(one.ride.call, one.ride.calls, one.driven_by) for one in carried if one.ride] == [
        (place, 3, shared.id) for place in range(3)
    ]
    assert tuple(one.payment for one in carried) == shared.terms.carries
    assert {one.state for one in (shared, *carried)} == {PaymentState.PLANNED}
    again = open_again()
    assert again.carried_by(shared.id) == carried
    assert again.get(carried[1].id).transactions == shared.transactions
    assert again.carried_by(carried[0].id) == []
    again.close()


def test_they_are_delivered_together_each_on_its_own_evidence(journal: JournalMoves) -> None:
    shared, carried = begin_together(journal)
    tx = journal.move_tx(sign(journal, shared.transactions[0]), TxState.MINED)
    assert {journal.get(one.id).state for one in carried} == {PaymentState.SENDING}
    with pytest.raises(IllegalMove):
        journal.move_tx(tx, TxState.FINAL)
    journal.move_tx(tx, TxState.FINAL, arrivals=[1, 2, None])
    ended = [journal.get(one.id) for one in carried]
    assert [(one.state, one.arrived_units, one.delivered_at is None) for one in ended] == [
        (PaymentState.DELIVERED, 1, False),
        (PaymentState.DELIVERED, 2, False),
        (PaymentState.DELIVERED, None, False),
    ]
    assert journal.open_payments() == []
    assert journal.paid_before(carried[0].payment.to.address)
    assert [event.after for event in journal.events(carried[0].id)][-2:] == ["mined", "final"]


def test_a_transaction_that_makes_one_payment_has_no_others_arrivals(journal: JournalMoves) -> None:
    tx = journal.move_tx(sign(journal, begin(journal).transactions[0]), TxState.MINED)
    with pytest.raises(IllegalMove):
        journal.move_tx(tx, TxState.FINAL, arrivals=[1])


def test_none_of_them_is_begun_where_one_was_begun_before(journal: JournalMoves) -> None:
    payments = [a_payment(), a_payment()]
    begin(journal, payments[1], "n/1")
    with pytest.raises(Refused, match="would be paid by this transaction again"):
        journal.begin_all([beginning(payments)])
    assert journal.count() == 1


def test_the_same_again_begins_nothing_and_another_under_its_key_is_refused(journal: JournalMoves) -> None:
    payments = [a_payment(), a_payment()]
    first, second = journal.begin_all([beginning(payments)]), journal.begin_all([beginning(payments)])
    assert (first, journal.count()) == (second, 3)
    with pytest.raises(UsageError):
        journal.begin_all([beginning([*payments, a_payment()])])
    assert journal.count() == 3


def test_a_quote_that_carries_others_than_are_begun_is_an_error(journal: JournalMoves) -> None:
    right = beginning([a_payment(), a_payment()])
    with pytest.raises(ValueError, match="other payments"):
        journal.begin_all([replace(right, carried=right.carried[:1])])


def test_parted_each_has_a_step_of_its_own_and_the_shared_one_is_never_signed(journal: JournalMoves) -> None:
    shared, carried = begin_together(journal)
    steps = {one.id: paying_quote(one.payment, CHAIN).steps[0] for one in carried}
    apart = journal.separate(shared.id, steps, "one is refused")
    assert [one.steps[0].step for one in apart] == list(steps.values())
    assert {one.ride for one in apart} == {None}
    assert journal.get(shared.id).state is PaymentState.CANCELLED
    sign(journal, apart[0].transactions[0])
    assert [journal.get(one.id).state for one in carried] == [
        PaymentState.SENDING,
        PaymentState.PLANNED,
        PaymentState.PLANNED,
    ]
    with pytest.raises(ChangedMeanwhile):
        sign(journal, shared.transactions[0])
    with pytest.raises(ChangedMeanwhile):
        journal.separate(shared.id, steps, "again")


def test_one_that_is_cancelled_without_being_parted_is_not_paid_with_the_others(journal: JournalMoves) -> None:
    shared, carried = begin_together(journal)
    assert journal.cancel(carried[1].id, "it was paid by other means").state is PaymentState.CANCELLED
    assert {journal.get(one.id).state for one in (shared, *carried)} == {PaymentState.CANCELLED}
    with pytest.raises(ChangedMeanwhile):
        sign(journal, shared.transactions[0])


def test_what_is_signed_is_not_parted(journal: JournalMoves) -> None:
    shared, carried = begin_together(journal)
    sign(journal, shared.transactions[0])
    steps = {one.id: paying_quote(one.payment, CHAIN).steps[0] for one in carried}
    with pytest.raises(ChangedMeanwhile):
        journal.separate(shared.id, steps, "too late")
    assert all(journal.get(one.id).ride for one in carried)


def test_no_program_changes_which_call_pays_which_payment(journal: JournalMoves) -> None:
    shared, _ = begin_together(journal)
    for statement in (
        "UPDATE rides SET call = 2 WHERE shared_id = ?",
        "DELETE FROM rides WHERE shared_id = ?",
    ):
        with pytest.raises((*DATABASE_ERRORS, ConfigError)), journal._writing() as db:
            db.execute(statement, (shared.id,))


def test_each_has_its_part_of_the_fee(journal: JournalMoves) -> None:
    shared, carried = begin_together(journal)
    assert [part_of(100, one) for one in carried] == [34, 33, 33]
    assert part_of(100, shared) == 0
    assert part_of(100, begin(journal)) == 100
