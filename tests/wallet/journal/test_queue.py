"""The queue over a real journal: an approved line begins once, waits, is withdrawn, and is never changed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from l2send.core.errors import Refused, UsageError
from l2send.core.plan import Payment
from l2send.core.spending_limits import parse_limits
from l2send.core.units import UnixTime
from l2send.wallet.journal.approved_payment import ApprovedPayment
from l2send.wallet.journal.errors import ChangedMeanwhile
from l2send.wallet.journal.proposals import JournalProposals
from l2send.wallet.journal.queue import EVERY_CHAIN
from l2send.wallet.journal.queue_lines import QueuedLine, QueueState
from tests.wallet.journal.writing import CHAIN, SENDER, a_payment, begin, sign
from tests.wallet.rig import ETHER, paying_quote

Open = Callable[[], JournalProposals]
SOON = UnixTime(2**40)
TO = a_payment().to
"""One recipient of all."""


def pay(units: int = 1) -> Payment:
    return replace(a_payment(units), to=TO)


def line(ref: str, units: int = 1, caps: str = "{}", batch: str = "november") -> QueuedLine:
    return QueuedLine(f"{batch}/{ref}", batch, pay(units), caps, "alice", "for November")


def refs(journal: JournalProposals, most: int = 99, at: UnixTime = SOON) -> list[str]:
    return [one.ref for one in journal.waiting(SENDER, at, most)]


def begin_queued(journal: JournalProposals, key: str, payment: Payment) -> str:
    (record,) = journal.begin_all([ApprovedPayment(payment, (paying_quote(payment, CHAIN),), key, True, queued=True)])
    return record.id


def test_what_was_approved_waits_once_in_its_order(journal: JournalProposals, open_again: Open) -> None:
    lines = [line("a"), line("b", 2), line("c", 3)]
    assert journal.enqueue(lines) == 3
    assert journal.enqueue([*lines, line("d")]) == 1
    other = open_again()
    assert refs(other) == ["a", "b", "c", "d"]
    assert refs(other, most=2) == ["a", "b"]
    assert other.count_waiting(SENDER)[0] == 4
    first = other.queued("november")[0]
    assert (first.payment, first.caps, first.typed_name, first.memo) == (
        lines[0].payment,
        "{}",
        "alice",
        "for November",
    )
    assert abs(first.approved_at - time.time()) < 60
    other.close()


def test_what_waits_is_not_paid_beside_it_by_hand_unasked(journal: JournalProposals) -> None:
    journal.enqueue([line("a")])
    with pytest.raises(Refused, match="waits for a worker: 'november/a'"):
        begin(journal, pay())
    assert begin(journal, pay(2)).id
    assert journal.begin(pay(), (paying_quote(pay(), CHAIN),), "other/b").key == "other/b", "both have keys"
    journal.withdraw("november")
    journal.enqueue([line("c", 3)])
    assert journal.begin(pay(3), (paying_quote(pay(3), CHAIN),), again=True).id


def test_what_is_open_without_a_key_is_not_approved_beside_it_unasked(journal: JournalProposals) -> None:
    record = begin(journal, pay())
    with pytest.raises(Refused, match=f"open already: {record.id}"):
        journal.enqueue([line("a")])
    assert journal.enqueue([line("a")], again=True) == 1


def test_one_turn_has_the_lines_of_one_batch_and_one_approval(journal: JournalProposals) -> None:
    journal.enqueue([line("a"), line("b", caps='{"via":"eco"}'), line("c"), line("a", batch="december")])
    assert refs(journal) == ["a", "c"]
    journal.hold_back(["november/a", "november/c"], "no money", UnixTime(SOON + 1))
    assert refs(journal) == ["b"]


def test_a_line_that_is_held_back_says_why_and_waits_for_its_time(journal: JournalProposals) -> None:
    journal.enqueue([line("a")])
    journal.hold_back(["november/a"], "the money does not reach", UnixTime(1000))
    assert refs(journal, at=UnixTime(999)) == []
    assert refs(journal, at=UnixTime(1000)) == ["a"]
    (held,) = journal.queued("november")
    assert (held.state, held.tries, held.detail) == (QueueState.WAITING, 1, "the money does not reach")


def test_a_line_begins_one_payment_whoever_begins_it(journal: JournalProposals) -> None:
    journal.enqueue([line("a"), line("b")])
    payment_id = begin_queued(journal, "november/a", pay())
    by_hand = begin(journal, pay(), "november/b")
    assert [(one.state, one.payment_id) for one in journal.queued("november")] == [
        (QueueState.BEGUN, payment_id),
        (QueueState.BEGUN, by_hand.id),
    ]
    assert refs(journal) == []
    assert begin_queued(journal, "november/a", pay()) == payment_id
    assert len(journal.history()) == 2
    assert journal.begun_open(SENDER) == [payment_id, by_hand.id]
    journal.cancel(payment_id, "no more")
    assert journal.begun_open(SENDER) == [by_hand.id]


def test_payments_that_no_line_began_are_not_the_workers(journal: JournalProposals) -> None:
    begin(journal, pay(), "invoice 7")
    begin(journal)
    begin(journal, pay(2), "december:move/1")
    assert journal.begun_open(SENDER) == []
    journal.enqueue([line("a", batch="december")])
    move = journal.keyed("december:move/1")
    assert move
    assert journal.begun_open(SENDER) == [move.id]


def test_what_was_withdrawn_is_begun_by_no_worker_and_may_be_approved_again(journal: JournalProposals) -> None:
    journal.enqueue([line("a"), line("b")])
    begin_queued(journal, "november/b", pay())
    assert journal.withdraw("november") == 1
    with pytest.raises(ChangedMeanwhile, match="november/a is withdrawn by now"):
        begin_queued(journal, "november/a", pay())
    assert (refs(journal), len(journal.history())) == ([], 1)
    assert journal.enqueue([line("a", caps='{"via":"eco"}'), line("b")]) == 1
    (again,) = journal.waiting(SENDER, SOON, 9)
    assert (again.ref, again.caps) == ("a", '{"via":"eco"}')


def test_a_ref_stands_for_one_payment(journal: JournalProposals) -> None:
    begin(journal, pay(5), "november/paid")
    journal.enqueue([line("a")])
    for other in ([line("a", 2)], [line("paid", 6)], [line("\u0430")]):
        with pytest.raises(UsageError):
            journal.enqueue([line("new"), *other])
    with pytest.raises(UsageError, match="approved for workers with another amount"):
        begin(journal, pay(2), "november/a")
    assert journal.enqueue([line("paid", 5)]) == 0
    assert (refs(journal), len(journal.history())) == (["a"], 1), "all of an approval or nothing of it"


def test_lines_that_wait_count_under_limits_and_once(journal: JournalProposals) -> None:
    journal.read_limits = lambda: [parse_limits({"per_day": ["10 ETH"]}, "", "policy.toml")]
    journal.enqueue([line("a", 6 * ETHER)])
    with pytest.raises(Refused, match="7 of 10 ETH are used today, 3 are left"):
        journal.enqueue([line("b", ETHER), line("c", 4 * ETHER)])
    with pytest.raises(Refused, match="6 of 10 ETH are used today"):
        begin(journal, pay(5 * ETHER))
    (tally,) = journal.tallies(["november/a"])
    tally.check(pay(10 * ETHER))
    begin_queued(journal, "november/a", pay(6 * ETHER))
    assert journal.enqueue([line("d", 4 * ETHER)]) == 1
    assert journal.withdraw("november") == 1
    assert journal.enqueue([line("e", 4 * ETHER)]) == 1


def test_the_constraints_hold_what_was_approved(journal: JournalProposals) -> None:
    import psycopg

    journal.enqueue([line("a"), line("b")])
    begin_queued(journal, "november/b", pay())
    for statement in (
        "DELETE FROM queue",
        "UPDATE queue SET payment = '{}' WHERE key = 'november/a'",
        "UPDATE queue SET sender = '0x'",
        "UPDATE queue SET caps = '{}' WHERE key = 'november/a'",
        "UPDATE queue SET state = 'begun' WHERE key = 'november/a'",
        "UPDATE queue SET state = 'waiting', payment_id = NULL WHERE key = 'november/b'",
        "UPDATE queue SET state = 'done' WHERE key = 'november/a'",
    ):
        with pytest.raises((sqlite3.IntegrityError, psycopg.errors.IntegrityError)):
            journal._db.execute(statement)


@pytest.mark.postgres
def test_an_account_is_one_workers_and_free_with_its_connection(open_postgres: Open) -> None:
    one, two = open_postgres(), open_postgres()
    one.enqueue([line("a")])
    assert one.take_account(EVERY_CHAIN, SENDER)
    assert not two.take_account(EVERY_CHAIN, SENDER)
    assert refs(one) == ["a"]
    with pytest.raises(ChangedMeanwhile, match="another l2send has"):
        refs(two)
    one.close()
    until = time.monotonic() + 10
    while not two.take_account(EVERY_CHAIN, SENDER):
        assert time.monotonic() < until
    assert refs(two) == ["a"]
    tx = begin(two).transactions[0]
    sign(two, tx)
    two.close()
