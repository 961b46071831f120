"""Transactions that fail: before they are signed, in their block, and the steps after them."""

from __future__ import annotations

from l2send.core.errors import Refused, Sent
from l2send.core.plan import UnsignedTx
from l2send.core.units import Wei
from l2send.wallet.journal.states import PaymentState, TxState
from tests.support.addresses import new_address
from tests.wallet.resuming import is_in, nothing_signed, reach, refused
from tests.wallet.rig import CHAIN_ID, REVERTS_IF_SLOT_0, Rig


def test_what_would_revert_is_not_signed(rig: Rig) -> None:
    payment = rig.payment()
    rig.node.call("anvil_setCode", payment.to.address, REVERTS_IF_SLOT_0)
    rig.node.call("anvil_setStorageAt", payment.to.address, "0x0", "0x" + "00" * 31 + "01")
    payment_id = rig.begin(payment).id
    error = refused(rig, payment_id, Refused)
    assert error.sent is Sent.NO
    assert nothing_signed(rig, payment_id)


def test_what_reverts_in_a_block_is_reverted_once_it_is_deep(own_rig: Rig) -> None:
    rig, node = own_rig, own_rig.node
    rig.confirmations = 2
    node.call("evm_setAutomine", False)
    payment = rig.payment()
    node.call("anvil_setCode", payment.to.address, REVERTS_IF_SLOT_0)
    payment_id = rig.begin(payment).id
    reach(rig, payment_id, is_in(TxState.BROADCAST))
    node.call("anvil_setStorageAt", payment.to.address, "0x0", "0x" + "00" * 31 + "01")
    node.mine(1)
    reach(rig, payment_id, is_in(TxState.REVERTING))
    assert rig.record(payment_id).state is PaymentState.SENDING
    node.mine(1)
    record = rig.resume(payment_id)
    assert (record.state, record.moved) == (PaymentState.REVERTED, Sent.YES)
    assert node.balance(payment.to.address) == 0


def test_after_a_reverted_step_the_next_is_never_signed(own_rig: Rig) -> None:
    rig, node = own_rig, own_rig.node
    node.call("evm_setAutomine", False)
    contract = new_address()
    node.call("anvil_setCode", contract, REVERTS_IF_SLOT_0)
    payment = rig.payment()
    payment_id = rig.begin(payment, UnsignedTx(CHAIN_ID, contract, Wei(0), b"\1")).id
    reach(rig, payment_id, is_in(TxState.BROADCAST, TxState.PLANNED))
    node.call("anvil_setStorageAt", contract, "0x0", "0x" + "00" * 31 + "01")
    node.mine(1)
    for _ in range(2):
        record = rig.resume(payment_id)
        assert record.state is PaymentState.REVERTED
        assert record.transactions[1].state is TxState.PLANNED
    assert node.sent_by(payment.sender) == 1
