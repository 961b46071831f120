"""What was prepared to be signed elsewhere ends by what the chain shows of its nonce."""

from __future__ import annotations

from dataclasses import replace

import pytest

from l2send.core.errors import NetworkError, NotFinal, Refused, Sent
from l2send.core.fees import GasPrice
from l2send.core.plan import Step, StepKind, UnsignedTx
from l2send.core.units import Gas, Nonce, Wei
from l2send.wallet.ends import Ends
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.keys.signed import SignedTx
from tests.support.faultproxy import FaultProxy
from tests.wallet.resuming import COUNT, SEND
from tests.wallet.rig import CHAIN_ID, Bench, paying_quote


def prepared(bench: Bench, payment_id: str = "") -> tuple[str, SignedTx]:
    """A payment with nonce and price fixed, and the bytes of it that were signed elsewhere."""
    payment, price = bench.payment(), GasPrice(Wei(0), Wei(10**9), Wei(10**11))
    tx = UnsignedTx(CHAIN_ID, payment.to.address, Wei(payment.amount.units), b"")
    step = Step(StepKind.TRANSFER, tx, Gas(21_000), price, Nonce(0))
    quote = replace(paying_quote(payment, bench.chain), steps=(step,), expires=None)
    journal = bench.journal()
    record = journal.begin(payment, [quote])
    journal.close()
    return record.id, bench.signer.sign(CHAIN_ID, Nonce(0), tx, step.gas, price)


def never_signed(bench: Bench, payment_id: str, *, by_sender: bool = False) -> PaymentRecord:
    return bench.do(
        lambda executor: Ends(executor.journal, executor.rpcs).never_signed(
            executor.journal.get(payment_id), "its quote expired", by_sender=by_sender
        )
    )


@pytest.mark.parametrize("by_sender", [True, False])
def test_what_was_prepared_and_sent_by_other_means_is_not_cancelled(bench: Bench, by_sender: bool) -> None:
    """Although the first endpoint lags by that one transaction."""
    payment_id, signed = prepared(bench)
    bench.node.call(SEND, "0x" + signed.raw.hex())
    with FaultProxy(bench.node.url) as proxy:
        proxy.lie(COUNT, "0x0")
        with pytest.raises(NotFinal, match="nonce 0 is used"):
            never_signed(bench.through(proxy.url, bench.node.url), payment_id, by_sender=by_sender)
        assert proxy.sent(COUNT)
    assert bench.record(payment_id).state is PaymentState.PLANNED
    found = bench.do(lambda e: Ends(e.journal, e.rpcs).find_prepared(e.journal.get(payment_id)))
    assert found.transactions[0].hash == signed.hash
    assert bench.resume(payment_id, signer=False).state is PaymentState.DELIVERED


def test_a_free_nonce_of_what_was_prepared_is_ended_by_its_sender_alone(bench: Bench) -> None:
    payment_id, _ = prepared(bench)
    with pytest.raises(Refused, match="can still be sent"):
        never_signed(bench, payment_id)
    assert bench.record(payment_id).state is PaymentState.PLANNED
    with pytest.raises(NotFinal, match="second endpoint"):
        never_signed(bench.through(bench.node.url, "http://127.0.0.1:1"), payment_id, by_sender=True)
    assert never_signed(bench, payment_id, by_sender=True).state is PaymentState.CANCELLED


def test_a_used_nonce_is_another_transactions_only_where_that_is_proven(bench: Bench) -> None:
    """A count alone says that it is used: the prepared payment itself may have been sent by other means."""
    payment_id, _ = prepared(bench)
    bench.pay(bench.payment())
    with pytest.raises(NotFinal, match="not yet known by what") as unknown:
        bench.through(bench.node.url, "http://127.0.0.1:1").resume(payment_id)
    assert unknown.value.sent is Sent.MAYBE
    with pytest.raises(Refused, match="cannot happen any more") as known:
        bench.resume(payment_id)
    assert known.value.sent is Sent.NO


def test_what_was_prepared_is_cancelled_once_something_else_has_its_nonce(bench: Bench) -> None:
    payment_id, _ = prepared(bench)
    bench.pay(bench.payment())
    assert never_signed(bench, payment_id).state is PaymentState.CANCELLED


def test_no_endpoint_that_answers_cancels_nothing(bench: Bench) -> None:
    payment_id, _ = prepared(bench)
    with pytest.raises((NotFinal, NetworkError)):
        never_signed(bench.through("http://127.0.0.1:1"), payment_id, by_sender=True)
    assert bench.record(payment_id).state is PaymentState.PLANNED
