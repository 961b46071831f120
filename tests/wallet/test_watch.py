"""Following orders, over a toy bridge whose truth is on a real chain.

The toy settler is an account: an order is open once it was paid, filled once the fill named in the
order's details is mined, and refundable once the chain's clock is past the deadline.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from l2send.bridges.direct import Direct
from l2send.core.bridge import Bridge, OrderState, OrderStatus, Proof
from l2send.core.chains import Chain, Registry
from l2send.core.effects import Effects
from l2send.core.errors import ExitStatus, NetworkError, NotFinal, Refused
from l2send.core.plan import Order, Payment, Quote, Step, StepKind, UnsignedTx
from l2send.core.rpc import Rpc, Rpcs, open_rpcs
from l2send.core.units import Amount, Gas, Wei
from l2send.wallet.execute import Executor
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from l2send.wallet.watch import follow, look_once
from tests.support.faultproxy import REFUSED_BEFORE, FaultProxy
from tests.wallet.rig import CHAIN_ID, ETHER, Bench, Node, order_of, somebody, to_self

T = TypeVar("T")


class Toy:
    """A bridge from a chain to itself."""

    name = "toy"
    contract_senders = Direct.contract_senders

    def __init__(self) -> None:
        self.fill_tx = ""
        self.refunded = False
        self.opens = True

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        return None

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        return None

    async def status(self, order: Order, rpcs: Rpcs) -> OrderStatus:
        try:
            now = await rpcs.on(order.destination).time()
        except NetworkError as error:
            return OrderStatus(OrderState.UNKNOWN, f"could not be asked: {error.message}")
        if self.fill_tx:
            proof = Proof(order.destination, self._shows_fill)
            return OrderStatus(OrderState.FILLED, "the recipient was paid", self._find_fill, (proof,))
        if self.refunded:
            return OrderStatus(
                OrderState.REFUNDED, "the money is back", proofs=(Proof(order.origin, self._shows_refund),)
            )
        if now > order.fill_deadline:
            return OrderStatus(OrderState.REFUND_DUE, "you can ask it back")
        return OrderStatus(OrderState.OPEN, f"{order.fill_deadline - now} seconds left")

    async def _find_fill(self) -> str:
        return self.fill_tx

    async def _shows_fill(self, one: Rpc, block: str) -> bool:
        receipt = await one.receipt(self.fill_tx)
        if receipt is None or receipt["status"] != "0x1":
            return False
        return int(receipt["blockNumber"], 16) <= int((await one.block(block))["number"], 16)

    async def _shows_refund(self, one: Rpc, block: str) -> bool:
        await one.block(block)
        return self.refunded

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        return self.opens and await origin.balance(order.origin_settler, block) > 0

    async def refund(self, order: Order, rpcs: Rpcs) -> Step | None:
        return Step(StepKind.REFUND, UnsignedTx(CHAIN_ID, order.sender, Wei(0), b""), Gas(21000))

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        return self.opens and str(receipt["to"]).lower() == order.origin_settler.lower()


@pytest.fixture
def toy() -> Toy:
    return Toy()


def watching(bench: Bench, toy: Toy, action: Callable[..., Awaitable[PaymentRecord]], **options: Any) -> PaymentRecord:
    bridges: dict[str, Bridge] = {"toy": toy}

    async def run(executor: Executor) -> PaymentRecord:
        record = executor.journal.history()[0]
        return await action(record.id, executor.journal, executor.rpcs, bridges, bench.said.append, **options)

    return bench.do(run)


def opened(bench: Bench, seconds: int = 1000) -> PaymentRecord:
    """A payment whose `open` is final."""
    payment = bench.payment()
    order = order_of(payment, bench.node.time() + seconds)
    return bench.resume(bench.begin(payment, *to_self(bench), order=order).id)


def fill(bench: Bench) -> str:
    """Some transaction on the destination that stands for the fill."""
    before = bench.node.call("eth_blockNumber")
    payer = Bench(bench.home / "solver", bench.node, bench.urls).funded()
    record = payer.pay(payer.payment())
    assert bench.node.call("eth_blockNumber") != before
    return record.transactions[0].hash


def test_an_order_is_followed_to_its_fill(bench: Bench, toy: Toy) -> None:
    record = opened(bench)
    assert record.state is PaymentState.INDETERMINATE, "nobody has seen the settler's event yet"
    with pytest.raises(NotFinal) as caught:
        watching(bench, toy, follow, patience=0.2, poll=0.02)
    assert record.id in caught.value.message
    assert bench.record(record.id).state is PaymentState.BRIDGING
    toy.fill_tx = fill(bench)
    record = watching(bench, toy, follow, patience=5, poll=0.02)
    assert (record.state, record.meaning.exit_status) == (PaymentState.DELIVERED, ExitStatus.DELIVERED)
    assert record.order
    assert record.order.fill_tx == toy.fill_tx


def test_a_fill_counts_once_it_is_confirmed(own_bench: Bench, toy: Toy) -> None:
    bench = own_bench
    record = opened(bench)
    toy.fill_tx = fill(bench)
    bench.confirmations = 3
    assert watching(bench, toy, look_once).state is PaymentState.BRIDGING
    bench.node.mine(2)
    assert watching(bench, toy, look_once).state is PaymentState.DELIVERED
    assert record.id


@pytest.mark.parametrize("kind", ["unknown", "reverted"])
def test_a_fill_that_is_not_there_is_not_believed(own_bench: Bench, toy: Toy, kind: str) -> None:
    bench = own_bench
    opened(bench)
    toy.fill_tx = "0x" + "ab" * 32
    if kind == "reverted":
        toy.fill_tx = reverted_transaction(bench)
    bench.node.mine(3)
    assert watching(bench, toy, look_once).state is PaymentState.BRIDGING


def reverted_transaction(bench: Bench) -> str:
    contract = somebody()
    bench.node.call("anvil_setCode", contract, "0x5f5ffd")
    bench.node.call("anvil_setBalance", contract, hex(ETHER))
    bench.node.call("anvil_impersonateAccount", bench.signer.address)
    sent = {"from": bench.signer.address, "to": contract, "gas": hex(60000)}
    return str(bench.node.call("eth_sendTransaction", sent))


@pytest.mark.parametrize("how", ["status", "resume"])
def test_the_approval_of_a_cancelled_payment_comes_to_its_end(own_bench: Bench, toy: Toy, how: str) -> None:
    """It was mined, what it was for never will be, and its block may still go."""
    bench = own_bench
    bench.confirmations = 3
    payment = bench.payment()
    bench.node.call("anvil_setCode", payment.to.address, "0x5f5ffd")
    payment_id = bench.begin(payment, *to_self(bench), order=order_of(payment, bench.node.time() + 1000)).id
    with pytest.raises(Refused, match="would fail"):
        bench.resume(payment_id)
    journal = bench.journal()
    states = [tx.state for tx in journal.cancel(payment_id, "by its sender").transactions]
    journal.close()
    assert states == [TxState.MINED, TxState.CANCELLED]
    bench.node.mine(2)
    record = watching(bench, toy, look_once) if how == "status" else bench.resume(payment_id, signer=False)
    assert [tx.state for tx in record.transactions] == [TxState.FINAL, TxState.CANCELLED]
    assert record.state is PaymentState.CANCELLED


def test_an_open_without_its_event_is_not_believed(bench: Bench, toy: Toy) -> None:
    opened(bench)
    toy.opens = False
    toy.fill_tx = fill(bench)
    record = watching(bench, toy, look_once)
    assert record.state is PaymentState.INDETERMINATE
    assert record.order
    assert "did not open the order" in record.order.detail


def test_a_chain_that_cannot_be_asked_changes_nothing_and_is_said(bench: Bench, toy: Toy) -> None:
    opened(bench)
    record = watching(bench, toy, look_once)
    assert watching(bench.through("http://127.0.0.1:1"), toy, look_once) == record
    assert any("could not be asked" in sentence for sentence in bench.said)


def test_a_look_refreshes_transactions_and_sends_nothing(bench: Bench, toy: Toy, proxy: FaultProxy) -> None:
    proxy.break_next("eth_sendRawTransaction", REFUSED_BEFORE, 1000)
    payment_id = bench.begin(bench.payment()).id
    with pytest.raises(NotFinal):
        bench.through(proxy.url).resume(payment_id, 0.2)
    sent = len(proxy.sent("eth_sendRawTransaction"))
    watching(bench.through(proxy.url), toy, look_once)
    assert len(proxy.sent("eth_sendRawTransaction")) == sent
    raw = bench.record(payment_id).transactions[0].raw
    bench.node.call("eth_sendRawTransaction", "0x" + raw.hex())
    bench.node.mine(1)
    assert watching(bench, toy, look_once).state is PaymentState.DELIVERED


def test_an_order_nobody_fills_becomes_refundable_and_comes_back(own_bench: Bench, toy: Toy) -> None:
    bench = own_bench
    record = opened(bench, seconds=100)
    watching(bench, toy, look_once)
    bench.node.call("evm_increaseTime", 200)
    bench.node.mine()
    record = watching(bench, toy, follow, patience=5, poll=0.02)
    assert (record.state, record.meaning.exit_status) == (PaymentState.REFUND_DUE, ExitStatus.MONEY_BACK)
    assert record.meaning.open
    assert "you can ask it back" in bench.said

    assert record.order
    step = refund_step(toy, record.order.order)
    record = bench.do(lambda executor: executor.send_refund(record.id, step))
    assert record.refunds[0].state is TxState.FINAL
    assert record.state is PaymentState.REFUND_DUE
    again = bench.do(lambda executor: executor.send_refund(record.id, step))
    assert len(again.refunds) == 1
    toy.refunded = True
    record = watching(bench, toy, follow, patience=5, poll=0.02)
    assert (record.state, record.meaning.open) == (PaymentState.REFUNDED, False)


def refund_step(toy: Toy, order: Order) -> Step:
    """The toy's refund, which asks no chain."""

    async def run() -> Step | None:
        async with open_rpcs(Registry({})) as rpcs:
            return await toy.refund(order, rpcs)

    step = asyncio.run(run())
    assert step
    return step


