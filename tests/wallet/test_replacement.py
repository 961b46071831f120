"""Two transactions for one nonce: whichever the chain takes, a payment is made once, and a cancelled one never.

The node does not mine by itself here, so that transactions really wait.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from l2send.core.errors import CannotPay, ExitStatus, L2sendError, NotFinal, Refused, Sent
from l2send.core.plan import StepKind, UnsignedTx
from l2send.core.units import Wei
from l2send.wallet.execute import Executor
from l2send.wallet.journal.protocol import ChangedMeanwhile
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from l2send.wallet.keys.signed import decode_signed
from l2send.wallet.replacement import Bid, cancel_bids, cancel_tx, speedup_bids
from tests.support.faultproxy import LOST_REPLY, LOST_REQUEST, REFUSED_BEFORE, Fault, FaultProxy
from tests.wallet import payer
from tests.wallet.rig import CHAIN_ID, ETHER, REVERTS_IF_SLOT_0, Bench, GuardStandIn, Node, order_of, to_self
from tests.wallet.test_faults import send_elsewhere

pytestmark = pytest.mark.lab

SEND = "eth_sendRawTransaction"
PLACES = ["signed", "journaled", "before_broadcast", "after_broadcast", "broadcast"]


@pytest.fixture
def slow(own_bench: Bench) -> Bench:
    """An account on a node that mines when it is told to."""
    own_bench.node.call("evm_setAutomine", False)
    return own_bench


@pytest.fixture
def slow_proxy(slow: Bench) -> Iterator[FaultProxy]:
    with FaultProxy(slow.node.url) as running:
        yield running


def waiting(bench: Bench, *before: UnsignedTx, units: int = ETHER // 1000) -> PaymentRecord:
    """A payment whose first transaction is in the node's pool, and in no block."""
    payment_id = bench.begin(bench.payment(units), *before).id
    return until(bench, payment_id, TxState.BROADCAST)


def until(bench: Bench, payment_id: str, *states: TxState) -> PaymentRecord:
    """Resume, each time for a moment, until its transactions are in these states."""
    for _ in range(60):
        with pytest.raises(NotFinal):
            bench.resume(payment_id, patience=0.15)
        record = bench.record(payment_id)
        if [tx.state for tx in record.transactions if tx.raw] == list(states):
            return record
    pytest.fail(f"never came to {states}: {bench.record(payment_id)}")


async def bids(executor: Executor, payment_id: str, cancel: bool) -> list[Bid]:
    make = cancel_bids if cancel else speedup_bids
    return await make(executor.journal.get(payment_id), executor.journal, executor.rpcs)


def outbid(bench: Bench, payment_id: str, *, cancel: bool = False) -> PaymentRecord:
    """`speedup`, or `cancel`, without waiting for what becomes of it."""

    async def run(executor: Executor) -> PaymentRecord:
        return await executor.replace(payment_id, await bids(executor, payment_id, cancel))

    return bench.do(run)


def prices(record: PaymentRecord) -> list[tuple[int, int]]:
    said = [decode_signed(tx.raw) for tx in record.transactions if tx.raw]
    return [(tx.max_fee, tx.tip) for tx in said]


def pool(node: Node) -> int:
    return int(node.call("txpool_status")["pending"], 16)


def once(bench: Bench, record: PaymentRecord, times: int = 1) -> None:
    """The chain shows the payment exactly that often, and nothing else of the account."""
    assert bench.node.balance(record.payment.to.address) == times * record.payment.amount.units
    assert bench.node.sent_by(record.payment.sender) == len(record.approved)
    assert len({tx.nonce for tx in record.transactions}) == len(record.approved)
    assert [tx.state for tx in record.transactions].count(TxState.FINAL) == len(record.approved)


# Faster


def test_the_faster_one_is_mined_and_the_first_is_void(slow: Bench) -> None:
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


