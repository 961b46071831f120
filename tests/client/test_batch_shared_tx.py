"""Lines of a batch in one transaction: a delegating account (EIP-7702), a Safe, and lines that cannot be combined."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from l2send.batch_record import BatchResult
from l2send.batch_review import BatchReview
from l2send.client import Client
from l2send.core.address import ZERO_ADDRESS, Address
from l2send.core.delegation import delegation_tx, named_delegate
from l2send.core.effects import CallsTogether, Executes, Pays
from l2send.core.errors import Refused
from l2send.core.plan import GasPrice, StepKind, UnsignedTx
from l2send.core.units import BlockNumber, Gas, Nonce, Wei
from l2send.resolver.batch_file import read_batch
from l2send.resolver.batch_lines import judge_batch
from l2send.resolver.batch_plan import LineWay
from l2send.resolver.way_limits import Limits
from l2send.wallet.fees_paid import fees_paid
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.shared_tx_ends import made_no_call
from tests.client.test_batches import Line, lines, must_have_got, text_of
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.paying import Payer
from tests.support.safes import new_safe


class Delegating(Payer):
    """An account with money on dev1 that delegates there."""

    def delegate(self, code: Address) -> None:
        async def work(client: Client) -> str:
            return client.begin_delegation(await client.plan_delegation(self.address, "dev1", code)).id

        assert self.resume(self.do(work)).state is PaymentState.DELIVERED

    @property
    def code(self) -> Address:
        return named_delegate("simple7702account", self.home.chain("dev1")).code.address

    def planned(self, rows: Iterable[Line], name: str, *, together: bool = True) -> BatchReview:
        async def work(client: Client) -> BatchReview:
            judged = await judge_batch(read_batch(text_of(rows)), client.rpcs, client.book)
            return await client.batch.plan(judged, self.address, name, together=together)

        return self.do(work)

    def begun(self, review: BatchReview) -> PaymentRecord:
        """The transaction that pays several lines, in the journal."""

        async def work(client: Client) -> PaymentRecord:
            first, *_ = client.batch.begin(review)
            assert isinstance(first, PaymentRecord)
            return first

        return self.do(work)

    def run(self, name: str, without: Iterable[str] = ()) -> BatchResult:
        return self.do(lambda client: client.batch.run(name, self.signer, patience=60, without=list(without)))


@pytest.fixture(scope="module")
def payer(home: Home) -> Delegating:
    made = Delegating(home, "dev1")
    made.delegate(made.code)
    return made


def test_one_transaction_pays_all_lines_of_a_chain_tokens_and_coin(home: Home, payer: Delegating) -> None:
    same = new_address()
    rows = [*lines("t", 3, "dev1", "2"), *lines("e", 2, "dev1", "0.01", "ETH"), Line("s1", "1", "dev1", same)]
    rows.append(Line("s2", "1", "dev1", same))
    before = payer.sent("dev1")
    review = payer.planned(rows, "all")
    (shared,) = review.shared
    assert (review.signatures, [line.way for line in review.lines]) == (1, [LineWay.DIRECT] * 7)
    assert isinstance(shared.effect, CallsTogether)
    assert [type(one) for one in shared.effect.effects] == [Pays] * 7
    record = payer.begun(review)
    result = payer.run("all")
    assert payer.sent("dev1") == before + 1
    assert result.all_delivered
    assert len(result.lines) == 7
    must_have_got(home, [row for row in rows if row.to != same])
    assert home.holds(same, "dev1") == 2 * 10**6
    (tx,) = {tx.hash: tx for line in result.lines for tx in line.record.transactions}.values()
    assert (tx.step.kind, tx.payment_id) == (StepKind.TOGETHER, record.id)
    assert all(line.record.arrived == line.record.payment.amount for line in result.lines)
    paid = [fees_paid(line.record, home.registry).fees[0].amount.units for line in result.lines]
    assert tx.fee
    assert sum(paid) == tx.fee.total
    assert max(paid) - min(paid) < 7
    assert "7 payments" in home.run("history", "-n", "9", "--chain", "dev1").stdout


def test_without_batching_or_delegation_each_line_is_a_transaction(home: Home, payer: Delegating) -> None:
    rows = lines("single", 2, "dev1")
    assert payer.planned(rows, "single", together=False).shared == ()
    assert Delegating(home, "dev1").planned(rows, "single").shared == ()
    assert payer.planned(rows[:1], "single").shared == (), "one line needs no batch"


def test_one_that_would_fail_at_its_turn_parts_them_and_stops_no_other(home: Home, payer: Delegating) -> None:
    rows = lines("late", 3, "dev1", "0.001", "ETH")
    payer.begun(payer.planned(rows, "parted"))
    payer.node("dev1").call("anvil_setCode", rows[1].to, "0x5f5ffd")
    result = payer.run("parted")
    assert [line.record.state for line in result.lines] == [
        PaymentState.DELIVERED,
        PaymentState.PLANNED,
        PaymentState.DELIVERED,
    ]
    assert isinstance(result.lines[1].error, Refused)
    must_have_got(home, [rows[0], rows[2]])


def test_a_line_that_is_left_alone_is_parted_from_the_others(home: Home, payer: Delegating) -> None:
    rows = lines("leave", 3, "dev1")
    record = payer.begun(payer.planned(rows, "leave"))
    (_, left, _) = payer.do(lambda client: _carried(client, record.id))
    payer.run("leave", without=[left.id])
    assert [home.holds(row.to, "dev1") for row in rows] == [10**6, 0, 10**6]
    assert payer.run("leave").all_delivered
    must_have_got(home, rows)


async def _carried(client: Client, shared_id: str) -> list[PaymentRecord]:
    return client.journal.carried_by(shared_id)


def test_a_delegation_that_ended_meanwhile_is_noticed_before_and_after_the_signature(home: Home) -> None:
    """Called without code the account does nothing, successfully: no line may be called delivered for that."""
    payer = Delegating(home, "dev1")
    payer.delegate(payer.code)
    rows = lines("gone", 2, "dev1")
    payer.begun(payer.planned(rows, "gone"))
    payer.node("dev1").call("anvil_setCode", payer.address, "0x")
    result = payer.run("gone")
    assert result.all_delivered, "one by one"
    must_have_got(home, rows)
    payer.node("dev1").call("anvil_setCode", payer.address, "0xef0100" + payer.code[2:])
    rows = lines("lost", 2, "dev1")
    record = payer.begun(payer.planned(rows, "lost"))

    async def sign(client: Client) -> None:
        executor = client.executor(payer.signer, lambda _: None)
        tx = await executor.sign_only(record.id, (await executor.look_ahead([record.id]))[record.id])
        payer.node("dev1").call("anvil_setCode", payer.address, "0x")
        await executor.offer(tx)

    payer.do(sign)
    result = payer.run("lost")
    assert {line.record.state for line in result.lines} == {PaymentState.REVERTED}
    assert "no code" in payer.find(record.id).transactions[0].detail
    assert [home.holds(row.to, "dev1") for row in rows] == [0, 0]


def test_no_code_is_taken_for_none_made_only_if_no_other_code_made_the_calls(home: Home) -> None:
    """Coin leaves no event. Where no trace is offered, `reverted` rests on the code of the account in that block."""
    payer = Delegating(home, "dev1")
    payer.delegate(payer.code)
    (tx,) = payer.begun(payer.planned(lines("flip", 2, "dev1", "0.001", "ETH"), "flip")).transactions
    node, chain = payer.node("dev1"), payer.home.chain("dev1").chain_id
    other = "0xef0100" + new_address()[2:]

    def made_none(block: int) -> bool:
        return payer.do(lambda client: made_no_call(client.rpcs.on(chain), tx, BlockNumber(block)))

    def mine(one: UnsignedTx) -> int:
        price, nonce = GasPrice(Wei(0), Wei(10**9), Wei(10**11)), Nonce(payer.sent("dev1"))
        raw = payer.signer.sign(chain, nonce, one, Gas(100_000), price).raw
        sent = node.call("eth_sendRawTransaction", "0x" + raw.hex())
        while (receipt := node.call("eth_getTransactionReceipt", sent)) is None:
            node.call("evm_mine")
        return int(receipt["blockNumber"], 16)

    nothing, no_code = UnsignedTx(chain, payer.address, Wei(0), b""), delegation_tx(chain, payer.address, ZERO_ADDRESS)
    mine(no_code)
    assert made_none(mine(nothing))
    assert not made_none(mine(no_code)), "an authorization took a nonce: code may have come and gone"
    node.call("anvil_setCode", payer.address, other)
    mine(nothing)
    assert not made_none(mine(nothing)), "what other code does is not known"


def test_a_line_names_the_transaction_that_pays_it(payer: Delegating) -> None:
    rows = lines("named", 2, "dev1")
    record = payer.begun(payer.planned(rows, "named"))
    first, second = payer.do(lambda client: _carried(client, record.id))
    assert payer.do(lambda client: client.cancel_bids(first.id)) == []
    payer.do(lambda client: client.cancel(first.id, [], payer.signer))
    assert payer.find(first.id).state is PaymentState.CANCELLED
    assert payer.find(second.id).state is PaymentState.PLANNED, "parted, and not cancelled"
    assert payer.resume(second.id).state is PaymentState.DELIVERED
    more = payer.begun(payer.planned(lines("more", 2, "dev1"), "more"))
    one, _ = payer.do(lambda client: _carried(client, more.id))
    assert payer.resume(one.id).state is PaymentState.DELIVERED
    assert payer.find(more.id).state is PaymentState.DELIVERED


def test_sped_up_and_cancelled_as_one(payer: Delegating) -> None:
    """The line names the transaction; its owner treats all of its lines together."""
    record = payer.begun(payer.planned(lines("wait", 2, "dev1"), "wait"))
    first, second = payer.do(lambda client: _carried(client, record.id))

    async def sign(client: Client) -> None:
        executor = client.executor(payer.signer, lambda _: None)
        await executor.sign_only(record.id, (await executor.look_ahead([record.id]))[record.id])

    payer.do(sign)
    for refused in (lambda c: c.speedup_bids(first.id), lambda c: c.cancel_bids(second.id)):
        with pytest.raises(Refused) as caught:
            payer.do(refused)
        assert record.id in caught.value.hint

    async def cancel(client: Client) -> None:
        bids = await client.cancel_bids(record.id)
        await client.cancel(record.id, bids, payer.signer)

    payer.do(cancel)
    result = payer.run("wait")
    assert {line.record.state for line in result.lines} == {PaymentState.CANCELLED}


def test_what_else_such_a_transaction_could_do_is_not_signed(payer: Delegating) -> None:
    review = payer.planned(lines("bad", 2, "dev1"), "bad")
    (shared,) = review.shared
    swapped = replace(shared, quote=replace(shared.quote, carries=shared.quote.carries[::-1]), lines=shared.lines[::-1])
    record = payer.begun(replace(review, shared=(swapped,)))
    before = payer.sent("dev1")
    with pytest.raises(Refused, match="bytes to be signed"):
        payer.resume(record.id)
    assert payer.sent("dev1") == before
    assert payer.find(record.id).state is PaymentState.PLANNED


async def safe_plan(client: Client, owner: Payer, safe: Address, rows: Iterable[Line], name: str) -> BatchReview:
    judged = await judge_batch(read_batch(text_of(rows)), client.rpcs, client.book)
    limits = Limits(via="direct", from_chains=("dev1",))
    return await client.batch.plan(judged, safe, name, limits, owner=owner.address)


def test_a_safe_pays_all_lines_by_one_transaction_of_its_owner(home: Home) -> None:
    owner = Delegating(home, "dev1")
    safe = new_safe(home, [owner.address])
    home.fund(safe.address, "dev1", USDC="100")
    rows = lines("safe", 3, "dev1", "2")

    review = owner.do(lambda client: safe_plan(client, owner, safe.address, rows, "safe"))
    (shared,) = review.shared
    assert isinstance(shared.effect, Executes)
    before = owner.sent("dev1")
    owner.begun(review)
    result = owner.run("safe")
    assert result.all_delivered
    assert owner.sent("dev1") == before + 1
    must_have_got(home, rows)
    assert home.holds(safe.address, "dev1") == 94 * 10**6
    again = owner.do(lambda client: safe_plan(client, owner, safe.address, rows, "safe"))
    assert (again.lines, again.shared, len(again.known)) == ((), (), 3), "the same file pays nothing again"


def gas_of(result: BatchResult, payer: Payer) -> int:
    hashes = {tx.hash for line in result.lines for tx in line.record.transactions if tx.raw}
    return sum(int(payer.node("dev1").call("eth_getTransactionReceipt", one)["gasUsed"], 16) for one in hashes)


def test_gas_beside_one_transaction_for_each(home: Home, payer: Delegating, capsys: pytest.CaptureFixture[str]) -> None:
    """Printed for docs/batch.md: three payments of USDC by three transactions, by a batch, by a Safe's MultiSend."""
    payer.begun(payer.planned(lines("apart", 3, "dev1"), "apart", together=False))
    apart = gas_of(payer.run("apart"), payer)
    payer.begun(payer.planned(lines("one", 3, "dev1"), "one"))
    together = gas_of(payer.run("one"), payer)
    safe = new_safe(home, [payer.address])
    home.fund(safe.address, "dev1", USDC="10")
    payer.begun(payer.do(lambda client: safe_plan(client, payer, safe.address, lines("three", 3, "dev1"), "three")))
    by_safe = gas_of(payer.run("three"), payer)
    with capsys.disabled():
        print(f"\n[gas] three payments of USDC: apart {apart}, in a batch {together}, by a Safe {by_safe}", end="")
    assert together < apart
