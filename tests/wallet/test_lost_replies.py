"""A node that accepts a transaction without saying so, or refuses it: one signature, rebroadcast until it is seen."""

from __future__ import annotations

import pytest

from l2send.core.errors import ExitStatus, NetworkError, NotFinal, Sent
from l2send.wallet.journal.states import PaymentState, TxState
from tests.support.faultproxy import AFTER_ACCEPTING, REFUSED_BEFORE, TOO_MANY, Fault, FaultProxy
from tests.wallet.resuming import SEND, UNKNOWN_TYPE, nothing_signed, refused
from tests.wallet.rig import Rig


@pytest.mark.parametrize("fault", AFTER_ACCEPTING, ids=str)
def test_a_lost_reply_is_no_second_signature(fault: Fault, rig: Rig, proxy: FaultProxy) -> None:
    payment = rig.payment()
    proxy.break_next(SEND, fault)
    record = rig.through(proxy.url).pay(payment)
    assert proxy.fired == [(SEND, fault)]
    assert record.state is PaymentState.DELIVERED
    assert {raw for (raw,) in proxy.sent(SEND)} == {"0x" + record.transactions[0].raw.hex()}
    assert rig.node.sent_by(payment.sender) == 1


def test_a_node_that_never_takes_it_leaves_it_to_resume(rig: Rig, proxy: FaultProxy) -> None:
    proxy.break_next(SEND, REFUSED_BEFORE, 1000)
    payment = rig.payment()
    payment_id = rig.begin(payment).id
    error = refused(rig.through(proxy.url), payment_id, NotFinal, patience=1.5)
    assert len(proxy.fired) > 1
    assert (error.exit_status, error.sent) == (ExitStatus.NOT_FINAL, Sent.MAYBE)
    assert f"l2send resume {payment_id}" in error.hint
    assert rig.node.balance(payment.to.address) == 0
    assert rig.resume(payment_id).state is PaymentState.DELIVERED
    assert len({raw for (raw,) in proxy.sent(SEND)}) == 1


def test_another_endpoint_is_tried(rig: Rig, proxy: FaultProxy) -> None:
    proxy.break_next(SEND, REFUSED_BEFORE, 1000)
    payment = rig.payment()
    assert rig.through(proxy.url, rig.node.url).pay(payment).state is PaymentState.DELIVERED
    assert proxy.fired
    assert rig.node.sent_by(payment.sender) == 1


def test_reads_that_fail_for_a_while_change_nothing(rig: Rig, proxy: FaultProxy) -> None:
    for method in ("eth_getTransactionReceipt", "eth_getTransactionCount", "eth_feeHistory"):
        proxy.break_next(method, TOO_MANY)
    payment = rig.payment()
    assert rig.through(proxy.url).pay(payment).state is PaymentState.DELIVERED
    assert len(proxy.fired) == 3
    assert rig.node.sent_by(payment.sender) == 1


def test_no_chain_is_no_signature(rig: Rig) -> None:
    payment_id = rig.begin(rig.payment()).id
    error = refused(rig.through("http://127.0.0.1:1"), payment_id, NetworkError)
    assert error.sent is Sent.NO
    assert nothing_signed(rig, payment_id)


def test_a_refusal_is_not_taken_for_a_yes(rig: Rig, proxy: FaultProxy) -> None:
    """«unknown transaction» holds the words «known transaction»."""
    proxy.break_next(SEND, UNKNOWN_TYPE, 1000)
    payment_id = rig.begin(rig.payment()).id
    refused(rig.through(proxy.url), payment_id, NotFinal, patience=0.2)
    assert proxy.fired
    tx = rig.record(payment_id).transactions[0]
    assert tx.state is TxState.SIGNED
    assert "unknown transaction type" in tx.detail
    assert rig.resume(payment_id).state is PaymentState.DELIVERED
