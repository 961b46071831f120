"""Payments found by the visible characters of their keys, by recipient, and by time; pages of the history."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from l2send.core.address import Address, alike, checksum
from l2send.core.errors import Sent, UsageError
from l2send.core.plan import ChainAddress
from l2send.core.units import Seconds
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.states import TxState
from l2send.wallet.journal.transitions import JournalMoves
from tests.support.addresses import new_address
from tests.wallet.journal.conftest import Open
from tests.wallet.journal.writing import CHAIN, a_payment, begin, bring_to
from tests.wallet.rig import CHAIN_ID, paying_quote


def deliver(journal: JournalMoves, record: PaymentRecord, nonce: int = 0) -> None:
    bring_to(journal, record.transactions[0], TxState.FINAL, nonce)


@pytest.mark.parametrize("key", ["", " inv-9", "inv-9\r", "inv-9\n", "\ufeffinv-9", "inv\u200b-9", "\u3164", "a\udcff"])
def test_a_key_with_something_unseen_is_refused(journal: JournalMoves, key: str) -> None:
    for ask in (
        lambda: begin(journal, key=key),
        lambda: journal.known(a_payment(), key),
        lambda: journal.keyed(key),
    ):
        with pytest.raises(UsageError, match="the idempotency key"):
            ask()
    assert journal.history() == []


@pytest.mark.parametrize(
    "alike",
    [
        "inv\u20119 may",  # a hyphen of a word processor
        "inv\u22129 may",
        "inv\uff0d9 may",
        "\u0456nv-9 may",  # Cyrillic
        "inv-\uff19 may",  # a wide digit
        "inv-9 m\u0251y",
        "inv-9  may",
    ],
)
@pytest.mark.parametrize("another", [True, False])
def test_a_key_that_only_looks_like_a_known_one_neither_pays_nor_counts_as_paid(
    journal: JournalMoves, alike: str, another: bool
) -> None:
    payment = a_payment()
    first = journal.begin(payment, [paying_quote(payment, CHAIN)], "inv-9 may")
    then = a_payment(units=2) if another else payment
    with pytest.raises(UsageError, match=f"looks like that of {first.id}, and is another") as refused:
        journal.begin(then, [paying_quote(then, CHAIN)], alike)
    assert "U+" in refused.value.message
    assert refused.value.sent is Sent.NO
    assert journal.begin(payment, [paying_quote(payment, CHAIN)], "inv-9 may").id == first.id
    assert journal.begin(then, [paying_quote(then, CHAIN)], "INV-9 may", again=True).id != first.id


def test_a_key_in_another_normal_form_is_the_same(journal: JournalMoves) -> None:
    payment = a_payment()
    composed, decomposed = (unicodedata.normalize(form, "rechnung-\u00e9") for form in ("NFC", "NFD"))
    record = begin(journal, payment, decomposed)
    assert record.key == composed
    assert begin(journal, payment, composed).id == record.id
    assert len(journal.history()) == 1


@pytest.mark.parametrize("old", ["inv-9\r", "\ufeffinv-9", " inv-9\n", "inv\u200b-9"])
@pytest.mark.parametrize("typed", ["inv-9", "as it was"])
def test_keys_of_older_journals_are_found(journal: JournalMoves, open_again: Open, old: str, typed: str) -> None:
    """As they were typed then, and as they are typed once the line end is taken off."""
    payment = a_payment()
    record = begin(journal, payment)
    journal._db.execute("UPDATE payments SET idempotency_key = ?", (old,))
    journal._db.execute("UPDATE identity SET rules = 0")  # As before the column was there.
    journal.close()
    reopened = open_again()
    key = old if typed == "as it was" else typed
    for found in (reopened.known(payment, key), reopened.keyed(key), begin(reopened, payment, key)):
        assert found
        assert found.id == record.id
    assert len(reopened.history()) == 1
    with pytest.raises(UsageError, match="belongs to another payment"):
        begin(reopened, a_payment(2), key)
    reopened.close()


def test_the_same_payment_a_moment_later_is_known(journal: JournalMoves) -> None:
    payment = a_payment()
    assert journal.paid_recently(payment, Seconds(60)) is None
    record = begin(journal, payment)
    deliver(journal, record)
    found = journal.paid_recently(payment, Seconds(60))
    assert found
    assert found.id == record.id
    assert journal.paid_recently(a_payment(2), Seconds(60)) is None
    assert journal.paid_recently(replace(payment, to=ChainAddress(CHAIN_ID, new_address())), Seconds(60)) is None
    journal._db.execute("UPDATE payments SET created_at = created_at - 61")
    assert journal.paid_recently(payment, Seconds(60)) is None


@pytest.mark.parametrize("end", [TxState.REVERTED, TxState.REPLACED, TxState.CANCELLED])
def test_a_payment_that_never_arrived_was_not_paid_recently(journal: JournalMoves, end: TxState) -> None:
    payment = a_payment()
    bring_to(journal, begin(journal, payment).transactions[0], end)
    assert journal.paid_recently(payment, Seconds(60)) is None


def with_ends_of(address: Address) -> Address:
    return checksum(address[:6] + new_address()[6:-4] + address[-4:])


def test_accounts_that_were_paid_are_found_by_their_ends(journal: JournalMoves) -> None:
    payment = a_payment()
    begin(journal, payment)
    begin(journal)
    paid = payment.to.address
    imitation = with_ends_of(paid)
    assert alike(paid, imitation)
    assert journal.recipients_like(imitation) == [paid]
    assert journal.recipients_like(paid) == [paid]
    assert journal.recipients_like(new_address()) == []


def test_how_often_an_account_was_paid(journal: JournalMoves) -> None:
    payment = a_payment()
    assert journal.paid_before(payment.to.address) is None
    record = None
    for nonce in range(3):
        record = begin(journal, payment, f"key {nonce}")
        before = journal.paid_before(payment.to.address)
        assert (before.times if before else 0) == nonce, "what is begun is not paid"
        deliver(journal, record, nonce)
    found = journal.paid_before(payment.to.address)
    assert found
    assert record
    assert (found.times, found.last_at, found.more) == (3, record.created_at, False)


def test_pages_of_the_history_make_it_up(journal: JournalMoves) -> None:
    ids = [begin(journal, a_payment(n)).id for n in range(1, 8)][::-1]
    assert [record.id for record in journal.history(3)] == ids[:3]
    assert [record.id for record in journal.history(3, ids[2])] == ids[3:6]
    assert [record.id for record in journal.history(before=ids[5])] == ids[6:]
    assert [record.id for record in journal.stream()] == ids
    assert journal.count() == 7
    with pytest.raises(UsageError, match="no payment"):
        journal.history(3, "p-22222222")


def test_a_plain_payment_is_read_by_two_statements(path: Path) -> None:
    """It is read some twenty times on its way: tables that have nothing of it are not asked."""
    journal, statements = SqliteJournal(path), list[str]()
    record = begin(journal)
    journal._db.set_trace_callback(statements.append)
    assert journal.get(record.id) == record
    assert len(statements) == 2
    journal.close()
