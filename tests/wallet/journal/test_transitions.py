"""States change only along their tables, by this process, another one, or plain SQL."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from l2send.core.bridge_protocol import OrderState
from l2send.core.errors import Refused
from l2send.core.plan import Step, StepKind, UnsignedTx
from l2send.core.units import BlockNumber, Gas, Nonce, Wei
from l2send.wallet.journal.protocol import ChangedMeanwhile, IllegalMove
from l2send.wallet.journal.states import ORDER_TRANSITIONS, REPLACEABLE, TRANSITIONS, PaymentState, TxState
from l2send.wallet.journal.transitions import JournalMoves
from tests.support.addresses import new_address
from tests.wallet.journal.writing import DATABASE_ERRORS, SENDER, begin, begin_order, bring_to, sign, sign_again
from tests.wallet.rig import CHAIN_ID

INSERT_REPLACEMENT = (
    "INSERT INTO transactions SELECT payment_id, 2, kind, chain_id, sender, body, state, {nonce}, 'hash', raw,"
    " signed_at, block, block_hash, detail, {replaces}, elsewhere, NULL, NULL, NULL, NULL, turn, maybe_paid"
    " FROM transactions WHERE step = 0"
)


@pytest.mark.parametrize("before", TxState)
def test_transactions_move_along_the_table_and_not_otherwise(journal: JournalMoves, before: TxState) -> None:
    for nonce, after in enumerate(TxState):
        tx = bring_to(journal, begin(journal).transactions[0], before, nonce)
        if after not in (TxState.SIGNED, TxState.VOID) and after in TRANSITIONS[before]:
            moved = journal.move_tx(tx, after, block=BlockNumber(7), block_hash="0x7", detail="why")
            assert (moved.state, moved.block, moved.detail) == (after, 7, "why")
        else:
            with pytest.raises(IllegalMove):
                journal.move_tx(tx, after)
            assert journal.get(tx.payment_id).transactions[0] == tx


@pytest.mark.parametrize("state", TxState)
def test_only_what_waits_for_its_nonce_is_signed_again(journal: JournalMoves, state: TxState) -> None:
    tx = bring_to(journal, begin(journal).transactions[0], state)
    before = journal.get(tx.payment_id)
    if state in REPLACEABLE:
        again = sign_again(journal, tx)
        assert (again.state, again.nonce, again.replaces, again.index) == (TxState.SIGNED, tx.nonce, 0, 1)
        assert journal.get(tx.payment_id).transactions == (tx, again)
        assert journal.get(tx.payment_id).approved == (tx,)
        assert journal.get(tx.payment_id).steps == (again,)
    else:
        with pytest.raises(ChangedMeanwhile):
            sign_again(journal, tx)
        assert journal.get(tx.payment_id) == before


def test_of_two_that_sign_again_the_second_is_told(journal: JournalMoves) -> None:
    tx = sign(journal, begin(journal).transactions[0])
    newer = sign_again(journal, tx)
    with pytest.raises(ChangedMeanwhile):
        sign_again(journal, tx)
    newest = sign_again(journal, newer)
    assert newest.replaces == 0
    assert [t.index for t in journal.get(tx.payment_id).attempts(0)] == [0, 1, 2]
    journal.move_tx(tx, TxState.MINED)
    with pytest.raises(ChangedMeanwhile):
        sign_again(journal, newest)


@pytest.mark.parametrize("winner", [0, 1, 2])
@pytest.mark.parametrize("end", [TxState.FINAL, TxState.REVERTED])
def test_the_end_of_one_voids_the_others_in_the_same_commit(journal: JournalMoves, winner: int, end: TxState) -> None:
    first = sign(journal, begin(journal).transactions[0])
    attempts = [first, second := sign_again(journal, first), sign_again(journal, second)]
    before = {TxState.FINAL: TxState.MINED, TxState.REVERTED: TxState.REVERTING}[end]
    journal.move_tx(journal.move_tx(attempts[winner], before), end)
    record = journal.get(first.payment_id)
    assert [tx.state for tx in record.transactions] == [end if i == winner else TxState.VOID for i in range(3)]
    assert record.steps == (record.transactions[winner],)
    assert record.state is (PaymentState.DELIVERED if end is TxState.FINAL else PaymentState.REVERTED)
    assert not record.meaning.open
    assert {e.detail for e in journal.events(record.id) if e.after == "void"} == {attempts[winner].hash}


@pytest.mark.parametrize("end", [TxState.FINAL, TxState.REVERTED])
def test_a_cancel_that_ended_in_a_block_cancels_its_payment(journal: JournalMoves, end: TxState) -> None:
    cancel = sign_again(journal, sign(journal, begin(journal).transactions[0]), StepKind.CANCEL)
    before = {TxState.FINAL: TxState.MINED, TxState.REVERTED: TxState.REVERTING}[end]
    cancel = journal.move_tx(cancel, before)
    assert journal.get(cancel.payment_id).state is PaymentState.SENDING, "a block can be taken back"
    journal.move_tx(cancel, end)
    record = journal.get(cancel.payment_id)
    assert (record.state, record.meaning.open) == (PaymentState.CANCELLED, False)


@pytest.mark.parametrize(("before", "after"), list(product(ORDER_TRANSITIONS, OrderState)))
def test_orders_move_along_the_table_and_not_otherwise(
    journal: JournalMoves, before: OrderState, after: OrderState
) -> None:
    record = begin_order(journal)
    for state in [] if before is OrderState.NOT_OPEN else [OrderState.OPEN, before]:
        if record.order and record.order.state is not state:
            record = journal.move_order(record, state)
    if after in ORDER_TRANSITIONS[before]:
        moved = journal.move_order(record, after, fill_tx="0xf", detail="why")
        assert moved.order
        assert (moved.order.state, moved.order.fill_tx, moved.order.detail) == (after, "0xf", "why")
    else:
        with pytest.raises(IllegalMove):
            journal.move_order(record, after)


def test_who_comes_second_is_told(journal: JournalMoves) -> None:
    tx = begin(journal).transactions[0]
    signed = sign(journal, tx)
    with pytest.raises(ChangedMeanwhile):
        sign(journal, tx, 1)
    journal.move_tx(signed, TxState.BROADCAST)
    with pytest.raises(ChangedMeanwhile):
        journal.move_tx(signed, TxState.MINED)
    record = begin_order(journal)
    journal.move_order(record, OrderState.OPEN)
    with pytest.raises(ChangedMeanwhile):
        journal.move_order(record, OrderState.OPEN)


def test_a_hash_that_is_not_of_the_bytes_is_refused(journal: JournalMoves) -> None:
    tx = begin(journal).transactions[0]
    with pytest.raises(IllegalMove):
        journal.record_signed(tx, Nonce(0), "0x" + "00" * 32, b"bytes")
    assert journal.highest_nonce(CHAIN_ID, SENDER) is None


def test_signed_bytes_and_history_cannot_be_changed_even_by_sql(journal: JournalMoves) -> None:
    sign_again(journal, sign(journal, begin(journal).transactions[0]))
    for statement in (
        "UPDATE transactions SET raw = substr(raw, 2)",
        "UPDATE transactions SET nonce = 5",
        "UPDATE transactions SET raw = NULL, nonce = NULL, hash = NULL, state = 'planned'",
        "DELETE FROM transactions",
        "DELETE FROM events",
        "UPDATE events SET after = 'final'",
        "UPDATE transactions SET replaces = NULL WHERE replaces IS NOT NULL",
        "UPDATE transactions SET replaces = 0 WHERE replaces IS NULL",
        INSERT_REPLACEMENT.format(nonce="nonce + 1", replaces=0),
        INSERT_REPLACEMENT.format(nonce="nonce", replaces=1),
    ):
        with pytest.raises(DATABASE_ERRORS):
            journal._db.execute(statement)


def test_cancelling_leaves_what_was_signed(journal: JournalMoves) -> None:
    record = begin_order(journal)
    sign(journal, record.transactions[0])
    record = journal.cancel(record.id, "too late")
    assert [tx.state for tx in record.transactions] == [TxState.SIGNED, TxState.CANCELLED]
    assert record.state is PaymentState.CANCELLED


def test_one_refund_at_a_time(journal: JournalMoves) -> None:
    record = begin_order(journal)
    step = Step(StepKind.REFUND, UnsignedTx(CHAIN_ID, new_address(), Wei(0), b"\2"), Gas(1))
    refund = journal.add_refund(record.id, step)
    assert refund.index == 2
    assert journal.get(record.id).refunds == (refund,)
    with pytest.raises(Refused):
        journal.add_refund(record.id, step)
    bring_to(journal, refund, TxState.REVERTED)
    assert journal.add_refund(record.id, step).index == 3
    with pytest.raises(IllegalMove):
        journal.add_refund(record.id, replace(step, kind=StepKind.TRANSFER))
