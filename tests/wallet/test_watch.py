"""Following orders, with a toy bridge whose state is on a real chain.

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
from l2send.core.bridge_protocol import Bridge, OrderState, OrderStatus, Proof
from l2send.core.chains import Chain, Registry
from l2send.core.effects import Effects
from l2send.core.errors import ExitStatus, NetworkError, NotFinal, Refused
from l2send.core.plan import Order, Payment, Quote, Step, StepKind, UnsignedTx
from l2send.core.rpc import Rpc, Rpcs, open_rpcs
from l2send.core.units import Amount, Gas, Wei
from l2send.wallet.executor import Executor
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from l2send.wallet.watch import follow, look_once
from tests.support.addresses import new_address
from tests.support.faultproxy import REFUSED_BEFORE, FaultProxy
from tests.wallet.rig import CHAIN_ID, ETHER, Node, Rig, order_of, to_self

T = TypeVar("T")


class Toy:
    """A bridge from a chain to itself."""

    name = "toy"
    contract_senders = Direct.contract_senders
    refunds_by_itself = Direct.refunds_by_itself

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


def watching(rig: Rig, toy: Toy, action: Callable[..., Awaitable[PaymentRecord]], **options: Any) -> PaymentRecord:
    bridges: dict[str, Bridge] = {"toy": toy}

    async def run(executor: Executor) -> PaymentRecord:
        record = executor.journal.history()[0]
        return await action(record.id, executor.journal, executor.rpcs, bridges, rig.said.append, **options)

    return rig.do(run)


def opened(rig: Rig, seconds: int = 1000) -> PaymentRecord:
    """A payment whose `open` is final."""
    payment = rig.payment()
    order = order_of(payment, rig.node.time() + seconds)
    return rig.resume(rig.begin(payment, *to_self(rig), order=order).id)


def fill(rig: Rig) -> str:
    """Some transaction on the destination that stands for the fill."""
    before = rig.node.call("eth_blockNumber")
    payer = Rig(rig.home / "solver", rig.node, rig.urls).funded()
    record = payer.pay(payer.payment())
    assert rig.node.call("eth_blockNumber") != before
    return record.transactions[0].hash


def test_an_order_is_followed_to_its_fill(rig: Rig, toy: Toy) -> None:
    record = opened(rig)
    assert record.state is PaymentState.INDETERMINATE, "no endpoint has shown the settler's event yet"
    with pytest.raises(NotFinal) as caught:
        watching(rig, toy, follow, patience=0.2, poll=0.02)
    assert record.id in caught.value.message
    assert rig.record(record.id).state is PaymentState.BRIDGING
    toy.fill_tx = fill(rig)
    record = watching(rig, toy, follow, patience=5, poll=0.02)
    assert (record.state, record.meaning.exit_status) == (PaymentState.DELIVERED, ExitStatus.DELIVERED)
    assert record.order
    assert record.order.fill_tx == toy.fill_tx


def test_a_fill_counts_once_it_is_confirmed(own_rig: Rig, toy: Toy) -> None:
    rig = own_rig
    record = opened(rig)
    toy.fill_tx = fill(rig)
    rig.confirmations = 3
    assert watching(rig, toy, look_once).state is PaymentState.BRIDGING
    rig.node.mine(2)
    assert watching(rig, toy, look_once).state is PaymentState.DELIVERED
    assert record.id


@pytest.mark.parametrize("kind", ["unknown", "reverted"])
def test_a_fill_that_is_not_there_is_not_believed(own_rig: Rig, toy: Toy, kind: str) -> None:
    rig = own_rig
    opened(rig)
    toy.fill_tx = "0x" + "ab" * 32
    if kind == "reverted":
        toy.fill_tx = reverted_transaction(rig)
    rig.node.mine(3)
    assert watching(rig, toy, look_once).state is PaymentState.BRIDGING


def reverted_transaction(rig: Rig) -> str:
    contract = new_address()
    rig.node.call("anvil_setCode", contract, "0x5f5ffd")
    rig.node.call("anvil_setBalance", contract, hex(ETHER))
    rig.node.call("anvil_impersonateAccount", rig.signer.address)
    sent = {"from": rig.signer.address, "to": contract, "gas": hex(60000)}
    return str(rig.node.call("eth_sendTransaction", sent))


@pytest.mark.parametrize("how", ["status", "resume"])
def test_the_approval_of_a_cancelled_payment_comes_to_its_end(own_rig: Rig, toy: Toy, how: str) -> None:
    """It was mined, what it was for never will be, and its block may still go."""
    rig = own_rig
    rig.confirmations = 3
    payment = rig.payment()
    rig.node.call("anvil_setCode", payment.to.address, "0x5f5ffd")
    payment_id = rig.begin(payment, *to_self(rig), order=order_of(payment, rig.node.time() + 1000)).id
    with pytest.raises(Refused, match="would fail"):
        rig.resume(payment_id)
    journal = rig.journal()
    states = [tx.state for tx in journal.cancel(payment_id, "by its sender").transactions]
    journal.close()
    assert states == [TxState.MINED, TxState.CANCELLED]
    rig.node.mine(2)
    record = watching(rig, toy, look_once) if how == "status" else rig.resume(payment_id, signer=False)
    assert [tx.state for tx in record.transactions] == [TxState.FINAL, TxState.CANCELLED]
    assert record.state is PaymentState.CANCELLED


def test_an_open_without_its_event_is_not_believed(rig: Rig, toy: Toy) -> None:
    opened(rig)
    toy.opens = False
    toy.fill_tx = fill(rig)
    record = watching(rig, toy, look_once)
    assert record.state is PaymentState.INDETERMINATE
    assert record.order
    assert "did not open the order" in record.order.detail


def test_a_chain_that_cannot_be_asked_changes_nothing_and_is_said(rig: Rig, toy: Toy) -> None:
    opened(rig)
    record = watching(rig, toy, look_once)
    assert watching(rig.through("http://127.0.0.1:1"), toy, look_once) == record
    assert any("could not be asked" in sentence for sentence in rig.said)


def test_a_look_refreshes_transactions_and_sends_nothing(rig: Rig, toy: Toy, proxy: FaultProxy) -> None:
    proxy.break_next("eth_sendRawTransaction", REFUSED_BEFORE, 1000)
    payment_id = rig.begin(rig.payment()).id
    with pytest.raises(NotFinal):
        rig.through(proxy.url).resume(payment_id, 0.2)
    sent = len(proxy.sent("eth_sendRawTransaction"))
    watching(rig.through(proxy.url), toy, look_once)
    assert len(proxy.sent("eth_sendRawTransaction")) == sent
    raw = rig.record(payment_id).transactions[0].raw
    rig.node.call("eth_sendRawTransaction", "0x" + raw.hex())
    rig.node.mine(1)
    assert watching(rig, toy, look_once).state is PaymentState.DELIVERED


def test_an_order_that_is_not_filled_becomes_refundable_and_comes_back(own_rig: Rig, toy: Toy) -> None:
    rig = own_rig
    record = opened(rig, seconds=100)
    watching(rig, toy, look_once)
    rig.node.call("evm_increaseTime", 200)
    rig.node.mine()
    record = watching(rig, toy, follow, patience=5, poll=0.02)
    assert (record.state, record.meaning.exit_status) == (PaymentState.REFUND_DUE, ExitStatus.MONEY_BACK)
    assert record.meaning.open
    assert "you can ask it back" in rig.said

    assert record.order
    step = refund_step(toy, record.order.order)
    record = rig.do(lambda executor: executor.send_refund(record.id, step))
    assert record.refunds[0].state is TxState.FINAL
    assert record.state is PaymentState.REFUND_DUE
    again = rig.do(lambda executor: executor.send_refund(record.id, step))
    assert len(again.refunds) == 1
    toy.refunded = True
    record = watching(rig, toy, follow, patience=5, poll=0.02)
    assert (record.state, record.meaning.open) == (PaymentState.REFUNDED, False)


def refund_step(toy: Toy, order: Order) -> Step:
    """The toy's refund, which asks no chain."""

    async def run() -> Step | None:
        async with open_rpcs(Registry({})) as rpcs:
            return await toy.refund(order, rpcs)

    step = asyncio.run(run())
    assert step
    return step


