"""Two transactions for one nonce: whichever is mined, the payment is made once.

The node does not mine by itself here, so that transactions really wait.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from l2send.core.errors import CannotPay, NotFinal, Refused, Sent
from l2send.wallet.executor import Executor
from l2send.wallet.journal.protocol import ChangedMeanwhile
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from l2send.wallet.keys.signed import decode_signed
from l2send.wallet.replacement import Bid
from tests.support.faultproxy import REFUSED_BEFORE, FaultProxy
from tests.wallet.outbidding import bids, once, outbid
from tests.wallet.resuming import SEND, until, waiting
from tests.wallet.rig import ETHER, Node, Rig, order_of, to_self

pytestmark = pytest.mark.lab


def prices(record: PaymentRecord) -> list[tuple[int, int]]:
    said = [decode_signed(tx.raw) for tx in record.transactions if tx.raw]
    return [(tx.max_fee_per_gas, tx.tip) for tx in said]


def pool(node: Node) -> int:
    return int(node.call("txpool_status")["pending"], 16)


def test_the_faster_one_is_mined_and_the_first_is_void(slow: Rig) -> None:
    first = waiting(slow)
    assert pool(slow.node) == 1
    record = outbid(slow, first.id)
    assert pool(slow.node) == 1, "the node kept both"
    slow.node.mine()
    record = slow.resume(first.id)
    assert [tx.state for tx in record.transactions] == [TxState.VOID, TxState.FINAL]
    assert (record.state, record.moved) == (PaymentState.DELIVERED, Sent.YES)
    assert record.steps[0].hash == record.transactions[1].hash != record.transactions[0].hash
    once(slow, record)
    assert [tx.to for tx in slow.guarded] == [record.payment.to.address] * 2


def test_the_first_is_mined_and_the_faster_one_is_void(slow: Rig, slow_proxy: FaultProxy) -> None:
    first = waiting(slow)
    slow_proxy.break_next(SEND, REFUSED_BEFORE, 1000)
    outbid(slow.through(slow_proxy.url), first.id)
    assert slow_proxy.fired, "the second reached the node"
    slow.node.mine()
    record = slow.resume(first.id)
    assert [tx.state for tx in record.transactions] == [TxState.FINAL, TxState.VOID]
    assert record.state is PaymentState.DELIVERED
    once(slow, record)


def test_a_reorganisation_that_mines_the_faster_one_instead_is_followed(slow: Rig, slow_proxy: FaultProxy) -> None:
    slow.confirmations = 3
    first = waiting(slow)
    slow_proxy.break_next(SEND, REFUSED_BEFORE, 1000)
    second = outbid(slow.through(slow_proxy.url), first.id).transactions[1]
    slow.node.mine()
    until(slow, first.id, TxState.MINED, TxState.BROADCAST)
    slow.node.call("anvil_reorg", 1, [["0x" + second.raw.hex(), 0]])
    assert slow.node.call("eth_getTransactionReceipt", second.hash)["status"] == "0x1"
    until(slow, first.id, TxState.BROADCAST, TxState.MINED)
    slow.node.mine(2)
    record = slow.resume(first.id)
    assert [tx.state for tx in record.transactions] == [TxState.VOID, TxState.FINAL]
    once(slow, record)


def test_every_price_is_an_eighth_above_the_former(slow: Rig) -> None:
    """And never below what the chain asks today."""
    record = first = waiting(slow)
    for _ in range(3):
        record = outbid(slow, first.id)
    for (fee, tip), (more_fee, more_tip) in zip(prices(record), prices(record)[1:], strict=False):
        assert more_fee * 1000 >= fee * 1125
        assert more_tip * 1000 >= tip * 1125
    slow.node.call("anvil_setNextBlockBaseFeePerGas", hex(10**12))
    outbid(slow, first.id)
    assert prices(slow.record(first.id))[-1][0] >= 10**12
    slow.node.mine()
    record = slow.resume(first.id)
    assert [tx.state for tx in record.transactions] == [TxState.VOID] * 4 + [TxState.FINAL]
    once(slow, record)


def test_a_fee_that_rose_above_the_first_is_overcome(slow: Rig) -> None:
    """The base fee stays above what the first pays: it is never mined, blocks or not."""
    first = waiting(slow)
    for _ in range(3):
        slow.node.call("anvil_setNextBlockBaseFeePerGas", hex(prices(first)[0][0] + 1))
        slow.node.mine()
    assert until(slow, first.id, TxState.BROADCAST).state is PaymentState.SENDING
    outbid(slow, first.id)
    slow.node.call("anvil_setNextBlockBaseFeePerGas", hex(prices(first)[0][0] + 1))
    slow.node.mine()
    record = slow.resume(first.id)
    assert [tx.state for tx in record.transactions] == [TxState.VOID, TxState.FINAL]
    once(slow, record)


def test_a_step_before_the_last_is_made_faster_and_the_rest_follows(slow: Rig) -> None:
    first = waiting(slow, *to_self(slow))
    outbid(slow, first.id)
    slow.node.mine()
    with pytest.raises(NotFinal):
        slow.resume(first.id, patience=0.5)
    slow.node.mine()
    record = slow.resume(first.id)
    assert [(tx.index, tx.replaces) for tx in record.transactions] == [(0, None), (1, None), (2, 0)]
    assert [tx.state for tx in record.transactions] == [TxState.VOID, TxState.FINAL, TxState.FINAL]
    assert record.state is PaymentState.DELIVERED
    once(slow, record)


def test_a_process_that_waits_for_the_first_sees_the_second(slow: Rig) -> None:
    """`send` holds the account's lock in another terminal, and ends when its replacement is mined."""
    payment_id = slow.begin(slow.payment()).id

    async def run(executor: Executor) -> PaymentRecord:
        sent = asyncio.Event()
        executor.progress = lambda sentence: sent.set() if "transfer sent" in sentence else None
        sending = asyncio.create_task(executor.resume(payment_id))
        await sent.wait()
        other = Executor(
            executor.journal, executor.rpcs, executor.signer, executor.locks, executor.guard, executor.progress
        )
        await other.replace(payment_id, await bids(executor, payment_id, cancel=False))
        slow.node.mine()
        return await sending

    record = slow.do(run)
    assert record.steps[0].replaces == 0
    once(slow, record)


