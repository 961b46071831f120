"""A step prepared to be signed elsewhere ends by what the chain shows for its nonce."""

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
from tests.wallet.rig import CHAIN_ID, Rig, paying_quote


def prepared(rig: Rig, payment_id: str = "") -> tuple[str, SignedTx]:
    """A payment with nonce and price fixed, and the bytes of it that were signed elsewhere."""
    payment, price = rig.payment(), GasPrice(Wei(0), Wei(10**9), Wei(10**11))
    tx = UnsignedTx(CHAIN_ID, payment.to.address, Wei(payment.amount.units), b"")
    step = Step(StepKind.TRANSFER, tx, Gas(21_000), price, Nonce(0))
    quote = replace(paying_quote(payment, rig.chain), steps=(step,), expires=None)
    journal = rig.journal()
    record = journal.begin(payment, [quote])
    journal.close()
    return record.id, rig.signer.sign(CHAIN_ID, Nonce(0), tx, step.gas, price)


def never_signed(rig: Rig, payment_id: str, *, by_sender: bool = False) -> PaymentRecord:
    return rig.do(
        lambda executor: Ends(executor.journal, executor.rpcs).never_signed(
            executor.journal.get(payment_id), "its quote expired", by_sender=by_sender
        )
    )


@pytest.mark.parametrize("by_sender", [True, False])
def test_what_was_prepared_and_sent_by_other_means_is_not_cancelled(rig: Rig, by_sender: bool) -> None:
    """Although the first endpoint lags by that one transaction."""
    payment_id, signed = prepared(rig)
    rig.node.call(SEND, "0x" + signed.raw.hex())
    with FaultProxy(rig.node.url) as proxy:
        proxy.lie(COUNT, "0x0")
        with pytest.raises(NotFinal, match="nonce 0 is used"):
            never_signed(rig.through(proxy.url, rig.node.url), payment_id, by_sender=by_sender)
        assert proxy.sent(COUNT)
    assert rig.record(payment_id).state is PaymentState.PLANNED
    found = rig.do(lambda e: Ends(e.journal, e.rpcs).find_prepared(e.journal.get(payment_id)))
    assert found.transactions[0].hash == signed.hash
    assert rig.resume(payment_id, signer=False).state is PaymentState.DELIVERED


def test_a_free_nonce_of_what_was_prepared_is_ended_by_its_sender_alone(rig: Rig) -> None:
    payment_id, _ = prepared(rig)
    with pytest.raises(Refused, match="can still be sent"):
        never_signed(rig, payment_id)
    assert rig.record(payment_id).state is PaymentState.PLANNED
    with pytest.raises(NotFinal, match="second endpoint"):
        never_signed(rig.through(rig.node.url, "http://127.0.0.1:1"), payment_id, by_sender=True)
    assert never_signed(rig, payment_id, by_sender=True).state is PaymentState.CANCELLED


def test_a_used_nonce_is_another_transactions_only_where_that_is_proven(rig: Rig) -> None:
    """A count alone says that it is used: the prepared payment itself may have been sent by other means."""
    payment_id, _ = prepared(rig)
    rig.pay(rig.payment())
    with pytest.raises(NotFinal, match="not yet known by what") as unknown:
        rig.through(rig.node.url, "http://127.0.0.1:1").resume(payment_id)
    assert unknown.value.sent is Sent.MAYBE
    with pytest.raises(Refused, match="cannot happen any more") as known:
        rig.resume(payment_id)
    assert known.value.sent is Sent.NO


def test_what_was_prepared_is_cancelled_once_something_else_has_its_nonce(rig: Rig) -> None:
    payment_id, _ = prepared(rig)
    rig.pay(rig.payment())
    assert never_signed(rig, payment_id).state is PaymentState.CANCELLED


def test_no_endpoint_that_answers_cancels_nothing(rig: Rig) -> None:
    payment_id, _ = prepared(rig)
    with pytest.raises((NotFinal, NetworkError)):
        never_signed(rig.through("http://127.0.0.1:1"), payment_id, by_sender=True)
    assert rig.record(payment_id).state is PaymentState.PLANNED
