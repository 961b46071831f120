"""What stops a payment before its signature: money, fee cap, guard, and a signer that signs something else."""

from __future__ import annotations

import pytest

from l2send.core.errors import CannotPay, ConfigError, NotFinal, Refused, Sent
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.typed_data import TypedData
from l2send.core.units import ChainId, Gas, Nonce, Wei
from l2send.wallet.executor import Executor
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.keys.signed import SignedTx
from tests.support.addresses import new_address
from tests.support.faultproxy import REFUSED_BEFORE, FaultProxy
from tests.wallet.resuming import SEND, nothing_signed, refused
from tests.wallet.rig import ETHER, REVERTS_IF_SLOT_0, GuardStandIn, Rig


def test_a_balance_that_does_not_hold_the_fee_is_refused_with_the_numbers(rig: Rig) -> None:
    payment = rig.payment(10 * ETHER)
    payment_id = rig.begin(payment).id
    error = refused(rig, payment_id, CannotPay)
    assert "holds 10 ETH" in error.message
    assert error.sent is Sent.NO
    assert nothing_signed(rig, payment_id)


def test_a_fee_above_the_cap_is_refused(rig: Rig) -> None:
    payment_id = rig.begin(rig.payment()).id

    async def capped(executor: Executor) -> PaymentRecord:
        executor.guard = GuardStandIn(lambda _: None, Wei(1000))
        return await executor.resume(payment_id)

    with pytest.raises(Refused, match="network fee"):
        rig.do(capped)
    assert nothing_signed(rig, payment_id)


def test_a_gas_limit_that_became_too_low_is_raised(rig: Rig) -> None:
    payment = rig.payment()
    rig.node.call("anvil_setCode", payment.to.address, REVERTS_IF_SLOT_0)
    record = rig.pay(payment)
    assert record.state is PaymentState.DELIVERED
    assert record.transactions[0].step.gas == 21_000


def test_what_the_guard_refuses_is_not_journaled_and_not_sent(rig: Rig) -> None:
    payment_id = rig.begin(rig.payment()).id

    async def guarded(executor: Executor) -> PaymentRecord:
        def guard(tx: UnsignedTx) -> None:
            raise Refused(f"not approved: {tx.value}")

        executor.guard = GuardStandIn(guard)
        return await executor.resume(payment_id)

    with pytest.raises(Refused, match="not approved"):
        rig.do(guarded)
    assert nothing_signed(rig, payment_id)
    assert rig.node.sent_by(rig.signer.address) == 0


@pytest.mark.parametrize("field", ["to", "value", "data", "chain", "nonce", "gas", "fee"])
def test_a_signer_that_signs_something_else_is_caught(rig: Rig, field: str) -> None:
    payment_id = rig.begin(rig.payment()).id
    honest = rig.signer

    class Thief:
        address = honest.address

        def sign(self, chain_id: ChainId, nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> SignedTx:
            to = new_address() if field == "to" else tx.to
            value = Wei(tx.value + (field == "value"))
            chain_id = ChainId(chain_id + (field == "chain"))
            other = UnsignedTx(chain_id, to, value, b"\0" if field == "data" else tx.data)
            tip = Wei(price.tip + (field == "fee"))
            return honest.sign(
                chain_id,
                Nonce(nonce + (field == "nonce")),
                other,
                Gas(gas + (field == "gas")),
                GasPrice(price.base_fee, tip, price.max_fee_per_gas),
            )

        def sign_typed(self, data: TypedData) -> bytes:
            raise AssertionError("a payment of transactions signs no message")

    async def rob(executor: Executor) -> PaymentRecord:
        executor.signer = Thief()
        return await executor.resume(payment_id)

    with pytest.raises(Refused, match="do not say what was approved"):
        rig.do(rob)
    assert nothing_signed(rig, payment_id)
    assert not rig.guarded


def test_without_a_signer_nothing_is_signed_and_it_says_so(rig: Rig) -> None:
    payment_id = rig.begin(rig.payment()).id
    with pytest.raises(ConfigError, match="needs a signature"):
        rig.resume(payment_id, signer=False)
    assert nothing_signed(rig, payment_id)


def test_another_accounts_signer_is_refused(rig: Rig) -> None:
    payment_id = rig.begin(rig.payment()).id
    other = Rig(rig.home, rig.node, rig.urls)
    with pytest.raises(ConfigError, match="is paid by"):
        other.resume(payment_id)


def test_signed_bytes_need_no_signer(rig: Rig, proxy: FaultProxy) -> None:
    proxy.break_next(SEND, REFUSED_BEFORE, 1000)
    payment_id = rig.begin(rig.payment()).id
    refused(rig.through(proxy.url), payment_id, NotFinal, patience=0.2)
    assert rig.resume(payment_id, signer=False).state is PaymentState.DELIVERED
