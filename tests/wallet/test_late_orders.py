"""Expired quotes and orders past their deadline are not sent."""

from __future__ import annotations

import asyncio

import pytest

from l2send.core.errors import NotFinal, Refused
from l2send.core.plan import UnsignedTx
from l2send.core.rpc import client as rpc_client
from l2send.wallet.executor import Executor
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from tests.support.faultproxy import FaultProxy
from tests.wallet.resuming import SEND, UNKNOWN_TYPE, refused
from tests.wallet.rig import GuardStandIn, Rig, order_of, to_self


def test_an_expired_quote_is_cancelled_and_nothing_is_sent(rig: Rig) -> None:
    payment_id = rig.begin(rig.payment(), expires=rig.node.time() - 1).id
    error = refused(rig, payment_id, Refused)
    assert "expired" in error.message
    assert rig.record(payment_id).state is PaymentState.CANCELLED
    assert rig.resume(payment_id).state is PaymentState.CANCELLED
    assert rig.node.sent_by(rig.signer.address) == 0


@pytest.mark.parametrize("left", [-100, 15])
def test_an_order_past_its_deadline_or_near_it_is_not_opened(rig: Rig, left: int) -> None:
    payment = rig.payment()
    order = order_of(payment, rig.node.time() + left)
    payment_id = rig.begin(payment, *to_self(rig), order=order).id
    refused(rig, payment_id, Refused)
    assert rig.record(payment_id).state is PaymentState.CANCELLED
    assert rig.node.sent_by(payment.sender) == 0


def test_an_order_that_became_late_after_its_approval_is_not_opened(own_rig: Rig) -> None:
    rig = own_rig
    payment = rig.payment()
    payment_id = rig.begin(payment, *to_self(rig), order=order_of(payment, rig.node.time() + 200)).id

    async def stop_before_the_second(executor: Executor) -> PaymentRecord:
        def guard(tx: UnsignedTx) -> None:
            if tx.value:
                raise asyncio.CancelledError

        executor.guard = GuardStandIn(guard)
        return await executor.resume(payment_id)

    with pytest.raises(asyncio.CancelledError):
        rig.do(stop_before_the_second)
    assert rig.record(payment_id).state is PaymentState.SENDING
    rig.node.call("evm_increaseTime", 300)
    rig.node.mine()
    error = refused(rig, payment_id, Refused)
    assert "An allowance is left: " in error.message
    record = rig.record(payment_id)
    assert [tx.state for tx in record.transactions] == [TxState.FINAL, TxState.CANCELLED]
    assert rig.node.balance(payment.to.address) == 0


def test_signed_bytes_of_a_late_order_are_not_sent_and_their_nonce_is_taken(
    own_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed, never handed to a node, and too late: the next payment ends it by taking its nonce."""
    monkeypatch.setattr(rpc_client, "_PINNED_SECONDS", 0.0)
    rig, node = own_rig, own_rig.node
    with FaultProxy(node.url) as proxy:
        payment = rig.payment()
        late = rig.begin(payment, order=order_of(payment, node.time() + 200)).id
        through = rig.through(proxy.url)

        async def die_before_broadcast(executor: Executor) -> PaymentRecord:
            executor.guard = GuardStandIn(lambda _: proxy.lie("eth_chainId", "0x5"))
            return await executor.resume(late, patience=0.2)

        with pytest.raises(NotFinal):
            through.do(die_before_broadcast)
        proxy.stop_lying("eth_chainId")
        assert rig.record(late).transactions[0].state is TxState.SIGNED
        assert not proxy.sent(SEND)
    node.call("evm_increaseTime", 300)
    node.mine()
    error = refused(rig, late, NotFinal)
    assert "not sent again" in error.message
    other = rig.payment()
    record = rig.pay(other)
    assert (record.state, record.transactions[0].nonce) == (PaymentState.DELIVERED, 0)
    node.mine(2)
    assert rig.resume(late).state is PaymentState.REPLACED
    assert node.balance(payment.to.address) == 0
    assert node.balance(other.to.address) == other.amount.units


def test_a_late_order_below_another_payment_does_not_block_it(own_rig: Rig) -> None:
    rig, node = own_rig, own_rig.node
    with FaultProxy(node.url) as proxy:
        proxy.break_next(SEND, UNKNOWN_TYPE, 1000)
        through = rig.through(proxy.url)
        payment = rig.payment()
        late = rig.begin(payment, order=order_of(payment, node.time() + 200)).id
        above = rig.begin(rig.payment()).id
        for nonce, payment_id in enumerate((late, above)):
            refused(through, payment_id, NotFinal, patience=0.2)
            tx = rig.record(payment_id).transactions[0]
            assert (tx.state, tx.nonce) == (TxState.SIGNED, nonce)
    node.call("evm_increaseTime", 300)
    node.mine()
    filler = rig.pay(rig.payment())
    assert (filler.state, filler.transactions[0].nonce) == (PaymentState.DELIVERED, 0)
    assert rig.resume(above).state is PaymentState.DELIVERED
    node.mine(2)
    assert rig.resume(late).state is PaymentState.REPLACED
    assert node.balance(payment.to.address) == 0