def test_a_refund_that_is_not_due_is_refused(bench: Bench, toy: Toy) -> None:
    record = opened(bench)
    assert record.order
    step = refund_step(toy, record.order.order)
    with pytest.raises(Refused, match="no refund"):
        bench.do(lambda executor: executor.send_refund(record.id, step))


def test_a_refund_thought_due_too_early_can_still_be_a_fill(own_bench: Bench, toy: Toy) -> None:
    bench = own_bench
    opened(bench, seconds=100)
    watching(bench, toy, look_once)
    bench.node.call("evm_increaseTime", 200)
    bench.node.mine()
    assert watching(bench, toy, look_once).state is PaymentState.REFUND_DUE
    toy.fill_tx = fill(bench)
    assert watching(bench, toy, look_once).state is PaymentState.DELIVERED


def test_a_reorganised_open_closes_the_order_again(own_bench: Bench, toy: Toy) -> None:
    bench, node = own_bench, own_bench.node
    bench.confirmations = 5
    payment = bench.payment()
    payment_id = bench.begin(payment, order=order_of(payment, node.time() + 1000)).id
    before = node.call("evm_snapshot")
    with pytest.raises(NotFinal):
        bench.resume(payment_id, 2)
    assert watching(bench, toy, look_once).state is PaymentState.BRIDGING
    assert node.call("evm_revert", before)
    record = watching(bench, toy, look_once)
    assert record.order
    assert record.order.state is OrderState.NOT_OPEN
    assert record.state is PaymentState.SENDING


