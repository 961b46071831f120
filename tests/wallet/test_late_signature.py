"""A signature that took too long for its order: discarded, never sent, and recorded so in the journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from l2send.core.address import Address
from l2send.core.errors import NotFinal, Refused, Sent
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.rpc import Rpc
from l2send.core.typed_data import TypedData
from l2send.core.units import ChainId, Gas, Nonce
from l2send.wallet import broadcasting, signing
from l2send.wallet.executor import Executor
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.keys.signed import SignedTx
from l2send.wallet.keys.signer import Signer
from tests.wallet.rig import Rig, order_of


@dataclass
class SlowSigner:
    """A person at a device: `meanwhile` happens before each signature is there."""

    signer: Signer
    meanwhile: Callable[[], object]
    signatures: list[UnsignedTx] = field(default_factory=list[UnsignedTx])

    @property
    def address(self) -> Address:
        return self.signer.address

    def sign(self, chain_id: ChainId, nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> SignedTx:
        self.meanwhile()
        self.signatures.append(tx)
        return self.signer.sign(chain_id, nonce, tx, gas, price)

    def sign_typed(self, data: TypedData) -> bytes:
        return self.signer.sign_typed(data)


def hours_pass(rig: Rig) -> None:
    rig.node.call("evm_increaseTime", 9000)
    rig.node.call("evm_mine")


def signed_slowly(rig: Rig, payment_id: str) -> tuple[SlowSigner, PaymentRecord | Refused]:
    signer = SlowSigner(rig.signer, lambda: hours_pass(rig))

    async def pay(executor: Executor) -> PaymentRecord | Refused:
        executor.signer = signer
        try:
            return await executor.resume(payment_id, patience=5)
        except Refused as refused:
            return refused

    return signer, rig.do(pay)


def never_sent(rig: Rig, payment_id: str, refused: PaymentRecord | Refused) -> None:
    assert isinstance(refused, Refused)
    assert "came too late and was discarded" in refused.message
    assert refused.sent is Sent.NO
    record = rig.record(payment_id)
    assert record.state is PaymentState.CANCELLED
    assert not any(tx.raw for tx in record.transactions)
    assert rig.node.sent_by(rig.signer.address) == 0


@pytest.fixture(autouse=True)
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every signature counts as slow: the stand-in for a person moves the chain's clock, not this machine's."""
    monkeypatch.setattr(signing, "_OLD_CHECKS", -1.0)


def test_an_order_whose_deadline_passed_meanwhile_is_not_opened(own_rig: Rig) -> None:
    payment = own_rig.payment()
    payment_id = own_rig.begin(payment, order=order_of(payment, own_rig.node.time() + 7200)).id
    signer, refused = signed_slowly(own_rig, payment_id)
    assert len(signer.signatures) == 1, "it was not signed at all"
    never_sent(own_rig, payment_id, refused)


def test_a_price_that_ran_out_meanwhile_is_not_paid(own_rig: Rig) -> None:
    payment_id = own_rig.begin(own_rig.payment(), expires=own_rig.node.time() + 600).id
    signer, refused = signed_slowly(own_rig, payment_id)
    assert len(signer.signatures) == 1
    never_sent(own_rig, payment_id, refused)


def test_an_order_that_is_still_in_time_is_opened_however_slow(own_rig: Rig) -> None:
    payment = own_rig.payment()
    payment_id = own_rig.begin(payment, order=order_of(payment, own_rig.node.time() + 4 * 3600)).id
    _, record = signed_slowly(own_rig, payment_id)
    assert isinstance(record, PaymentRecord)
    assert own_rig.node.sent_by(own_rig.signer.address) == 1


def test_bytes_that_no_node_took_are_not_handed_out_again_once_the_order_is_late(own_rig: Rig) -> None:
    """The laptop sleeps between signature and broadcast: by this machine's clock hours pass, and the chain agrees."""
    payment = own_rig.payment()
    payment_id = own_rig.begin(payment, order=order_of(payment, own_rig.node.time() + 7200)).id
    refused_by_node = "refused"

    async def pay(executor: Executor) -> str:
        original = executor._offering.offer

        async def asleep(tx: TxRecord, rpc: Rpc, *, hold: bool = False) -> TxRecord:
            hours_pass(own_rig)
            executor._offering._turns.setdefault(tx.hash, broadcasting._Turn(executor._offering.pause)).endpoint = 1
            return await original(tx, rpc, hold=hold)

        executor._offering.offer = asleep  # type: ignore[method-assign]
        try:
            await executor.resume(payment_id, patience=2)
        except NotFinal as unfinished:
            return unfinished.message
        return refused_by_node

    assert "too late to be opened" in own_rig.do(pay)
    assert own_rig.node.sent_by(own_rig.signer.address) == 0
