"""A cancelled payment never happens, and one that is mined instead of its cancellation is delivered.

The node does not mine by itself here, so that transactions really wait.
"""

from __future__ import annotations

import pytest

from l2send.core.errors import ExitStatus, NotFinal, Refused
from l2send.core.plan import StepKind, UnsignedTx
from l2send.core.units import Wei
from l2send.wallet.executor import Executor
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from l2send.wallet.replacement import cancel_tx
from tests.support.faultproxy import LOST_REQUEST, FaultProxy
from tests.wallet.outbidding import bids, once, outbid
from tests.wallet.resuming import SEND, send_elsewhere, until, waiting
from tests.wallet.rig import CHAIN_ID, REVERTS_IF_SLOT_0, GuardStandIn, Rig, to_self

pytestmark = pytest.mark.lab


def test_a_cancelled_payment_never_happens(slow: Rig) -> None:
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


def test_a_payment_that_is_mined_before_its_cancel_is_delivered(slow: Rig, slow_proxy: FaultProxy) -> None:
    first = waiting(slow)
    slow_proxy.break_next(SEND, LOST_REQUEST, 1000)
    outbid(slow.through(slow_proxy.url), first.id, cancel=True)
    assert slow_proxy.fired
    slow.node.mine()
    record = slow.resume(first.id)
    assert [tx.state for tx in record.transactions] == [TxState.FINAL, TxState.VOID]
    assert record.state is PaymentState.DELIVERED
    once(slow, record)


def test_a_cancel_can_be_made_faster_and_is_not_taken_back(slow: Rig, slow_proxy: FaultProxy) -> None:
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


def test_a_cancel_that_is_only_mined_is_not_yet_cancelled(slow: Rig) -> None:
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


def test_a_cancel_that_reverts_has_cancelled_too(slow: Rig) -> None:
    """An account with code may refuse the transfer of nothing: but its nonce is used up."""
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


def test_a_step_before_the_last_is_cancelled_and_the_last_is_never_signed(slow: Rig) -> None:
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


def test_what_is_not_signed_needs_no_bid_and_what_has_ended_none_at_all(slow: Rig) -> None:
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


def test_a_guard_that_refuses_the_cancel_stops_it(slow: Rig) -> None:
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


def test_a_foreign_transaction_takes_the_nonce_from_both(slow: Rig) -> None:
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


def test_the_next_payment_gets_the_next_nonce(slow: Rig) -> None:
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