def test_a_refund_that_is_not_due_is_refused(rig: Rig, toy: Toy) -> None:
    record = opened(rig)
    assert record.order
    step = refund_step(toy, record.order.order)
    with pytest.raises(Refused, match="no refund"):
        rig.do(lambda executor: executor.send_refund(record.id, step))


def test_a_refund_thought_due_too_early_can_still_be_a_fill(own_rig: Rig, toy: Toy) -> None:
    rig = own_rig
    opened(rig, seconds=100)
    watching(rig, toy, look_once)
    rig.node.call("evm_increaseTime", 200)
    rig.node.mine()
    assert watching(rig, toy, look_once).state is PaymentState.REFUND_DUE
    toy.fill_tx = fill(rig)
    assert watching(rig, toy, look_once).state is PaymentState.DELIVERED


def test_a_reorganised_open_closes_the_order_again(own_rig: Rig, toy: Toy) -> None:
    rig, node = own_rig, own_rig.node
    rig.confirmations = 5
    payment = rig.payment()
    payment_id = rig.begin(payment, order=order_of(payment, node.time() + 1000)).id
    before = node.call("evm_snapshot")
    with pytest.raises(NotFinal):
        rig.resume(payment_id, 2)
    assert watching(rig, toy, look_once).state is PaymentState.BRIDGING
    assert node.call("evm_revert", before)
    record = watching(rig, toy, look_once)
    assert record.order
    assert record.order.state is OrderState.NOT_OPEN
    assert record.state is PaymentState.SENDING


