"""The executor against a real node."""

from __future__ import annotations

from l2send.core.errors import Sent
from l2send.wallet.states import PaymentState, TxState
from tests.wallet.bench import Bench, to_self


def test_a_payment_arrives_once(bench: Bench) -> None:
    payment = bench.payment(12345)
    record = bench.pay(payment)
    assert record.state is PaymentState.DELIVERED
    assert record.moved is Sent.YES
    assert bench.node.balance(payment.to.address) == 12345
    assert bench.node.sent_by(payment.sender) == 1
    assert [tx.value for tx in bench.guarded] == [12345]


def test_steps_go_out_in_order_with_rising_nonces(bench: Bench) -> None:
    payment = bench.payment()
    record = bench.pay(payment, *to_self(bench, 2))
    assert [tx.nonce for tx in record.transactions] == [0, 1, 2]
    assert {tx.state for tx in record.transactions} == {TxState.FINAL}
    assert bench.node.balance(payment.to.address) == payment.amount.units
