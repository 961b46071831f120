"""Messages for a sponsor in the journal, on a real file: written once, changed along the table, never replaced."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from l2send.core.address import Address
from l2send.core.calldata import TRANSFER
from l2send.core.errors import Refused, Sent
from l2send.core.operation import Operation
from l2send.core.plan import Message, MessageKind, Payment, Quote, Sponsored, UnsignedTx
from l2send.core.typed_data import TypedData
from l2send.core.units import BlockNumber, Gas, UnixTime, Wei
from l2send.wallet.journal.protocol import ChangedMeanwhile, IllegalMove
from l2send.wallet.journal.records import GroupRecord, PaymentRecord
from l2send.wallet.journal.states import SPONSORED_TRANSITIONS, PaymentState, SponsoredState
from l2send.wallet.journal.transitions import JournalMoves
from tests.wallet.journal.conftest import Open
from tests.wallet.journal.writing import DATABASE_ERRORS, a_payment, begin
from tests.wallet.rig import chain_at, order_of, paying_quote

TOKEN = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
CHAIN = chain_at("http://127.0.0.1:1")
DATA = TypedData(
    domain={"name": "Permit2", "chainId": "1"},
    types={"Order": (("uint256", "nonce"),)},
    primary_type="Order",
    message={"nonce": str(2**256 - 1)},
)
SPONSORED = Sponsored(
    messages=(Message(MessageKind.PERMIT, DATA), Message(MessageKind.OPEN_FOR, DATA)),
    open_deadline=UnixTime(2**32 - 1),
    since=BlockNumber(7),
)


def a_quote(units: int = 1) -> Quote:
    payment = a_payment(units)
    quote = paying_quote(payment, CHAIN, order=order_of(payment, 2**33))
    return replace(quote, steps=(), sponsored=SPONSORED)


def begin_sponsored(journal: JournalMoves) -> PaymentRecord:
    record = journal.begin(a_payment(), [a_quote()])
    assert isinstance(record, PaymentRecord)
    return record


def sign(journal: JournalMoves, record: PaymentRecord) -> PaymentRecord:
    return journal.record_messages_signed(record, [secrets.token_bytes(65) for _ in SPONSORED.messages])


def bring_to(journal: JournalMoves, record: PaymentRecord, state: SponsoredState) -> PaymentRecord:
    if state is SponsoredState.PLANNED:
        return record
    if state is SponsoredState.CANCELLED:
        return journal.cancel(record.id, "by its sender")
    record = sign(journal, record)
    for on_the_way, reached in _BEYOND.items():
        if state in reached:
            record = journal.move_sponsored(record, on_the_way)
    return record if state is SponsoredState.SIGNED else journal.move_sponsored(record, state)


_BEYOND = {
    SponsoredState.EXECUTED: {SponsoredState.FINAL, SponsoredState.FAILED},
    SponsoredState.INDETERMINATE: {SponsoredState.REPLACED, SponsoredState.TAKEN_BACK},
}


def an_operation(units: int, key: int) -> tuple[Payment, Quote]:
    payment = a_payment(units)
    call = UnsignedTx(CHAIN.chain_id, TOKEN, Wei(0), TRANSFER.encode(payment.to.address, units))
    operation = Operation(CHAIN.chain_id, TOKEN, payment.sender, key, (call,), Gas(100_000))
    sponsored = Sponsored((Message(MessageKind.OPERATION, operation.typed),), None, BlockNumber(7))
    return payment, replace(paying_quote(payment, CHAIN), steps=(), sponsored=sponsored)


def state_of(record: PaymentRecord) -> SponsoredState:
    assert record.sponsored
    return record.sponsored.state


def test_what_is_written_is_what_is_read(journal: JournalMoves, open_again: Open) -> None:
    record = begin_sponsored(journal)
    assert record.sponsored
    assert (record.sponsored.sponsored, record.transactions, record.state) == (SPONSORED, (), PaymentState.PLANNED)
    signatures = [secrets.token_bytes(65), secrets.token_bytes(65)]
    signed = journal.record_messages_signed(record, signatures)
    assert signed.sponsored
    assert signed.sponsored.signatures == tuple(signatures)
    assert (signed.state, signed.moved) == (PaymentState.SENDING, Sent.MAYBE)
    opened = journal.move_sponsored(signed, SponsoredState.OPENED, opening_tx="0xab", block=BlockNumber(9))
    again = open_again()
    assert again.get(record.id) == opened
    again.close()
    assert [event.after for event in journal.events(record.id)] == ["planned", "signed", "opened"]


def test_an_operation_is_what_was_written_and_brings_what_arrived(journal: JournalMoves) -> None:
    payment, quote = an_operation(5, 2**192 - 1)
    record = journal.begin(payment, [quote])
    assert isinstance(record, PaymentRecord)
    assert record.sponsored
    assert (record.sponsored.sponsored, record.order, record.state) == (quote.sponsored, None, PaymentState.PLANNED)
    signed = journal.record_messages_signed(record, [secrets.token_bytes(65)])
    assert (signed.can_be_taken_back, signed.state, signed.moved) == (True, PaymentState.SENDING, Sent.MAYBE)
    ran = journal.move_sponsored(signed, SponsoredState.EXECUTED, opening_tx="0xab", block=BlockNumber(9))
    assert (ran.state, ran.moved, ran.delivered_at) == (PaymentState.SENDING, Sent.YES, None)
    done = journal.move_sponsored(ran, SponsoredState.FINAL, opening_tx="0xab", block=BlockNumber(9), arrived=4)
    assert (done.state, done.arrived_units, done.delivered_at is not None) == (PaymentState.DELIVERED, 4, True)


def test_one_operation_is_approved_for_each_nonce(journal: JournalMoves) -> None:
    first = journal.begin(*_listed(an_operation(1, 7)))
    with pytest.raises(Refused, match=f"is that of {first.id}"):
        journal.begin(*_listed(an_operation(2, 7)))
    second = journal.begin(*_listed(an_operation(2, 8)))
    for statement in ("UPDATE sponsored SET nonce = '9'", "UPDATE sponsored SET account = 'a'"):
        with pytest.raises(DATABASE_ERRORS, match="never changed"):
            journal._db.execute(statement)
    nonce = journal._rows("SELECT nonce FROM sponsored WHERE payment_id = ?", second.id)[0]["nonce"]
    assert nonce == str(8 << 64)


def _listed(one: tuple[Payment, Quote]) -> tuple[Payment, list[Quote]]:
    return one[0], [one[1]]


@pytest.mark.parametrize("before", SponsoredState)
def test_messages_move_along_the_table_and_not_otherwise(journal: JournalMoves, before: SponsoredState) -> None:
    for after in SponsoredState:
        payment = a_payment()
        quote = replace(paying_quote(payment, CHAIN, order=order_of(payment, 2**33)), steps=(), sponsored=SPONSORED)
        fresh = journal.begin(payment, [quote])
        assert isinstance(fresh, PaymentRecord)
        record = bring_to(journal, fresh, before)
        # Signing and cancelling have doors of their own.
        if before is not SponsoredState.PLANNED and after in SPONSORED_TRANSITIONS[before]:
            assert state_of(journal.move_sponsored(record, after)) is after
        else:
            with pytest.raises(IllegalMove):
                journal.move_sponsored(record, after)
            assert journal.get(record.id) == record


@pytest.mark.parametrize("state", [s for s in SponsoredState if s is not SponsoredState.PLANNED])
def test_only_planned_messages_are_signed_or_cancelled(journal: JournalMoves, state: SponsoredState) -> None:
    record = bring_to(journal, begin_sponsored(journal), state)
    with pytest.raises(ChangedMeanwhile):
        sign(journal, record)
    assert journal.cancel(record.id, "too late") == record


def test_who_believes_in_another_state_changes_nothing(journal: JournalMoves) -> None:
    signed = sign(journal, begin_sponsored(journal))
    opened = journal.move_sponsored(signed, SponsoredState.OPENED)
    with pytest.raises(ChangedMeanwhile):
        journal.move_sponsored(signed, SponsoredState.EXPIRED)
    with pytest.raises(ChangedMeanwhile):
        journal.note_sponsored(signed, "words")
    assert journal.get(signed.id) == opened


def test_every_message_has_one_signature(journal: JournalMoves) -> None:
    record = begin_sponsored(journal)
    for wrong in ([], [bytes(65)], [bytes(65), bytes(64)], [bytes(65)] * 3):
        with pytest.raises(IllegalMove):
            journal.record_messages_signed(record, wrong)
    with pytest.raises(IllegalMove):
        journal.record_messages_signed(begin(journal), [bytes(65)])
    assert state_of(journal.get(record.id)) is SponsoredState.PLANNED


@pytest.mark.parametrize(
    "statement",
    ["UPDATE sponsored SET signatures = NULL", "UPDATE sponsored SET body = '{}'", "DELETE FROM sponsored"],
)
def test_no_program_exchanges_or_deletes_what_was_signed(journal: JournalMoves, statement: str) -> None:
    record = sign(journal, begin_sponsored(journal))
    with pytest.raises(DATABASE_ERRORS, match="never"):
        journal._db.execute(statement)
    assert journal.get(record.id) == record


def test_a_payment_has_steps_or_messages(journal: JournalMoves) -> None:
    payment = a_payment(2)
    both = replace(paying_quote(payment, CHAIN, order=order_of(payment, 2**33)), sponsored=SPONSORED)
    with pytest.raises(ValueError, match="never both"):
        journal.begin(payment, [both])
    assert journal.history() == []


def begin_mixed(journal: JournalMoves) -> GroupRecord:
    """Two legs: one of a transaction of the sender's, one that a sponsor opens."""
    payment = a_payment(2)
    own = paying_quote(replace(payment, amount=replace(payment.amount, units=1)), CHAIN)
    group = journal.begin(payment, [own, a_quote(1)])
    assert isinstance(group, GroupRecord)
    return group