def test_a_look_at_a_planned_payment_asks_nobody(bench: Bench, toy: Toy) -> None:
    bench.begin(bench.payment())
    record = watching(bench.through("http://127.0.0.1:1"), toy, look_once)
    assert record.state is PaymentState.PLANNED
    assert not bench.said


@pytest.mark.parametrize("place", ["order_opened", "order_filled"])
def test_a_kill_while_watching_loses_nothing(bench: Bench, toy: Toy, tmp_path: Path, place: str) -> None:
    opened(bench)
    toy.fill_tx = fill(bench)
    proof = tmp_path / "proof"
    process = multiprocessing.get_context("forkserver").Process(
        target=_watch_and_die, args=(bench.home, bench.urls, bench.key, toy, place, proof)
    )
    process.start()
    process.join(60)
    assert (process.exitcode, proof.read_text()) == (-9, f"{place}\n")
    assert watching(bench, toy, follow, patience=5, poll=0.02).state is PaymentState.DELIVERED


def _watch_and_die(home: Path, urls: tuple[str, ...], key: bytes, toy: Toy, place: str, proof: Path) -> None:
    os.environ.update({"L2SEND_FAILPOINT": place, "L2SEND_FAILPOINT_PROOF": str(proof)})
    watching(Bench(home, Node(urls[0]), urls, key=key), toy, follow, patience=5, poll=0.02)


def test_many_looks_do_not_grow_the_history(bench: Bench, toy: Toy) -> None:
    record = opened(bench)
    for _ in range(5):
        watching(bench, toy, look_once)
    journal = bench.journal()
    assert len([e for e in journal.events(record.id) if e.subject == "order"]) == 1
    journal.close()


def test_a_bridge_this_version_does_not_know_is_said(bench: Bench) -> None:
    record = opened(bench)

    async def run() -> PaymentRecord:
        journal = bench.journal()
        async with open_rpcs(Registry({"bench": bench.chain})) as rpcs:
            try:
                return await look_once(record.id, journal, rpcs, {}, bench.said.append)
            finally:
                journal.close()

    found = asyncio.run(run())
    assert replace(found) == bench.record(record.id)
    assert any("does not know the bridge" in sentence for sentence in bench.said)
