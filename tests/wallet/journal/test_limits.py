"""Limits over a real journal: counted in the transaction that records a payment, for any process and store."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from l2send.core.bridge_protocol import OrderState
from l2send.core.errors import ConfigError, Refused
from l2send.core.limit_files import read_policy
from l2send.core.spending_limits import SpendingLimits, parse_limits
from l2send.core.units import UnixTime
from l2send.wallet.journal.approved_payment import ApprovedPayment
from l2send.wallet.journal.limits import MOVED_NOTHING
from l2send.wallet.journal.proposals import JournalProposals
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import NOTHING_ARRIVED, PaymentState, TxState
from tests.wallet import processes
from tests.wallet.journal.test_groups import begin_legs
from tests.wallet.journal.writing import CHAIN, a_payment, begin, begin_order, bring_to, sign
from tests.wallet.rig import ETHER, paying_quote

Open = Callable[[], JournalProposals]


def limits(**table: object) -> SpendingLimits:
    return parse_limits(table or {"per_day": ["10 ETH"]}, "", "policy.toml")


@pytest.fixture
def limited(journal: JournalProposals) -> JournalProposals:
    journal.read_limits = lambda: [limits()]
    return journal


def pay(journal: JournalProposals, ether: int) -> PaymentRecord:
    return begin(journal, a_payment(ether * ETHER))


def used(journal: JournalProposals) -> str:
    """How much of the day is used, as a refusal says it."""
    with pytest.raises(Refused, match="are used today") as refused:
        pay(journal, 11)
    return refused.value.message.partition(": ")[2].partition(" of ")[0]


def test_a_payment_counts_from_the_moment_it_begins(limited: JournalProposals, open_again: Open) -> None:
    pay(limited, 6)
    with pytest.raises(Refused, match="6 of 10 ETH are used today, 4 are left, and this payment is 5 ETH"):
        pay(limited, 5)
    assert len(limited.history()) == 1, "nothing of a refused payment is written"
    other = open_again()
    other.read_limits = limited.read_limits
    pay(other, 4)
    other.close()
    with pytest.raises(Refused, match="10 of 10 ETH"):
        pay(limited, 1)


def test_a_known_key_is_not_counted_again(limited: JournalProposals) -> None:
    payment = a_payment(10 * ETHER)
    record = begin(limited, payment, "invoice 7")
    assert begin(limited, payment, "invoice 7") == record


def test_all_of_a_batch_or_none_of_it(limited: JournalProposals) -> None:
    def batch(*ether: int) -> list[ApprovedPayment]:
        payments = [a_payment(units * ETHER) for units in ether]
        return [ApprovedPayment(payment, (paying_quote(payment, CHAIN),)) for payment in payments]

    with pytest.raises(Refused, match="9 of 10 ETH are used today"):
        limited.begin_all(batch(4, 5, 2))
    assert limited.history() == []
    assert len(limited.begin_all(batch(4, 5, 1))) == 3


def test_every_leg_counts_once(limited: JournalProposals) -> None:
    begin_legs(limited, a_payment(10))
    assert used(limited) == "0.00000000000000001"


def test_what_was_cancelled_before_its_signature_frees_its_part(limited: JournalProposals) -> None:
    record = pay(limited, 10)
    limited.cancel(record.id, "not wanted")
    assert used(limited) == "0"
    pay(limited, 10)


@pytest.mark.parametrize(
    ("state", "counted"),
    [
        (TxState.SIGNED, "7"),
        (TxState.BROADCAST, "7"),
        (TxState.MINED, "7"),
        (TxState.REVERTING, "7"),
        (TxState.INDETERMINATE, "7"),
        (TxState.FINAL, "7"),
        (TxState.REVERTED, "0"),
        (TxState.REPLACED, "0"),
    ],
)
def test_a_part_is_freed_only_by_an_end_at_which_nothing_moved(
    limited: JournalProposals, state: TxState, counted: str
) -> None:
    bring_to(limited, pay(limited, 7).transactions[0], state)
    assert used(limited) == counted


def test_what_was_refunded_stays_counted(limited: JournalProposals) -> None:
    limited.read_limits = None
    order = begin_order(limited)
    for tx in order.transactions:
        sign(limited, tx, tx.index)
    for state in (OrderState.OPEN, OrderState.REFUND_DUE, OrderState.REFUNDED):
        order = limited.move_order(limited.get(order.id), state)
    assert order.state is PaymentState.REFUNDED
    assert {PaymentState.REFUNDED} == NOTHING_ARRIVED - MOVED_NOTHING
    limited.read_limits = lambda: [limits()]
    assert used(limited) == "0.000000000000000001"


def test_the_next_day_begins_at_midnight_of_the_time_zone(
    limited: JournalProposals, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = limits(per_day=["10 ETH"], time_zone="Pacific/Auckland")
    limited.read_limits = lambda: [zone]
    midnight = zone.day_of(UnixTime(int(time.time())))[1]
    monkeypatch.setattr(time, "time", lambda: midnight - 1.0)
    pay(limited, 10)
    with pytest.raises(Refused) as refused:
        pay(limited, 1)
    assert zone.words_of(midnight) in refused.value.hint
    assert "00:00 (Pacific/Auckland)" in refused.value.hint
    monkeypatch.setattr(time, "time", lambda: float(midnight))
    pay(limited, 10)
    monkeypatch.setattr(time, "time", lambda: midnight - 3600.0)  # set back: both days count
    with pytest.raises(Refused, match="20 of 10 ETH are used today, 0 are left"):
        pay(limited, 1)


def test_every_file_of_limits_holds(journal: JournalProposals) -> None:
    journal.read_limits = lambda: [limits(per_day=["10 ETH"]), limits(per_payment=["2 ETH"])]
    pay(journal, 2)
    with pytest.raises(Refused, match="per_payment"):
        pay(journal, 3)
    with pytest.raises(Refused, match="10 of 10 ETH are used today, 0 are left"):
        journal.refuse_over_limits([a_payment(2 * ETHER) for _ in range(5)])
    journal.refuse_over_limits([a_payment(2 * ETHER) for _ in range(4)])


def test_limits_that_cannot_be_read_begin_nothing_and_stop_nothing_that_was_begun(journal: JournalProposals) -> None:
    record = pay(journal, 1)

    def unreadable() -> list[SpendingLimits]:
        raise ConfigError("the policy cannot be read.")

    journal.read_limits = unreadable
    with pytest.raises(ConfigError, match="cannot be read"):
        pay(journal, 1)
    bring_to(journal, record.transactions[0], TxState.FINAL)
    assert [one.state for one in journal.history()] == [PaymentState.DELIVERED]


@pytest.mark.lab
@pytest.mark.parametrize("store", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_eight_processes_at_once_never_go_beyond_them(store: str, path: Path, request: pytest.FixtureRequest) -> None:
    """Each begins payments of 1 ETH until it is refused: 20 of all that are tried begin, and no more."""
    url = request.getfixturevalue("shared_database") if store == "postgres" else ""
    running = [processes.begin_until_refused(path, url, tries=6) for _ in range(8)]
    for process in running:
        process.join(90)
    codes = [process.exitcode for process in running]
    assert all(code is not None and code >= 0 for code in codes), codes
    assert sum(code or 0 for code in codes) == 20
    assert sum(code == 6 for code in codes) <= 3, "most were refused on the way"
    journal = processes.opened(path, url)
    assert journal.count() == 20
    journal.close()


@pytest.mark.lab
@pytest.mark.parametrize("store", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_eight_processes_approve_no_more_for_workers_than_the_journals_own_limits_allow(
    store: str, path: Path, request: pytest.FixtureRequest
) -> None:
    """No process has a file of limits. 20 of 48 lines are approved, and no payment begins beside them."""
    url = request.getfixturevalue("shared_database") if store == "postgres" else ""
    journal = processes.opened(path, url)
    journal.set_shared_limits('[limits]\nper_day = ["20 ETH"]\n')
    running = [processes.approve_until_refused(path, url, tries=6) for _ in range(8)]
    for process in running:
        process.join(90)
    codes = [process.exitcode for process in running]
    assert all(code is not None and code >= 0 for code in codes), codes
    assert sum(code or 0 for code in codes) == 20
    journal.parse_shared = lambda text: read_policy(text, "the shared journal")
    with pytest.raises(Refused, match="per_day in the shared journal: 20 of 20 ETH are used today"):
        begin(journal, a_payment())
    assert journal._rows("SELECT count(*) AS n FROM queue WHERE state = 'waiting'")[0]["n"] == 20
    journal.close()


def test_limits_of_the_journal_hold_beside_those_of_files_and_stop_what_cannot_read_them(
    limited: JournalProposals,
) -> None:
    limited.set_shared_limits('[limits]\nper_payment = ["2 ETH"]\n')
    with pytest.raises(ConfigError, match="opened without a reader"):
        pay(limited, 1)
    limited.parse_shared = lambda text: read_policy(text, "the shared journal")
    with pytest.raises(Refused, match="per_payment in the shared journal allows 2 ETH"):
        pay(limited, 3)
    pay(limited, 2)
    limited.set_shared_limits("")
    pay(limited, 8)
    with pytest.raises(Refused, match="10 of 10 ETH are used today"):
        pay(limited, 1)


def test_a_token_whose_symbol_was_changed_is_counted_as_it_was_paid(limited: JournalProposals) -> None:
    """The journal keeps the token whole: what the registry says of it later changes nothing."""
    payment = a_payment(6 * ETHER)
    renamed = replace(payment, amount=replace(payment.amount, token=replace(payment.amount.token, symbol="ETHER")))
    limited.read_limits = None
    begin(limited, renamed)
    limited.read_limits = lambda: [limits()]
    assert used(limited) == "0"
