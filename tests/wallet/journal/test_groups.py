"""Payments from several chains in the journal: recorded together or not at all, one id, one key, one state."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from l2send.core.errors import CannotPay, L2sendError, NotFinal, Refused, Sent, UsageError
from l2send.core.plan import Payment, Quote
from l2send.core.units import Amount
from l2send.wallet.journal.proposals import JournalProposals
from l2send.wallet.journal.protocol import ChangedMeanwhile
from l2send.wallet.journal.records import GroupRecord, PaymentRecord, Record
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.sqlite_presence import witness_path
from l2send.wallet.journal.states import PaymentState, TxState
from l2send.wallet.legs import missing, side_by_side
from tests.support.addresses import new_address
from tests.wallet.journal.writing import DATABASE_ERRORS, a_payment, begin, bring_to
from tests.wallet.rig import CHAIN_ID, NATIVE, chain_at, paying_quote

CHAIN = chain_at("http://127.0.0.1:1")


def parts_of(payment: Payment, *units: int) -> list[Quote]:
    return [paying_quote(replace(payment, amount=Amount(part, NATIVE)), CHAIN) for part in units]


def begin_legs(
    journal: JournalProposals, payment: Payment | None = None, key: str | None = None, *, again: bool = False
) -> GroupRecord:
    payment = payment or a_payment(10)
    record = journal.begin(payment, parts_of(payment, 5, 3, 2), key, again=again)
    assert isinstance(record, GroupRecord)
    return record


def test_several_legs_are_one_payment(journal: JournalProposals) -> None:
    payment = a_payment(10)
    group = begin_legs(journal, payment)
    assert group.payment == payment
    assert [leg.payment.amount.units for leg in group.legs] == [5, 3, 2]
    assert [leg.id for leg in group.legs] == [f"{group.id}.{n}" for n in (1, 2, 3)]
    assert group.state is PaymentState.PLANNED
    assert journal.history() == journal.open_payments() == [group]


@pytest.mark.parametrize("form", ["{}", "{}.1", "{}.3"])
def test_any_of_its_ids_names_the_whole(journal: JournalProposals, form: str) -> None:
    group = begin_legs(journal)
    assert journal.find(form.format(group.id)) == group
    assert journal.find(group.id[:6]) == group
    assert journal.find(group.id[2:]) == group


def test_a_leg_is_had_by_its_own_id(journal: JournalProposals) -> None:
    group = begin_legs(journal)
    assert journal.get(f"{group.id}.2") == group.legs[1]
    with pytest.raises(UsageError, match="several chains") as refused:
        journal.get(group.id)
    assert f"{group.id}.3" in refused.value.hint


def test_more_than_nine_legs_keep_their_order(journal: JournalProposals) -> None:
    payment = a_payment(78)
    group = journal.begin(payment, parts_of(payment, *range(1, 13)))
    assert [leg.payment.amount.units for leg in group.legs] == list(range(1, 13))
    assert journal.get(f"{group.id}.1").payment.amount.units == 1
    assert journal.find(f"{group.id}.12") == group


def test_all_legs_are_begun_or_none(journal: JournalProposals) -> None:
    payment = a_payment(10)
    broken = [
        *parts_of(payment, 5, 3),
        replace(paying_quote(replace(payment, amount=Amount(2, NATIVE)), CHAIN), steps=()),
    ]
    with pytest.raises(ValueError, match="without steps"):
        journal.begin(payment, broken)
    with pytest.raises(ValueError, match="do not sum"):
        journal.begin(payment, parts_of(payment, 5, 4))
    assert journal.history() == []


def test_the_key_stands_for_the_whole(journal: JournalProposals) -> None:
    """However it is planned the second time: from other chains, or from one."""
    payment = a_payment(10)
    group = begin_legs(journal, payment, "invoice 7")
    assert begin_legs(journal, payment, "invoice 7") == group
    assert journal.begin(payment, [paying_quote(payment, CHAIN)], "invoice 7") == group
    assert group.key == "invoice 7"
    with pytest.raises(UsageError, match=rf"another payment, {group.id}\.$"):
        begin_legs(journal, a_payment(10), "invoice 7")
    assert len(journal.history()) == 1


def test_the_same_payment_twice_is_refused_by_the_id_of_the_whole(journal: JournalProposals) -> None:
    payment = a_payment(10)
    group = begin_legs(journal, payment)
    for legs in (parts_of(payment, 9, 1), [paying_quote(payment, CHAIN)]):
        with pytest.raises(Refused, match=rf"open already: {group.id} "):
            journal.begin(payment, legs)
    assert begin_legs(journal, payment, again=True).id != group.id


def test_a_part_is_not_the_payment(journal: JournalProposals) -> None:
    """5 of the 10 go to the same person: paying 5 to them is another payment."""
    payment = a_payment(10)
    begin_legs(journal, payment)
    assert begin(journal, replace(payment, amount=Amount(5, NATIVE))).state is PaymentState.PLANNED


def test_its_state_is_that_of_its_legs(journal: JournalProposals) -> None:
    group = begin_legs(journal)
    first, second, third = (leg.transactions[0] for leg in group.legs)
    bring_to(journal, first, TxState.FINAL)
    part = journal.find(group.id)
    assert (part.state, part.delivered.units, missing(part)) == (PaymentState.PARTLY_DELIVERED, 5, None)
    bring_to(journal, second, TxState.FINAL)
    bring_to(journal, third, TxState.REVERTED)
    part = journal.find(group.id)
    assert (part.state, part.delivered.units) == (PaymentState.PARTLY_PAID, 8)
    rest = missing(part)
    assert rest
    assert rest.amount.units == 2
    assert journal.open_payments() == []


def test_abandoning_ends_all_legs_together(journal: JournalProposals) -> None:
    group = journal.abandon(begin_legs(journal), "a quote expired")
    assert group.state is PaymentState.CANCELLED
    assert journal.open_payments() == []


def test_what_began_to_pay_is_not_abandoned(journal: JournalProposals) -> None:
    group = begin_legs(journal)
    bring_to(journal, group.legs[1].transactions[0], TxState.SIGNED)
    with pytest.raises(ChangedMeanwhile):
        journal.abandon(group, "too late")
    assert [leg.state.value for leg in journal.find(group.id).legs] == ["planned", "sending", "planned"]


def test_old_rows_are_payments_from_one_chain(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal written before there were legs opens with all it held."""
    new = SqliteJournal(path)
    record = begin(new)
    new.close()
    db = sqlite3.connect(path)
    for trigger in ("legs", "fees", "arrivals", "memos"):
        db.execute(f"DROP TRIGGER {trigger}_stay")
    db.execute("DROP TRIGGER payments_stay_closed")
    for index in ("group", "open", "open_same", "same", "key_seen", "recipient", "created"):
        db.execute(f"DROP INDEX payments_{index}")
    db.execute("CREATE INDEX payments_fingerprint ON payments (fingerprint)")
    db.execute("DROP TABLE recipients")
    db.execute("DROP TABLE identity")
    witness_path(path).unlink()
    db.execute("DROP INDEX transactions_turn")
    for column in (
        "group_id",
        "leg",
        "typed_name",
        "state",
        "is_open",
        "recipient",
        "key_seen",
        "arrived",
        "memo",
        "closed_at",
    ):
        db.execute(f"ALTER TABLE payments DROP COLUMN {column}")
    db.execute("ALTER TABLE payments DROP COLUMN delivered_at")
    for column in ("elsewhere", "gas_used", "gas_price", "l1_fee", "operator_fee", "turn", "maybe_paid"):
        db.execute(f"ALTER TABLE transactions DROP COLUMN {column}")
    db.execute("DROP TABLE sponsored")
    db.execute("DROP TABLE proposals")
    for table in ("rides", "queue", "shared_limits"):
        db.execute(f"DROP TABLE {table}")
    db.execute("PRAGMA user_version = 2")
    db.commit()
    db.close()
    again = SqliteJournal(path)
    assert again.history() == [record]
    assert begin_legs(again).legs[0].payment.to.chain_id == CHAIN_ID
    again.close()