def test_the_first_is_mined_and_the_faster_one_is_void(slow: Bench, slow_proxy: FaultProxy) -> None:
    first = waiting(slow)
    slow_proxy.break_next(SEND, REFUSED_BEFORE, 1000)
    outbid(slow.through(slow_proxy.url), first.id)
    assert slow_proxy.fired, "the second reached the node"
    slow.node.mine()
    record = slow.resume(first.id)
    assert [tx.state for tx in record.transactions] == [TxState.FINAL, TxState.VOID]
    assert record.state is PaymentState.DELIVERED
    once(slow, record)


def test_a_reorganisation_that_mines_the_faster_one_instead_is_followed(slow: Bench, slow_proxy: FaultProxy) -> None:
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


def test_every_price_is_an_eighth_above_the_former(slow: Bench) -> None:
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


def test_a_fee_that_rose_above_the_first_is_overcome(slow: Bench) -> None:
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


def test_a_step_before_the_last_is_made_faster_and_the_rest_follows(slow: Bench) -> None:
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


def test_a_process_that_waits_for_the_first_sees_the_second(slow: Bench) -> None:
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


def test_of_two_at_once_one_is_told(slow: Bench) -> None:
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


def test_what_does_not_outbid_is_thrown_away(slow: Bench) -> None:
    first = waiting(slow)

    async def run(executor: Executor) -> PaymentRecord:
        (bid,) = await bids(executor, first.id, cancel=False)
        tx, price = first.transactions[0], bid.step.price
        assert price
        former = decode_signed(tx.raw)
        low = replace(price, tip=former.tip, max_fee=former.max_fee)
        return await executor.replace(first.id, [Bid(tx, replace(bid.step, price=low))])

    with pytest.raises(Refused, match="not a tenth above"):
        slow.do(run)
    assert slow.record(first.id) == first


@pytest.mark.parametrize("cancel", [False, True])
def test_what_is_in_a_block_is_neither_made_faster_nor_cancelled(slow: Bench, cancel: bool) -> None:
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


def test_a_balance_that_does_not_hold_the_higher_fee_is_refused(slow: Bench) -> None:
    first = waiting(slow, units=10 * ETHER - 25_200 * 31 * 10**8)
    with pytest.raises(CannotPay, match="holds 10 ETH") as caught:
        outbid(slow, first.id)
    assert caught.value.sent is Sent.MAYBE, "the first is still on its way"
    assert slow.record(first.id).transactions == first.transactions
    slow.node.mine()
    once(slow, slow.resume(first.id))


def test_an_order_that_became_late_is_not_made_faster(slow: Bench) -> None:
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


# Cancelled


def test_a_cancelled_payment_never_happens(slow: Bench) -> None:
    first = waiting(slow)
    outbid(slow, first.id, cancel=True)
    slow.node.mine()
    record = slow.resume(first.id)
    assert [(tx.step.kind, tx.state) for tx in record.transactions] == [
        (StepKind.TRANSFER, TxState.VOID),
        (StepKind.CANCEL, TxState.FINAL),
    ]
    assert (record.state, record.meaning.exit_status) == (PaymentState.CANCELLED, ExitStatus.REFUSED)
    assert slow.guarded[-1] == UnsignedTx(CHAIN_ID, record.payment.sender, Wei(0), b"") == cancel_tx(record.steps[0])
    once(slow, record, times=0)
    assert slow.resume(first.id) == record


def test_a_payment_that_is_mined_all_the_same_is_delivered(slow: Bench, slow_proxy: FaultProxy) -> None:
    first = waiting(slow)
    slow_proxy.break_next(SEND, LOST_REQUEST, 1000)
    outbid(slow.through(slow_proxy.url), first.id, cancel=True)
    assert slow_proxy.fired
    slow.node.mine()
    record = slow.resume(first.id)
    assert [tx.state for tx in record.transactions] == [TxState.FINAL, TxState.VOID]
    assert record.state is PaymentState.DELIVERED
    once(slow, record)


