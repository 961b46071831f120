"""An equal payment recorded twice: by key, on purpose, or refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from l2send.core.errors import Refused, UsageError
from l2send.core.text import clean
from l2send.wallet.journal.approved_payment import ApprovedPayment
from l2send.wallet.journal.beginnings import MOST_MEMO
from l2send.wallet.journal.states import TxState
from l2send.wallet.journal.transitions import JournalMoves
from tests.wallet.journal.writing import CHAIN, a_payment, begin, bring_to
from tests.wallet.rig import NATIVE, paying_quote


def test_the_same_key_gives_the_same_payment(journal: JournalMoves) -> None:
    payment = a_payment()
    first = begin(journal, payment, "invoice 7")
    assert begin(journal, payment, "invoice 7") == first
    assert len(journal.history()) == 1


def test_the_same_key_for_another_payment_is_an_error(journal: JournalMoves) -> None:
    first = begin(journal, a_payment(), "invoice 7")
    with pytest.raises(UsageError, match=first.id):
        begin(journal, a_payment(), "invoice 7")
    assert len(journal.history()) == 1


def test_the_same_payment_twice_is_refused_by_name(journal: JournalMoves) -> None:
    payment = a_payment()
    first = begin(journal, payment)
    with pytest.raises(Refused, match=first.id) as caught:
        begin(journal, payment)
    assert f"l2send resume {first.id}" in caught.value.hint
    assert begin(journal, a_payment()).id != first.id


def test_the_same_payment_twice_is_possible_on_purpose(journal: JournalMoves) -> None:
    payment = a_payment()
    quote = paying_quote(payment, CHAIN)
    ids = {journal.begin(payment, [quote], key, again=again).id for key, again in [(None, False), (None, True)]}
    assert len(ids) == 2


def test_two_keys_are_two_payments(journal: JournalMoves) -> None:
    payment = a_payment()
    assert begin(journal, payment, "a").id != begin(journal, payment, "b").id
    with pytest.raises(Refused):
        begin(journal, payment)


@pytest.mark.parametrize(("first", "second"), [(None, "a"), ("a", None)])
def test_a_key_on_one_of_two_does_not_tell_them_apart(
    journal: JournalMoves, first: str | None, second: str | None
) -> None:
    payment = a_payment()
    begin(journal, payment, first)
    with pytest.raises(Refused):
        begin(journal, payment, second)


def test_a_payment_that_ended_does_not_block_the_same_again(journal: JournalMoves) -> None:
    payment = a_payment()
    first = begin(journal, payment)
    bring_to(journal, first.transactions[0], TxState.FINAL)
    assert begin(journal, payment).id != first.id


def test_the_token_symbol_does_not_make_another_payment(journal: JournalMoves) -> None:
    payment = a_payment()
    begin(journal, payment)
    renamed = replace(payment, amount=replace(payment.amount, token=replace(NATIVE, symbol="ETHER")))
    with pytest.raises(Refused):
        begin(journal, renamed)


def test_a_payment_without_steps_is_not_begun(journal: JournalMoves) -> None:
    payment = a_payment()
    with pytest.raises(ValueError, match="without steps"):
        journal.begin(payment, [replace(paying_quote(payment, CHAIN), steps=())])
    assert journal.history() == []


def test_what_the_recipient_was_called_is_kept_clean_and_tells_no_payments_apart(journal: JournalMoves) -> None:
    payment = a_payment()
    quote = paying_quote(payment, CHAIN)
    record = journal.begin(payment, [quote], "k", typed_name="alice\x1b[2J.eth\u202e")
    assert record.typed_name == clean("alice\x1b[2J.eth\u202e")
    assert "\x1b" not in record.typed_name
    assert journal.begin(payment, [quote], "k", typed_name="bob") == record
    with pytest.raises(Refused, match="open already"):
        journal.begin(payment, [quote], typed_name="bob")
    assert begin(journal).typed_name == ""


def test_the_memo_is_kept_clean_and_stays_with_every_leg(journal: JournalMoves) -> None:
    payment = a_payment()
    quote = paying_quote(payment, CHAIN)
    record = journal.begin(payment, [quote], "k", memo="rent\x1b[2J May\u202e\n" + "x" * 500)
    assert record.memo.startswith("rent May")
    assert len(record.memo) <= MOST_MEMO
    assert journal.find(record.id).memo == record.memo
    assert journal.begin(payment, [quote], "k", memo="another").memo == record.memo, "the first one is kept"


def beginnings(*keys: str) -> list[ApprovedPayment]:
    return [ApprovedPayment(payment := a_payment(), (paying_quote(payment, CHAIN),), key) for key in keys]


def test_many_are_begun_together_or_none_of_them(journal: JournalMoves) -> None:
    begin(journal, a_payment(), "november/2")
    with pytest.raises(UsageError, match="november/2"):
        journal.begin_all(beginnings("november/1", "november/2", "november/3"))
    assert [record.key for record in journal.history()] == ["november/2"]
    assert [record.key for record in journal.begin_all(beginnings("a/3", "a/1", "b/2"))] == ["a/3", "a/1", "b/2"]


def test_payments_whose_keys_start_alike_are_found_in_the_order_they_were_begun(journal: JournalMoves) -> None:
    journal.begin_all(beginnings("a/3", "a/1", "b/2", "a/\U0001f600", "a0", "a"))
    assert [record.key for record in journal.keyed_under("a/")] == ["a/3", "a/1", "a/\U0001f600"]
    assert journal.keyed_under("c/") == []


def test_the_same_payment_may_stand_in_a_batch_hundreds_of_times(journal: JournalMoves) -> None:
    """Each looks for the same one without a key alone, not at all that are open: 600 take a moment, not a minute."""
    payment = a_payment()
    quote = paying_quote(payment, CHAIN)
    begun = journal.begin_all([ApprovedPayment(payment, (quote,), f"b/{n}") for n in range(600)])
    assert len({record.id for record in begun}) == 600
    with pytest.raises(Refused, match="open already"):
        journal.begin(payment, [quote])
