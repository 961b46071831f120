"""A node that takes a transaction and does not say so, or refuses it: one signature, sent until it is seen."""

from __future__ import annotations

import pytest

from l2send.core.errors import ExitStatus, NetworkError, NotFinal, Sent
from l2send.wallet.journal.states import PaymentState, TxState
from tests.support.faultproxy import AFTER_ACCEPTING, REFUSED_BEFORE, TOO_MANY, Fault, FaultProxy
from tests.wallet.resuming import SEND, UNKNOWN_TYPE, nothing_signed, refused
from tests.wallet.rig import Bench


@pytest.mark.parametrize("fault", AFTER_ACCEPTING, ids=str)
def test_a_lost_reply_is_no_second_signature(fault: Fault, bench: Bench, proxy: FaultProxy) -> None:
    payment = bench.payment()
    proxy.break_next(SEND, fault)
    record = bench.through(proxy.url).pay(payment)
    assert proxy.fired == [(SEND, fault)]
    assert record.state is PaymentState.DELIVERED
    assert {raw for (raw,) in proxy.sent(SEND)} == {"0x" + record.transactions[0].raw.hex()}
    assert bench.node.sent_by(payment.sender) == 1


def test_a_node_that_never_takes_it_leaves_it_to_resume(bench: Bench, proxy: FaultProxy) -> None:
    proxy.break_next(SEND, REFUSED_BEFORE, 1000)
    payment = bench.payment()
    payment_id = bench.begin(payment).id
    error = refused(bench.through(proxy.url), payment_id, NotFinal, patience=1.5)
    assert len(proxy.fired) > 1
    assert (error.exit_status, error.sent) == (ExitStatus.NOT_FINAL, Sent.MAYBE)
    assert f"l2send resume {payment_id}" in error.hint
    assert bench.node.balance(payment.to.address) == 0
    assert bench.resume(payment_id).state is PaymentState.DELIVERED
    assert len({raw for (raw,) in proxy.sent(SEND)}) == 1


def test_another_endpoint_is_tried(bench: Bench, proxy: FaultProxy) -> None:
    proxy.break_next(SEND, REFUSED_BEFORE, 1000)
    payment = bench.payment()
    assert bench.through(proxy.url, bench.node.url).pay(payment).state is PaymentState.DELIVERED
    assert proxy.fired
    assert bench.node.sent_by(payment.sender) == 1


def test_reads_that_fail_for_a_while_change_nothing(bench: Bench, proxy: FaultProxy) -> None:
    for method in ("eth_getTransactionReceipt", "eth_getTransactionCount", "eth_feeHistory"):
        proxy.break_next(method, TOO_MANY)
    payment = bench.payment()
    assert bench.through(proxy.url).pay(payment).state is PaymentState.DELIVERED
    assert len(proxy.fired) == 3
    assert bench.node.sent_by(payment.sender) == 1


def test_no_chain_is_no_signature(bench: Bench) -> None:
    payment_id = bench.begin(bench.payment()).id
    error = refused(bench.through("http://127.0.0.1:1"), payment_id, NetworkError)
    assert error.sent is Sent.NO
    assert nothing_signed(bench, payment_id)


def test_a_refusal_is_not_taken_for_a_yes(bench: Bench, proxy: FaultProxy) -> None:
    """«unknown transaction» holds the words «known transaction»."""
    proxy.break_next(SEND, UNKNOWN_TYPE, 1000)
    payment_id = bench.begin(bench.payment()).id
    refused(bench.through(proxy.url), payment_id, NotFinal, patience=0.2)
    assert proxy.fired
    tx = bench.record(payment_id).transactions[0]
    assert tx.state is TxState.SIGNED
    assert "unknown transaction type" in tx.detail
    assert bench.resume(payment_id).state is PaymentState.DELIVERED