def test_a_cancel_can_be_made_faster_and_is_not_taken_back(slow: Bench, slow_proxy: FaultProxy) -> None:
    """A node that forgot everything is given the newest cancel, and not the payment."""
    first = waiting(slow)
    outbid(slow, first.id, cancel=True)
    outbid(slow, first.id)
    record = slow.record(first.id)
    assert [tx.step.kind for tx in record.transactions] == [StepKind.TRANSFER, StepKind.CANCEL, StepKind.CANCEL]
    slow.node.call("anvil_dropAllTransactions")
    with pytest.raises(NotFinal):
        slow.through(slow_proxy.url).resume(first.id, patience=0.5)
    assert {raw for (raw,) in slow_proxy.sent(SEND)} == {"0x" + record.transactions[2].raw.hex()}
    slow.node.mine()
    record = slow.resume(first.id)
    assert record.state is PaymentState.CANCELLED
    once(slow, record, times=0)


def test_a_cancel_that_is_only_mined_is_not_yet_cancelled(slow: Bench) -> None:
    """A reorganisation takes it back, and the payment is mined instead: then it is delivered."""
    slow.confirmations = 3
    node = slow.node
    first = waiting(slow)
    before = node.call("evm_snapshot")
    outbid(slow, first.id, cancel=True)
    node.mine()
    assert until(slow, first.id, TxState.BROADCAST, TxState.MINED).state is PaymentState.SENDING
    assert node.call("evm_revert", before)
    node.call("anvil_dropAllTransactions")
    node.call(SEND, "0x" + first.transactions[0].raw.hex())
    node.mine()
    assert until(slow, first.id, TxState.MINED, TxState.BROADCAST).state is PaymentState.SENDING
    node.mine(2)
    record = slow.resume(first.id)
    assert [tx.state for tx in record.transactions] == [TxState.FINAL, TxState.VOID]
    assert record.state is PaymentState.DELIVERED
    once(slow, record)


def test_a_cancel_that_reverts_has_cancelled_too(slow: Bench) -> None:
    """An account with code may refuse the transfer of nothing: its nonce is used up all the same."""
    first = waiting(slow)
    outbid(slow, first.id, cancel=True)
    slow.node.call("anvil_setCode", first.payment.sender, REVERTS_IF_SLOT_0)
    slow.node.call("anvil_setStorageAt", first.payment.sender, "0x0", "0x" + "00" * 31 + "01")
    slow.node.mine()
    if slow.node.sent_by(first.payment.sender) == 0:
        pytest.skip("this anvil takes nothing from an account with code (EIP-3607)")
    record = slow.resume(first.id)
    assert [tx.state for tx in record.transactions] == [TxState.VOID, TxState.REVERTED]
    assert record.state is PaymentState.CANCELLED
    assert slow.node.balance(first.payment.to.address) == 0


def test_a_step_before_the_last_is_cancelled_and_the_last_is_never_signed(slow: Bench) -> None:
    first = waiting(slow, *to_self(slow))

    async def run(executor: Executor) -> PaymentRecord:
        offers = await bids(executor, first.id, cancel=True)
        executor.journal.cancel(first.id, "cancelled")
        return await executor.replace(first.id, offers)

    record = slow.do(run)
    assert [tx.state for tx in record.steps] == [TxState.BROADCAST, TxState.CANCELLED]
    assert record.state is PaymentState.CANCELLED
    slow.node.mine()
    record = slow.resume(first.id)
    assert [tx.outcome for tx in record.steps] == [TxState.CANCELLED, TxState.CANCELLED]
    assert slow.node.balance(first.payment.to.address) == 0
    assert slow.node.sent_by(first.payment.sender) == 1


def test_what_is_not_signed_needs_no_bid_and_what_has_ended_none_at_all(slow: Bench) -> None:
    payment_id = slow.begin(slow.payment()).id
    assert slow.do(lambda executor: bids(executor, payment_id, cancel=True)) == []
    with pytest.raises(Refused, match="nothing of it waits"):
        slow.do(lambda executor: bids(executor, payment_id, cancel=False))
    journal = slow.journal()
    journal.cancel(payment_id, "cancelled")
    journal.close()
    for cancel in (True, False):
        with pytest.raises(Refused, match="is cancelled"):
            slow.do(lambda executor, cancel=cancel: bids(executor, payment_id, cancel=cancel))