def test_a_leg_stays_with_its_payment(journal: JournalProposals) -> None:
    group = begin_legs(journal)
    with pytest.raises(DATABASE_ERRORS, match="stays with its payment"):
        journal._db.execute("UPDATE payments SET group_id = ? WHERE id = ?", (new_address(), group.legs[0].id))


def run_legs(
    journal: JournalProposals, group: GroupRecord, does: dict[int, TxState | Exception]
) -> tuple[Record | None, L2sendError | None, list[str]]:
    """Carry the legs on: each brings its transaction to a state, or fails, in turn. What came back, or was raised."""
    said = list[str]()

    async def work(leg: PaymentRecord, say: Callable[[str], None]) -> None:
        await asyncio.sleep(0)
        doing = does[int(leg.id[-1])]
        if isinstance(doing, Exception):
            if isinstance(doing, Refused):
                journal.cancel(leg.id, doing.message)
            raise doing
        bring_to(journal, leg.transactions[0], doing)
        say("done")

    try:
        return asyncio.run(side_by_side(group, journal, work, said.append)), None, said
    except L2sendError as error:
        return None, error, said


def test_a_leg_that_fails_does_not_stop_the_others(journal: JournalProposals) -> None:
    group = begin_legs(journal)
    after, error, said = run_legs(journal, group, {1: CannotPay("no gas"), 2: TxState.FINAL, 3: TxState.FINAL})
    assert after is None
    assert isinstance(error, NotFinal)
    assert error.message.splitlines() == [
        f"{group.id} is partly delivered. The recipient has a part of the money; the rest is not there yet.",
        f"{group.id}.1 by direct: no gas",
    ]
    assert error.sent is Sent.YES
    assert f"l2send resume {group.id}" in error.hint
    assert said == ["leg 2: done", "leg 3: done"]


def test_a_leg_that_ends_unpaid_is_told_and_the_rest_is_named(journal: JournalProposals) -> None:
    after, error, said = run_legs(
        journal, begin_legs(journal), {1: TxState.FINAL, 2: TxState.FINAL, 3: Refused("its quote expired")}
    )
    assert error is None
    assert after
    rest = missing(after)
    assert (after.state, rest and rest.amount.units) == (PaymentState.PARTLY_PAID, 2)
    assert any("its quote expired" in sentence for sentence in said)


def test_where_nothing_moved_the_reason_itself_is_raised(journal: JournalProposals) -> None:
    _, error, _ = run_legs(journal, begin_legs(journal), {1: CannotPay("no gas"), 2: CannotPay("b"), 3: CannotPay("c")})
    assert isinstance(error, CannotPay)
    assert (error.message, error.sent) == ("no gas", Sent.NO)


def test_a_defect_is_not_swallowed_and_the_other_legs_go_on(journal: JournalProposals) -> None:
    group = begin_legs(journal)
    with pytest.raises(ZeroDivisionError):
        run_legs(journal, group, {1: ZeroDivisionError(), 2: TxState.FINAL, 3: TxState.FINAL})
    assert journal.find(group.id).delivered.units == 5
