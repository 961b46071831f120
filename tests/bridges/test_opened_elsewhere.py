"""An order that another wallet with the key opened, and a refund that a stranger asked for: the settler's storage says
so, no matter what became of the transactions that were signed here.
"""

from __future__ import annotations

import pytest

from l2send.client import Client
from l2send.core.bridge_protocol import OrderState
from l2send.core.fees import GasPrice
from l2send.core.plan import UnsignedTx
from l2send.core.units import Gas, Nonce, Wei
from l2send.resolver.way_limits import Limits
from l2send.wallet import broadcasting
from l2send.wallet.failpoints import Failpoint
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from l2send.wallet.keys.signed import SignedFields, decode_signed
from tests.bridges.standins import ORIGIN, TARGET, Payer, StandIns, deliver_refund, order_of, order_state
from tests.support.addresses import new_address

pytestmark = pytest.mark.lab

BRIDGES = ("eco", "hyperlane7683", "oif")
"""Those whose settlers keep orders by their ids."""
GWEI = 10**9


class Stopped(BaseException):
    """The process ends before the opening is broadcast."""


def signed_and_not_sent(payer: Payer, via: str, monkeypatch: pytest.MonkeyPatch) -> PaymentRecord:
    """A payment whose opening is signed and was never broadcast."""
    passed = list[Failpoint]()

    def stop(place: Failpoint) -> None:
        passed.append(place)
        if passed.count(Failpoint.BEFORE_BROADCAST) == 2:
            raise Stopped

    async def use(client: Client) -> PaymentRecord:
        payment = client.payment(payer.address, "10", "USDC", client.destination(f"{TARGET}:{new_address()}"))
        review = await client.plan(payment, Limits(from_chains=(ORIGIN,), via=via))
        (record,) = client.begin(review).legs
        with monkeypatch.context() as patched:
            patched.setattr(broadcasting, "failpoint", stop)
            with pytest.raises(Stopped):
                await client.resume(record.id, payer.signer, patience=20)
        return client.journal.get(record.id)

    record = payer.with_client(use)
    opening = record.steps[-1]
    assert (opening.state, bool(opening.raw)) == (TxState.SIGNED, True)
    return record


def send(payer: Payer, said: SignedFields, nonce: int, tx: UnsignedTx) -> str:
    """Sends it from another wallet with the same key, at a higher price. Returns its hash."""
    price = GasPrice(Wei(0), Wei(GWEI), Wei(said.max_fee_per_gas + 10 * GWEI))
    signed = payer.signer.sign(tx.chain_id, Nonce(nonce), tx, Gas(said.gas), price)
    node = payer.world.origin.node
    assert node.call("eth_sendRawTransaction", "0x" + signed.raw.hex()) == signed.hash
    for _ in range(50):
        receipt = node.call("eth_getTransactionReceipt", signed.hash)
        if receipt:
            assert receipt["status"] == "0x1"
            return signed.hash
        node.call("anvil_mine", "0x1")
    raise AssertionError("it was not mined")


def refunded_in_the_end(stand_ins: StandIns, payer: Payer, record: PaymentRecord, before: int) -> PaymentRecord:
    """No solver fills it, and the money comes back."""
    order = order_of(record)
    stand_ins.advance(4 * 3600)
    due = payer.status(record)
    assert due.state is PaymentState.REFUND_DUE, due
    stand_ins.home.fund(payer.address, TARGET, ETH="0.1")
    record = payer.resume(record)
    if order.bridge == "hyperlane7683":
        deliver_refund(stand_ins, order)
        record = payer.status(record)
    assert record.state is PaymentState.REFUNDED
    assert payer.holds() == before
    return record


@pytest.mark.parametrize("via", BRIDGES[1:])
def test_an_opening_that_another_wallet_sped_up_is_followed(
    stand_ins: StandIns, payer: Payer, via: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = payer.holds()
    record = signed_and_not_sent(payer, via, monkeypatch)
    said = decode_signed(record.steps[-1].raw)
    theirs = send(payer, said, said.nonce, said.tx)
    record = until_followed(payer, record)
    assert record.steps[-1].hash == theirs
    refunded_in_the_end(stand_ins, payer, record, before)


@pytest.mark.parametrize("via", BRIDGES)
def test_an_order_that_was_opened_with_another_nonce_is_found_by_its_id(
    stand_ins: StandIns, payer: Payer, via: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another transaction used the nonce that was signed here. That alone would make the payment replaced."""
    before = payer.holds()
    record = signed_and_not_sent(payer, via, monkeypatch)
    said = decode_signed(record.steps[-1].raw)
    send(payer, said, said.nonce, UnsignedTx(said.tx.chain_id, payer.address, Wei(0), b""))
    send(payer, said, said.nonce + 1, said.tx)
    record = until_followed(payer, record)
    refunded_in_the_end(stand_ins, payer, record, before)


def until_followed(payer: Payer, record: PaymentRecord) -> PaymentRecord:
    for _ in range(20):
        record = payer.status(record)
        assert record.state is not PaymentState.REPLACED
        if order_state(record) is OrderState.OPEN:
            return record
        payer.world.origin.node.call("anvil_mine", "0x1")
    raise AssertionError(f"its order is {order_state(record)}: {record.steps[-1].detail}")


@pytest.mark.parametrize("via", BRIDGES)
def test_a_refund_that_a_stranger_asked_for_is_seen(stand_ins: StandIns, payer: Payer, via: str) -> None:
    before = payer.holds()
    record = payer.open(via, new_address())
    order = order_of(record)
    assert payer.holds() < before
    stand_ins.advance(4 * 3600)

    async def refund(client: Client) -> UnsignedTx:
        step = await client.bridges[via].refund(order, client.rpcs)
        assert step
        return step.tx

    tx = payer.with_client(refund)
    stand_ins.sides[tx.chain_id].must(tx.to, tx.data, tx.value)
    if via == "hyperlane7683":
        deliver_refund(stand_ins, order)
    record = payer.status(record)
    assert record.state is PaymentState.REFUNDED
    assert record.refunds == ()
    assert payer.holds() == before
