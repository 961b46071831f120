"""Batches on a devnet: planned as one, recorded together, each line paid once, even if run again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from l2send.batch_record import BatchResult
from l2send.batch_review import BatchReview
from l2send.client import Client, open_client
from l2send.core.address import Address
from l2send.core.errors import CannotPay, L2sendError, NotFinal, Refused, UsageError
from l2send.core.plan import Way
from l2send.core.private_files import write_private
from l2send.resolver.batch_file import read_batch
from l2send.resolver.batch_lines import judge_batch
from l2send.resolver.batch_plan import LineWay, missing
from l2send.resolver.over_max_fee import exceeds_limits
from l2send.resolver.way_limits import Limits
from l2send.wallet.fees_paid import fees_paid
from l2send.wallet.journal.states import PaymentState
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.paying import Payer


@dataclass(frozen=True)
class Line:
    """A line of a file, as a person writes it."""

    ref: str
    amount: str
    chain: str
    to: Address
    token: str = "USDC"


def lines(start: str, count: int, chain: str, amount: str = "1", token: str = "USDC") -> list[Line]:
    return [Line(f"{start}-{number}", amount, chain, new_address(), token) for number in range(count)]


def text_of(rows: Iterable[Line]) -> bytes:
    head = "ref,amount,token,to,memo\n"
    return (head + "".join(f"{r.ref},{r.amount},{r.token},{r.chain}:{r.to},for {r.ref}\n" for r in rows)).encode()


async def plan(
    client: Client,
    payer: Payer,
    rows: Iterable[Line],
    name: str,
    limits: Limits | None = None,
    total: float | None = None,
) -> BatchReview:
    judged = await judge_batch(read_batch(text_of(rows)), client.rpcs, client.book)
    assert judged.bad == ()
    return await client.batch.plan(judged, payer.address, name, limits, max_total_usd=total)


def planned(
    payer: Payer, rows: Iterable[Line], name: str, limits: Limits | None = None, total: float | None = None
) -> BatchReview:
    return payer.do(lambda client: plan(client, payer, rows, name, limits, total))


def pay(payer: Payer, rows: Iterable[Line], name: str, limits: Limits | None = None) -> tuple[BatchReview, BatchResult]:
    async def work(client: Client) -> tuple[BatchReview, BatchResult]:
        review = await plan(client, payer, rows, name, limits)
        client.batch.begin(review)
        return review, await client.batch.run(name, payer.signer, patience=60)

    return payer.do(work)


def must_have_got(home: Home, rows: Iterable[Line]) -> None:
    for row in rows:
        decimals = home.chain(row.chain).token(row.token).decimals
        assert home.holds(row.to, row.chain, row.token) == round(float(row.amount) * 10**decimals), row


@pytest.fixture(scope="module")
def payer(home: Home) -> Payer:
    return Payer(home, "dev1", "dev2")


def test_lines_beyond_a_limit_are_refused_one_by_one_in_the_order_of_the_file(payer: Payer, tmp_path: Path) -> None:
    """All lines have one recipient, because the journal of this home has other payments of today."""
    policy, to = tmp_path / "policy.toml", new_address()
    write_private(policy, b'[limits]\nper_recipient_day = ["10 USD"]\n')
    rows = [replace(line, to=to, amount=amount) for line, amount in zip(lines("l", 4, "dev1"), "6721", strict=True)]

    async def run() -> BatchReview:
        async with open_client(replace(payer.home.paths, policy=policy)) as client:
            review = await plan(client, payer, rows, "limited")
            client.batch.begin(review)
            with pytest.raises(Refused, match="9 of 10 USD are used today"):
                client.batch.begin(replace(review, name="another"))
            return review

    review = asyncio.run(run())
    assert [(line.way, line.wanted.line.amount.text) for line in review.lines] == [
        (LineWay.DIRECT, "6"),
        (LineWay.REFUSED, "7"),
        (LineWay.DIRECT, "2"),
        (LineWay.DIRECT, "1"),
    ]
    assert "6 of 10 USD are used today" in str(review.stopped[0].error)


def test_every_line_is_paid_once_and_the_same_file_pays_nothing_again(home: Home, payer: Payer) -> None:
    rows = [*lines("a", 4, "dev1"), *lines("b", 3, "dev2", "2"), *lines("c", 1, "dev1", "0.01", "ETH")]
    before = payer.sent("dev1"), payer.sent("dev2")
    review, result = pay(payer, rows, "november")
    assert [line.way for line in review.lines] == [LineWay.DIRECT] * 8
    assert (review.signatures, len(review.first_time), review.bad) == (8, 8, ())
    assert result.all_delivered
    assert {(p.ref, p.record.memo) for p in result.lines} == {(row.ref, f"for {row.ref}") for row in rows}
    must_have_got(home, rows)
    again, result = pay(payer, rows, "november")
    assert (again.payable, len(again.known), result.all_delivered) == ((), 8, True)
    assert (payer.sent("dev1") - before[0], payer.sent("dev2") - before[1]) == (5, 3)
    more = [*rows, *lines("d", 1, "dev1")]
    extended, _ = pay(payer, more, "november")
    assert [line.wanted.line.row.ref for line in extended.payable] == ["d-0"]
    must_have_got(home, more)


def test_a_line_that_was_changed_after_it_was_begun_is_wrong(payer: Payer) -> None:
    first, second = lines("x", 2, "dev1")
    pay(payer, [first, second], "changed")
    review = planned(payer, [replace(first, amount="3"), replace(second, to=new_address())], "changed")
    assert review.payable == review.known == ()
    assert [bad.row.ref for bad in review.bad] == ["x-0", "x-1"]
    assert all("p-" in bad.error.message and isinstance(bad.error, UsageError) for bad in review.bad)


def test_without_enough_money_lines_are_paid_in_order_and_what_is_missing_is_told(home: Home) -> None:
    poor = Payer(home, "dev1")
    rows = lines("short", 5, "dev1", "30")
    review = planned(poor, rows, "short", Limits(via="direct"))
    assert [line.way for line in review.lines] == [LineWay.DIRECT] * 3 + [LineWay.UNFUNDED] * 2
    assert [(str(amount), count) for amount, count in missing(review.lines)] == [("60 USDC", 2)]
    assert all(isinstance(line.error, CannotPay) for line in review.stopped)


def test_money_is_moved_once_where_that_costs_less_than_bridging_each(home: Home) -> None:
    payer = Payer(home, "dev1")
    home.fund(payer.address, "dev4", ETH="1")
    rows = lines("far", 4, "dev4", "20")
    review, result = pay(payer, rows, "moved")
    assert [line.way for line in review.lines] == [LineWay.MOVED] * 4
    (move,) = review.moves
    assert move.lines == 4
    assert move.cost_usd is not None
    assert move.instead_usd is not None
    assert move.cost_usd < move.instead_usd
    assert result.all_delivered
    assert [p.record.payment.to.address for p in result.payments if p.is_move] == [payer.address]
    must_have_got(home, rows)
    assert payer.sent("dev4") == 4
    assert home.holds(payer.address, "dev4") == 0


def test_without_gas_at_the_destination_each_line_is_bridged(home: Home) -> None:
    payer = Payer(home, "dev1")
    rows = lines("bridge", 2, "dev4", "20")
    review, result = pay(payer, rows, "bridged")
    assert [line.way for line in review.lines] == [LineWay.BRIDGED] * 2
    assert review.moves == ()
    assert result.all_delivered
    must_have_got(home, rows)


def test_a_recipient_that_takes_nothing_stops_no_other_line(home: Home, payer: Payer) -> None:
    rows = lines("eth", 3, "dev1", "0.001", "ETH")
    payer.node("dev1").call("anvil_setCode", rows[1].to, "0x5f5ffd")
    review, result = pay(payer, rows, "refused")
    assert [line.way for line in review.lines] == [LineWay.DIRECT, LineWay.REFUSED, LineWay.DIRECT]
    assert isinstance(review.stopped[0].error, Refused)
    assert [p.ref for p in result.lines] == ["eth-0", "eth-2"]
    must_have_got(home, [rows[0], rows[2]])


def test_one_that_fails_at_its_turn_stops_no_other_and_is_told(home: Home, payer: Payer) -> None:
    rows = lines("late", 3, "dev1", "0.001", "ETH")

    async def work(client: Client) -> BatchResult:
        client.batch.begin(await plan(client, payer, rows, "late"))
        payer.node("dev1").call("anvil_setCode", rows[1].to, "0x5f5ffd")
        return await client.batch.run("late", payer.signer, patience=60)

    result = payer.do(work)
    assert [p.record.state for p in result.lines] == [
        PaymentState.DELIVERED,
        PaymentState.PLANNED,
        PaymentState.DELIVERED,
    ]
    assert isinstance(result.lines[1].error, Refused)
    assert not result.all_delivered
    must_have_got(home, [rows[0], rows[2]])


def test_an_imitation_of_another_line_is_not_paid_with_the_others(payer: Payer) -> None:
    real = new_address()
    imitation = Address(real[:6] + new_address()[6:-4].lower() + real[-4:].lower())
    rows = [Line("real", "1", "dev1", real), Line("false", "1", "dev1", Address(imitation.lower()))]
    review = planned(payer, rows, "imitation")
    assert {line.way for line in review.lines} == {LineWay.REFUSED}
    assert all("looks like" in str(line.error) for line in review.lines)


def test_what_was_begun_is_carried_on_by_its_name_from_another_process(home: Home, payer: Payer) -> None:
    rows = lines("later", 3, "dev2")

    async def begin(client: Client) -> BatchReview:
        review = await plan(client, payer, rows, "later")
        assert client.batch.begin(review) == client.batch.begin(review), "what another process began is not begun again"
        return review

    payer.do(begin)
    again = planned(payer, rows, "later")
    assert (again.payable, len(again.known)) == ((), 3)
    result = payer.do(lambda client: client.batch.run("later", payer.signer, patience=60))
    assert result.all_delivered
    must_have_got(home, rows)
    with pytest.raises(UsageError, match="no batch is called 'lat'"):
        payer.do(lambda client: client.batch.run("lat", payer.signer))


def test_the_whole_costs_no_more_than_its_limit(payer: Payer) -> None:
    rows = lines("dear", 3, "dev1")
    with pytest.raises(Refused, match="--max-fee-total"):
        planned(payer, rows, "dear", total=0.01)
    review = planned(payer, rows, "dear", total=50)
    assert review.cost_usd is not None
    caps = [leg.fee_cap for plan in review.plans for leg in plan.legs]
    assert all(cap is not None for cap in caps)
    refused = planned(payer, rows, "dear", Limits(max_fee_percent=100, max_fee_usd=0.0001))
    assert {line.way for line in refused.lines} == {LineWay.REFUSED}


def test_the_limit_of_the_whole_counts_what_other_runs_began(payer: Payer) -> None:
    rows, more = lines("first", 2, "dev1"), lines("second", 1, "dev1")

    async def begin(client: Client) -> None:
        client.batch.begin(await plan(client, payer, rows, "twice", total=1))

    payer.do(begin)
    with pytest.raises(Refused, match="begun of the batch before") as caught:
        planned(payer, [*rows, *more], "twice", total=1)
    assert "l2send batch resume twice" in caught.value.hint
    assert planned(payer, rows, "twice", total=0.0).payable == (), "nothing new costs nothing"
    result = payer.do(lambda client: client.batch.run("twice", payer.signer, patience=60))
    costs = [fees_paid(line.record, payer.home.registry).usd for line in result.lines]
    spent = sum(cost for cost in costs if cost is not None)
    assert len(planned(payer, [*rows, *more], "twice", total=1).payable) == 1, "what was not used is free again"
    with pytest.raises(Refused, match="begun of the batch before"):
        planned(payer, [*rows, *more], "twice", total=spent * 1.2)


def test_no_more_is_moved_than_the_lines_need_that_are_paid(home: Home) -> None:
    """A line whose transfer costs more than its limit is refused, and its money is left where it is."""
    payer = Payer(home, "dev1")
    home.fund(payer.address, "dev4", ETH="1")
    rows = lines("lean", 4, "dev4", "20")
    judged: list[int] = []

    def dear(way: Way, limits: Limits) -> bool:
        judged.append(1)
        return len(judged) == 2 or exceeds_limits(way, limits)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("l2send.resolver.batch_plan.exceeds_limits", dear)
        review = planned(payer, rows, "lean")
    assert [line.way for line in review.lines] == [LineWay.MOVED, LineWay.REFUSED, LineWay.MOVED, LineWay.MOVED]
    (move,) = review.moves
    assert (move.lines, str(move.plan.payment.amount)) == (3, "60 USDC")


def test_a_line_that_was_delivered_has_no_error(home: Home, payer: Payer) -> None:
    """A node was silent for a while, which was written down against the payment; it arrived anyway."""
    rows = lines("fine", 1, "dev1")
    _, result = pay(payer, rows, "fine")
    (line,) = result.lines
    again = payer.do(lambda client: _result(client, "fine", {line.record.id: NotFinal("silent")}))
    assert (again.lines[0].record.state, again.lines[0].error) == (PaymentState.DELIVERED, None)


async def _result(client: Client, name: str, failed: dict[str, L2sendError]) -> BatchResult:
    return client.batch.result(name, failed)


def test_a_name_stands_for_the_batch_of_one_account(home: Home, payer: Payer) -> None:
    payer.do(lambda client: _begun(client, payer, lines("mine", 1, "dev1"), "whose"))
    other = Payer(home, "dev1")
    with pytest.raises(UsageError, match=payer.address):
        planned(other, lines("theirs", 1, "dev1"), "whose")


def test_two_runs_that_were_planned_at_once_move_the_money_once(home: Home) -> None:
    payer = Payer(home, "dev1")
    home.fund(payer.address, "dev4", ETH="1")
    rows = lines("race", 4, "dev4", "20")

    async def work(client: Client) -> int:
        first, second, shorter = [await plan(client, payer, some, "race") for some in (rows, rows, rows[:3])]
        assert [len(review.moves) for review in (first, second, shorter)] == [1, 1, 1]
        assert client.batch.begin(first) == client.batch.begin(second)
        with pytest.raises(Refused, match="moved money meanwhile"):
            client.batch.begin(shorter)
        return sum(payment.is_move for payment in client.batch.result("race").payments)

    assert payer.do(work) == 1


def test_the_same_file_under_another_name_is_not_paid_again_unasked(payer: Payer) -> None:
    rows = lines("copy", 2, "dev1")
    pay(payer, rows, "december")
    review = planned(payer, rows, "december (1)")
    assert review.payable == ()
    assert all("the batch 'december' has the same payment" in bad.error.message for bad in review.bad)
    assert len(planned(payer, [replace(row, ref=f"{row.ref}b") for row in rows], "other").payable) == 2

    async def again(client: Client) -> BatchReview:
        judged = await judge_batch(read_batch(text_of(rows)), client.rpcs, client.book)
        return await client.batch.plan(judged, payer.address, "december (1)", again=True)

    assert len(payer.do(again).payable) == 2


def test_lines_of_one_amount_to_one_account_are_known_by_their_refs_in_a_copy(payer: Payer) -> None:
    (one,) = lines("first", 1, "dev1")
    rows = [one, replace(one, ref="second")]
    pay(payer, rows, "twins")
    assert planned(payer, rows, "twins (1)").payable == ()


def test_a_copy_of_a_batch_that_waits_for_workers_is_refused(payer: Payer) -> None:
    rows = lines("queued", 1, "dev1")

    async def approve(client: Client) -> None:
        client.queue.approve(await plan(client, payer, rows, "waiting"), Limits())

    payer.do(approve)
    review = planned(payer, rows, "waiting (1)")
    assert ["it waits for a worker" in bad.error.message for bad in review.bad] == [True]
    assert len(planned(payer, rows, "waiting").payable) == 1


async def _begun(client: Client, payer: Payer, rows: Iterable[Line], name: str) -> None:
    client.batch.begin(await plan(client, payer, rows, name))


@pytest.mark.parametrize("name", ["a/b", "a:move", "", "x" * 101, "a\u200bb"])
def test_a_name_that_could_be_taken_for_another_is_refused(payer: Payer, name: str) -> None:
    with pytest.raises(UsageError):
        planned(payer, lines("n", 1, "dev1"), name)