def test_of_two_at_once_one_is_told(slow: Rig) -> None:
    first = waiting(slow)

    async def run(executor: Executor) -> list[PaymentRecord | BaseException]:
        offers = await bids(executor, first.id, cancel=False)
        return await asyncio.gather(*[executor.replace(first.id, offers) for _ in range(2)], return_exceptions=True)

    outcomes = slow.do(run)
    assert sum(isinstance(outcome, ChangedMeanwhile) for outcome in outcomes) == 1
    slow.node.mine()
    record = slow.resume(first.id)
    assert len(record.transactions) == 2
    once(slow, record)


def test_what_does_not_outbid_is_thrown_away(slow: Rig) -> None:
    first = waiting(slow)

    async def run(executor: Executor) -> PaymentRecord:
        (bid,) = await bids(executor, first.id, cancel=False)
        tx, price = first.transactions[0], bid.step.price
        assert price
        former = decode_signed(tx.raw)
        low = replace(price, tip=former.tip, max_fee_per_gas=former.max_fee_per_gas)
        return await executor.replace(first.id, [Bid(tx, replace(bid.step, price=low))])

    with pytest.raises(Refused, match="not a tenth above"):
        slow.do(run)
    assert slow.record(first.id) == first


@pytest.mark.parametrize("cancel", [False, True])
def test_what_is_in_a_block_is_neither_made_faster_nor_cancelled(slow: Rig, cancel: bool) -> None:
    slow.confirmations = 3
    first = waiting(slow)
    slow.node.mine()
    with pytest.raises(Refused, match="mined already") as caught:
        outbid(slow, first.id, cancel=cancel)
    assert caught.value.sent is Sent.YES
    slow.node.mine(2)
    record = slow.resume(first.id)
    assert len(record.transactions) == 1
    with pytest.raises(Refused, match="delivered"):
        outbid(slow, first.id, cancel=cancel)
    once(slow, record)


def test_a_balance_that_does_not_hold_the_higher_fee_is_refused(slow: Rig) -> None:
    first = waiting(slow, units=10 * ETHER - 25_200 * 31 * 10**8)
    with pytest.raises(CannotPay, match="holds 10 ETH") as caught:
        outbid(slow, first.id)
    assert caught.value.sent is Sent.MAYBE, "the first is still on its way"
    assert slow.record(first.id).transactions == first.transactions
    slow.node.mine()
    once(slow, slow.resume(first.id))


def test_an_order_that_became_late_is_not_made_faster(slow: Rig) -> None:
    payment = slow.payment()
    payment_id = slow.begin(payment, order=order_of(payment, slow.node.time() + 200)).id
    until(slow, payment_id, TxState.BROADCAST)
    slow.node.call("evm_increaseTime", 300)
    slow.node.call("anvil_setNextBlockBaseFeePerGas", hex(10**12))
    slow.node.mine()
    with pytest.raises(Refused, match="seconds ago"):
        outbid(slow, payment_id)
    outbid(slow, payment_id, cancel=True)
    slow.node.mine()
    record = slow.resume(payment_id)
    assert record.state is PaymentState.CANCELLED
    once(slow, record, times=0)