def test_a_guard_that_refuses_the_cancel_stops_it(slow: Bench) -> None:
    first = waiting(slow)

    async def run(executor: Executor) -> PaymentRecord:
        def guard(tx: UnsignedTx) -> None:
            raise Refused(f"not approved: {tx.value}")

        offers = await bids(executor, first.id, cancel=True)
        executor.guard = GuardStandIn(guard)
        return await executor.replace(first.id, offers)

    with pytest.raises(Refused, match="not approved"):
        slow.do(run)
    assert slow.record(first.id) == first


# Somebody else


def test_a_foreign_transaction_takes_the_nonce_from_both(slow: Bench) -> None:
    first = waiting(slow)
    outbid(slow, first.id)
    slow.node.call("anvil_dropAllTransactions")
    send_elsewhere(slow, nonce=0)
    slow.node.mine()
    slow.confirmations = 3
    until(slow, first.id, TxState.INDETERMINATE, TxState.INDETERMINATE)
    slow.node.mine(2)
    record = slow.resume(first.id)
    assert [tx.state for tx in record.transactions] == [TxState.REPLACED, TxState.REPLACED]
    assert record.state is PaymentState.REPLACED
    assert slow.node.balance(first.payment.to.address) == 0


def test_the_next_payment_gets_the_next_nonce(slow: Bench) -> None:
    """And hands out only the newest of what it finds waiting."""
    first = waiting(slow)
    outbid(slow, first.id, cancel=True)
    slow.node.call("anvil_dropAllTransactions")
    second = waiting(slow)
    assert second.transactions[0].nonce == 1
    slow.node.mine()
    assert slow.resume(second.id).state is PaymentState.DELIVERED
    assert slow.resume(first.id).state is PaymentState.CANCELLED
    assert slow.node.balance(first.payment.to.address) == 0


# Killed


@pytest.mark.parametrize("fault", [None, LOST_REPLY, LOST_REQUEST], ids=str)
@pytest.mark.parametrize("cancel", [False, True], ids=["speedup", "cancel"])
def test_killed_anywhere_it_pays_once_or_never(
    cancel: bool, fault: Fault | None, slow: Bench, slow_proxy: FaultProxy, tmp_path: Path
) -> None:
    """kill -9 at every place of a replacement; one `resume` in a fresh process finishes what was journaled."""
    for place in PLACES:
        first, proof = waiting(slow), tmp_path / place
        already = slow.node.sent_by(first.payment.sender)
        slow_proxy.fired.clear()
        slow_proxy.requests.clear()
        if fault:
            slow_proxy.break_next(SEND, fault)
        process = payer._context.Process(
            target=_outbid_and_die,
            args=(slow.home, slow_proxy.url, slow.key, first.id, cancel, place, proof),
        )
        process.start()
        process.join(60)
        assert (process.exitcode, proof.read_text()) == (-9, f"{place}\n")
        handed_out = place in ("after_broadcast", "broadcast")
        assert len(slow_proxy.fired) == (1 if fault and handed_out else 0)
        slow_proxy._faults.clear()

        with pytest.raises(NotFinal):
            slow.through(slow_proxy.url).resume(first.id, patience=0.3)
        slow.node.mine()
        record = slow.resume(first.id)
        signed_twice = place != "signed"
        assert len(record.transactions) == 1 + signed_twice
        assert {raw for (raw,) in slow_proxy.sent(SEND)} <= {"0x" + tx.raw.hex() for tx in record.transactions}
        paid = not (cancel and signed_twice)
        assert record.state is (PaymentState.DELIVERED if paid else PaymentState.CANCELLED)
        assert slow.node.balance(first.payment.to.address) == (first.payment.amount.units if paid else 0)
        assert slow.node.sent_by(first.payment.sender) == already + 1


def _outbid_and_die(home: Path, url: str, key: bytes, payment_id: str, cancel: bool, place: str, proof: Path) -> None:
    os.environ.update({"L2SEND_FAILPOINT": place, "L2SEND_FAILPOINT_PROOF": str(proof)})
    bench = Bench(home, Node(url), (url,), key=key)
    try:
        outbid(bench, payment_id, cancel=cancel)
    except L2sendError as error:
        os._exit(error.exit_status)
    os._exit(0)
