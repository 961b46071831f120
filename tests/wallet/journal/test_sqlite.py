"""The journal on a real file: what is written can be read, found by id, and followed by its events."""

from __future__ import annotations

import pytest

from l2send.core.errors import UsageError
from l2send.core.units import Nonce, UnixTime
from l2send.wallet.journal.states import PaymentState, TxState
from l2send.wallet.journal.transitions import JournalMoves
from tests.support.addresses import new_address
from tests.wallet.journal.conftest import Open
from tests.wallet.journal.writing import CHAIN, SENDER, a_payment, begin, begin_one, begin_order, bring_to, sign
from tests.wallet.rig import CHAIN_ID, order_of, paying_quote


def test_a_payment_is_read_as_it_was_written(journal: JournalMoves, open_again: Open) -> None:
    payment = a_payment(2**255)
    quote = paying_quote(payment, CHAIN, order=order_of(payment, 2**33))
    record = begin_one(journal, payment, quote, "key")
    again = open_again()
    assert again.get(record.id) == record
    again.close()
    assert record.payment == payment
    assert record.order
    assert record.order.order == quote.order
    assert [tx.step for tx in record.transactions] == list(quote.steps)
    assert record.state is PaymentState.PLANNED


def test_ids_are_short_and_hard_to_misread(journal: JournalMoves) -> None:
    ids = [begin(journal).id for _ in range(50)]
    assert len(set(ids)) == 50
    assert all(len(i) == 10 and i.startswith("p-") and not set(i[2:]) & set("01oilu") for i in ids)


def test_a_prefix_finds_its_payment(journal: JournalMoves) -> None:
    record = begin(journal)
    for wanted in (record.id, record.id.upper(), record.id[:5], record.id[2:], f" {record.id} "):
        assert journal.get(wanted).id == record.id


@pytest.mark.parametrize("wanted", ["", "p-", "p-2", "p-%", "p-_______", "p-0000", "'; --", "p-" + "2" * 9])
def test_what_is_no_id_is_refused(journal: JournalMoves, wanted: str) -> None:
    begin(journal)
    with pytest.raises(UsageError):
        journal.get(wanted)


def test_an_ambiguous_prefix_names_the_candidates(journal: JournalMoves) -> None:
    ids = set[str]()
    while not any(sum(i.startswith(p) for i in ids) > 1 for p in {i[:5] for i in ids}):
        ids |= {begin(journal).id for _ in range(50)}
    prefix = next(p for p in {i[:5] for i in ids} if sum(i.startswith(p) for i in ids) > 1)
    with pytest.raises(UsageError, match="is the start of"):
        journal.get(prefix)


def test_events_tell_the_whole_story(journal: JournalMoves) -> None:
    record = begin(journal)
    tx = bring_to(journal, record.transactions[0], TxState.FINAL)
    events = [(e.subject, e.before, e.after) for e in journal.events(record.id)]
    assert events[0] == ("payment", "", "planned")
    assert [after for _, _, after in events[1:]] == ["signed", "mined", "final"]
    assert journal.events(record.id)[1].detail == tx.hash


def test_foreign_words_are_cleaned(journal: JournalMoves) -> None:
    tx = sign(journal, begin(journal).transactions[0])
    assert journal.note_tx(tx, "\x1b[31mred\u202e" + "x" * 1000).detail == "red" + "x" * 296 + "…"


def test_words_about_a_transaction_are_in_its_history_once(journal: JournalMoves) -> None:
    tx = sign(journal, begin(journal).transactions[0])
    for _ in range(2):
        tx = journal.note_tx(tx, "refused as underpriced")
    said = [event for event in journal.events(tx.payment_id) if event.detail == "refused as underpriced"]
    assert [(event.subject, event.before, event.after) for event in said] == [("step 0", "signed", "signed")]


def test_the_highest_nonce_is_of_one_account_on_one_chain(journal: JournalMoves) -> None:
    for nonce in (3, 9, 4):
        sign(journal, begin(journal).transactions[0], nonce)
    assert journal.highest_nonce(CHAIN_ID, SENDER) == 9
    assert journal.highest_nonce(CHAIN_ID, new_address()) is None
    assert [tx.nonce for tx in journal.signed_from(CHAIN_ID, SENDER, Nonce(4))] == [4, 9]


def test_open_payments_are_those_that_may_still_change(journal: JournalMoves) -> None:
    records = {state: begin(journal) for state in TxState}
    for nonce, (state, record) in enumerate(records.items()):
        bring_to(journal, record.transactions[0], state, nonce)
    bridged = begin_order(journal)
    for i, tx in enumerate(bridged.transactions):
        bring_to(journal, tx, TxState.FINAL, 20 + i)
    found = journal.open_payments()
    assert {r.id for r in found} == {r.id for r in journal.history() if r.meaning.open}
    assert bridged.id in {r.id for r in found}
    assert [r.created_at for r in found] == sorted((r.created_at for r in found), reverse=True)


def test_time_is_this_machines(journal: JournalMoves) -> None:
    import time

    assert abs(begin(journal).created_at - UnixTime(int(time.time()))) <= 2