def test_a_leg_can_be_opened_by_a_sponsor(journal: JournalMoves) -> None:
    group = begin_mixed(journal)
    own, sponsored = group.legs
    assert (own.sponsored, sponsored.transactions) == (None, ())
    assert (group.state, group.moved) == (PaymentState.PLANNED, Sent.NO)
    assert journal.open_payments() == [group]
    signed = sign(journal, sponsored)
    group = journal.find(group.id)  # type: ignore[assignment]
    assert (group.legs, group.state, group.moved) == ((own, signed), PaymentState.SENDING, Sent.MAYBE)
    journal.move_sponsored(signed, SponsoredState.OPENED)
    assert journal.find(group.id).moved is Sent.YES


def test_all_legs_are_given_up_together_unless_a_sponsor_may_have_one(journal: JournalMoves) -> None:
    first, second = begin_mixed(journal), begin_mixed(journal)
    given_up = journal.abandon(first, "too late")
    assert [leg.state for leg in given_up.legs] == [PaymentState.CANCELLED] * 2
    assert given_up.moved is Sent.NO
    sign(journal, second.legs[1])
    with pytest.raises(ChangedMeanwhile):
        journal.abandon(second, "too late")
    assert [leg.state for leg in journal.find(second.id).legs] == [PaymentState.PLANNED, PaymentState.SENDING]
