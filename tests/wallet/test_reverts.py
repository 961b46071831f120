"""Transactions that fail: before they are signed, in their block, and the steps after them."""

from __future__ import annotations

from l2send.core.errors import Refused, Sent
from l2send.core.plan import UnsignedTx
from l2send.core.units import Wei
from l2send.wallet.journal.states import PaymentState, TxState
from tests.wallet.resuming import is_in, nothing_signed, reach, refused
from tests.wallet.rig import CHAIN_ID, REVERTS_IF_SLOT_0, Bench, somebody


def test_what_would_revert_is_not_signed(bench: Bench) -> None:
    payment = bench.payment()
    bench.node.call("anvil_setCode", payment.to.address, REVERTS_IF_SLOT_0)
    bench.node.call("anvil_setStorageAt", payment.to.address, "0x0", "0x" + "00" * 31 + "01")
    payment_id = bench.begin(payment).id
    error = refused(bench, payment_id, Refused)
    assert error.sent is Sent.NO
    assert nothing_signed(bench, payment_id)


def test_what_reverts_in_a_block_is_reverted_once_it_is_deep(own_bench: Bench) -> None:
    bench, node = own_bench, own_bench.node
    bench.confirmations = 2
    node.call("evm_setAutomine", False)
    payment = bench.payment()
    node.call("anvil_setCode", payment.to.address, REVERTS_IF_SLOT_0)
    payment_id = bench.begin(payment).id
    reach(bench, payment_id, is_in(TxState.BROADCAST))
    node.call("anvil_setStorageAt", payment.to.address, "0x0", "0x" + "00" * 31 + "01")
    node.mine(1)
    reach(bench, payment_id, is_in(TxState.REVERTING))
    assert bench.record(payment_id).state is PaymentState.SENDING
    node.mine(1)
    record = bench.resume(payment_id)
    assert (record.state, record.moved) == (PaymentState.REVERTED, Sent.YES)
    assert node.balance(payment.to.address) == 0


def test_after_a_reverted_step_the_next_is_never_signed(own_bench: Bench) -> None:
    bench, node = own_bench, own_bench.node
    node.call("evm_setAutomine", False)
    contract = somebody()
    node.call("anvil_setCode", contract, REVERTS_IF_SLOT_0)
    payment = bench.payment()
    payment_id = bench.begin(payment, UnsignedTx(CHAIN_ID, contract, Wei(0), b"\1")).id
    reach(bench, payment_id, is_in(TxState.BROADCAST, TxState.PLANNED))
    node.call("anvil_setStorageAt", contract, "0x0", "0x" + "00" * 31 + "01")
    node.mine(1)
    for _ in range(2):
        record = bench.resume(payment_id)
        assert record.state is PaymentState.REVERTED
        assert record.transactions[1].state is TxState.PLANNED
    assert node.sent_by(payment.sender) == 1