def test_a_look_at_a_planned_payment_asks_no_node(rig: Rig, toy: Toy) -> None:
    rig.begin(rig.payment())
    record = watching(rig.through("http://127.0.0.1:1"), toy, look_once)
    assert record.state is PaymentState.PLANNED
    assert not rig.said


@pytest.mark.parametrize("place", ["order_opened", "order_filled"])
def test_a_kill_while_watching_loses_nothing(rig: Rig, toy: Toy, tmp_path: Path, place: str) -> None:
    opened(rig)
    toy.fill_tx = fill(rig)
    proof = tmp_path / "proof"
    process = multiprocessing.get_context("forkserver").Process(
        target=_watch_and_die, args=(rig.home, rig.urls, rig.key, toy, place, proof)
    )
    process.start()
    process.join(60)
    assert (process.exitcode, proof.read_text()) == (-9, f"{place}\n")
    assert watching(rig, toy, follow, patience=5, poll=0.02).state is PaymentState.DELIVERED


def _watch_and_die(home: Path, urls: tuple[str, ...], key: bytes, toy: Toy, place: str, proof: Path) -> None:
    os.environ.update({"L2SEND_FAILPOINT": place, "L2SEND_FAILPOINT_PROOF": str(proof)})
    watching(Rig(home, Node(urls[0]), urls, key=key), toy, follow, patience=5, poll=0.02)


def test_many_looks_do_not_grow_the_history(rig: Rig, toy: Toy) -> None:
    record = opened(rig)
    for _ in range(5):
        watching(rig, toy, look_once)
    journal = rig.journal()
    assert len([e for e in journal.events(record.id) if e.subject == "order"]) == 1
    journal.close()


def test_a_bridge_this_version_does_not_know_is_said(rig: Rig) -> None:
    record = opened(rig)

    async def run() -> PaymentRecord:
        journal = rig.journal()
        async with open_rpcs(Registry({"rig": rig.chain})) as rpcs:
            try:
                return await look_once(record.id, journal, rpcs, {}, rig.said.append)
            finally:
                journal.close()

    found = asyncio.run(run())
    assert replace(found) == rig.record(record.id)
    assert any("does not know the bridge" in sentence for sentence in rig.said)
