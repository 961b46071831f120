"""An opening signed right behind its approval: both in one block, or neither paid; else one after the other.

A stand-in for token and settler in one contract: called with data it notes an approval, called with coin and no data it
takes the coin if one was noted, and reverts otherwise.
"""

from __future__ import annotations

import time

import pytest

from l2send.core.address import Address
from l2send.core.errors import NotFinal, Refused
from l2send.core.plan import GasPrice, StepKind, UnsignedTx
from l2send.core.units import ChainId, Gas, Nonce, Wei
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from l2send.wallet.keys.signed import SignedTx
from l2send.wallet.keys.signer import LocalSigner, SecretKey
from tests.support.addresses import new_address
from tests.support.faultproxy import Fault, FaultProxy
from tests.wallet.outbidding import outbid
from tests.wallet.resuming import SEND
from tests.wallet.rig import CHAIN_ID, ETHER, Rig, order_of

pytestmark = pytest.mark.lab

TOKEN_AND_SETTLER = "0x36600e575f54600c575f5ffd5b005b60015f5500"
FAILS = "0x5f5ffd"
SIMULATE = "eth_simulateV1"
NO_SIMULATION = Fault(
    "does not simulate",
    forward=False,
    status=200,
    body=b'{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"the method eth_simulateV1 does not exist"}}',
)


def begin(rig: Rig) -> PaymentRecord:
    """A payment that approves, then opens an order at a contract of its own."""
    contract: Address = new_address()
    rig.node.call("anvil_setCode", contract, TOKEN_AND_SETTLER)
    payment = rig.payment(to=contract)
    approve = UnsignedTx(CHAIN_ID, contract, Wei(0), b"\x01")
    return rig.begin(payment, approve, order=order_of(payment, rig.node.time() + 3600))


def begun(rig: Rig, record: PaymentRecord) -> PaymentRecord:
    """The payment once a run has handed out what it could while no block comes."""
    with pytest.raises(NotFinal):
        rig.resume(record.id, patience=1)
    return rig.record(record.id)


def pool(rig: Rig, record: PaymentRecord) -> list[int]:
    """The nonces of the account that wait in the node's pool."""
    content = rig.node.call("txpool_content")
    mine = {key.lower(): value for part in content.values() for key, value in part.items()}
    return sorted(int(nonce) for nonce in mine.get(record.payment.sender.lower(), {}))


def test_approval_and_opening_share_a_block(slow: Rig) -> None:
    record = begun(slow, begin(slow))
    assert [tx.state for tx in record.steps] == [TxState.BROADCAST] * 2
    assert pool(slow, record) == [0, 1]
    slow.node.mine()
    record = slow.resume(record.id)
    assert [(tx.step.kind, tx.state, tx.nonce) for tx in record.steps] == [
        (StepKind.APPROVE, TxState.FINAL, 0),
        (StepKind.OPEN, TxState.FINAL, 1),
    ]
    assert record.steps[0].block == record.steps[1].block
    assert slow.node.balance(record.payment.to.address) == record.payment.amount.units


def test_an_opening_whose_approval_fails_takes_nothing(slow: Rig) -> None:
    record = begun(slow, begin(slow))
    slow.node.call("anvil_setCode", record.payment.to.address, FAILS)
    slow.node.mine()
    record = slow.resume(record.id)
    assert [tx.state for tx in record.steps] == [TxState.REVERTED] * 2
    assert record.state is PaymentState.REVERTED
    assert slow.node.balance(record.payment.to.address) == 0


@pytest.mark.parametrize(("method", "body"), [(SIMULATE, NO_SIMULATION.body), (SEND, b"")], ids=["simulates", "takes"])
def test_what_a_node_does_not_do_is_waited_for(slow: Rig, slow_proxy: FaultProxy, method: str, body: bytes) -> None:
    """One that simulates nothing, and one whose answer to the approval is lost: the opening is not signed before it."""
    record = begin(slow)
    lost = Fault("lost", forward=True, status=200 if body else None, body=body)
    slow_proxy.break_next(method, lost, 100)
    begun(slow.through(slow_proxy.url), record)
    assert slow_proxy.fired
    record = slow.record(record.id)
    assert record.steps[0].raw
    assert record.steps[1].state is TxState.PLANNED
    assert pool(slow, record) == [0]
    slow.node.call("evm_setAutomine", True)
    slow.node.mine()
    record = slow.resume(record.id)
    assert [tx.state for tx in record.steps] == [TxState.FINAL] * 2


def test_a_balance_that_holds_the_fees_of_one_is_waited_with(slow: Rig) -> None:
    """The approval needs less than it may: what it leaves pays for the opening."""
    record = begin(slow)
    price = 2 * int(slow.node.call("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16) + 10**9
    slow.node.call("anvil_setBalance", record.payment.sender, hex(record.payment.amount.units + 80_000 * price))
    record = begun(slow, record)
    assert [tx.state for tx in record.steps] == [TxState.BROADCAST, TxState.PLANNED]
    slow.node.call("evm_setAutomine", True)
    slow.node.mine()
    assert [tx.state for tx in slow.resume(record.id).steps] == [TxState.FINAL] * 2


class SlowSigner(LocalSigner):
    """Needs as long for its second signature as a person at a device: the first transaction is dropped by the node,
    and the time to fill the order ends.
    """

    def __init__(self, rig: Rig) -> None:
        super().__init__(SecretKey(rig.key))
        self.node, self.signed = rig.node, ""

    def sign(self, chain_id: ChainId, nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> SignedTx:
        if self.signed:
            assert self.node.call("anvil_dropTransaction", self.signed) == self.signed
            self.node.call("evm_increaseTime", 7200)
            self.node.mine()
            time.sleep(1)
        made = super().sign(chain_id, nonce, tx, gas, price)
        self.signed = made.hash
        return made


def test_an_opening_that_is_too_late_once_signed_leaves_its_approval_followed(slow: Rig) -> None:
    """The payment stays open until its approval is mined; then its end says that an allowance is left."""
    record = begin(slow)
    quick, slow.signer = slow.signer, SlowSigner(slow)
    record = begun(slow, record)
    assert [tx.state for tx in record.steps] == [TxState.BROADCAST, TxState.PLANNED]
    slow.signer = quick
    slow.node.call("evm_setAutomine", True)
    with pytest.raises(Refused, match="An allowance is left: "):
        slow.resume(record.id)
    record = slow.record(record.id)
    assert (record.state, record.left_allowed) == (PaymentState.CANCELLED, True)
    assert slow.node.balance(record.payment.to.address) == 0


@pytest.mark.parametrize("cancel", [False, True], ids=["speedup", "cancel"])
def test_both_are_outbid_together(slow: Rig, cancel: bool) -> None:
    record = begun(slow, begin(slow))
    outbid(slow, record.id, cancel=cancel)
    slow.node.mine()
    record = slow.resume(record.id)
    assert len(record.transactions) == 4
    assert record.state is (PaymentState.CANCELLED if cancel else PaymentState.INDETERMINATE)  # Its order is a toy.
    arrived = 0 if cancel else record.payment.amount.units
    assert slow.node.balance(record.payment.to.address) == arrived
    assert slow.node.sent_by(record.payment.sender) == 2
    assert slow.node.balance(record.payment.sender) > 9 * ETHER
