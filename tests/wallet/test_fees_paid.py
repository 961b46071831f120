"""What a payment cost: by its final receipt, as the balance confirms, and never by a false receipt."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Any

import pytest

from l2send.core.bridge_protocol import OrderState
from l2send.core.chains import Registry
from l2send.core.plan import BRIDGE_FEE, Fee
from l2send.core.units import Amount, UnixTime
from l2send.wallet.fees_paid import KEPT, NETWORK_FEE, fees_paid
from l2send.wallet.journal.records import GroupRecord, OrderRecord, PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from tests.support.addresses import new_address
from tests.support.faultproxy import FaultProxy, Twist
from tests.wallet.resuming import RECEIPT, is_in, reach
from tests.wallet.rig import ETHER, NATIVE, REVERTS_IF_SLOT_0, Rig, order_of, to_self


def registry_of(rig: Rig) -> Registry:
    return Registry({rig.chain.short_name: rig.chain})


def spent(rig: Rig, before: int) -> int:
    return before - rig.node.balance(rig.signer.address)


def test_the_fee_is_what_left_besides_the_amount(rig: Rig) -> None:
    before, payment = rig.node.balance(rig.signer.address), rig.payment()
    record = rig.resume(rig.begin(payment, *to_self(rig)).id)
    paid = fees_paid(record, registry_of(rig))
    (fee,) = paid.fees
    assert fee.name == NETWORK_FEE
    assert fee.amount == Amount(spent(rig, before) - payment.amount.units, NATIVE)
    assert len([tx for tx in record.transactions if tx.fee]) == 2
    assert paid.is_whole
    assert paid.usd is None, "no feed named a price"
    assert record.arrived == payment.amount
    assert record.delivered_at is not None
    assert abs(record.delivered_at - record.created_at) < 60


def test_a_failed_transaction_costs_too(own_rig: Rig) -> None:
    rig, to = own_rig, new_address()
    rig.node.call("anvil_setCode", to, REVERTS_IF_SLOT_0)
    before, payment_id = rig.node.balance(rig.signer.address), rig.begin(rig.payment(to=to)).id
    rig.node.call("evm_setAutomine", False)
    reach(rig, payment_id, is_in(TxState.BROADCAST))
    rig.node.call("anvil_setStorageAt", to, "0x" + "0" * 64, "0x" + "0" * 63 + "1")
    rig.node.mine(1)
    record = rig.resume(payment_id)
    assert record.state is PaymentState.REVERTED
    (fee,) = fees_paid(record, registry_of(rig)).fees
    assert fee.amount.units == spent(rig, before) > 0
    assert (record.arrived, record.delivered_at) == (None, None)


def test_a_block_that_is_taken_back_takes_its_fee_back(own_rig: Rig) -> None:
    """The block it is in at last has another base fee, and that is what counts."""
    rig, node = own_rig, own_rig.node
    rig.confirmations = 3
    before, payment = node.balance(rig.signer.address), rig.payment()
    payment_id = rig.begin(payment).id
    snapshot = node.call("evm_snapshot")
    mined = reach(rig, payment_id, is_in(TxState.MINED))
    first = int(node.call(RECEIPT, mined.transactions[0].hash)["effectiveGasPrice"], 16)
    assert mined.transactions[0].fee is None, "no fee before the end"
    assert node.call("evm_revert", snapshot)
    node.call("anvil_setNextBlockBaseFeePerGas", hex(first))
    reach(rig, payment_id, lambda _: node.sent_by(payment.sender) == 1)
    node.mine(2)
    record = rig.resume(payment_id)
    fee = record.transactions[0].fee
    assert fee is not None
    assert fee.gas_price != first
    assert fee.total == spent(rig, before) - payment.amount.units


def more(field: str, value: str) -> Twist:
    """A node that answers with receipts which name `value`."""

    def change(_: list[Any], answer: dict[str, Any]) -> dict[str, Any]:
        receipt = answer.get("result")
        return answer | {"result": receipt | {field: value}} if receipt else answer

    return change


@pytest.mark.parametrize(
    ("field", "value"), [("gasUsed", hex(10**6)), ("effectiveGasPrice", hex(10**15)), ("effectiveGasPrice", "much")]
)
def test_a_node_that_names_more_than_was_signed_is_not_believed(
    rig: Rig, proxy: FaultProxy, field: str, value: str
) -> None:
    proxy.twist(RECEIPT, more(field, value))
    record = rig.through(proxy.url).resume(rig.begin(rig.payment()).id)
    assert proxy.sent(RECEIPT), "the lie was told"
    assert record.state is PaymentState.DELIVERED, "it is no reason to doubt the delivery"
    assert record.transactions[0].fee is None
    assert fees_paid(record, registry_of(rig)).is_whole is False


def test_two_endpoints_that_differ_name_no_fee(rig: Rig, proxy: FaultProxy) -> None:
    proxy.twist(RECEIPT, more("gasUsed", "0x5207"))
    both = rig.through(rig.node.url, proxy.url)
    record = both.resume(both.begin(rig.payment()).id)
    assert proxy.sent(RECEIPT), "the other one was asked"
    assert record.state is PaymentState.DELIVERED
    assert record.transactions[0].fee is None


def delivered(rig: Rig) -> PaymentRecord:
    return rig.resume(rig.begin(rig.payment()).id)


def test_prices_are_those_of_the_approval(rig: Rig) -> None:
    record = delivered(rig)
    fee = record.transactions[0].fee
    assert fee
    quoted = Fee("transfer gas", Amount(ETHER, NATIVE), 2000.0)
    record = replace(record, terms=replace(record.terms, fees=(quoted,)))
    paid = fees_paid(record, registry_of(rig))
    assert paid.usd == pytest.approx(2000 * fee.total / ETHER)


def test_what_a_bridge_and_a_token_keep_is_named(rig: Rig) -> None:
    record = delivered(rig)
    asked = record.payment.amount
    order = replace(order_of(record.payment, 2**33), pays=replace(asked, units=asked.units + 5))
    bridged = replace(record, order=OrderRecord(order, OrderState.FILLED), arrived_units=asked.units - 3)
    fees = {fee.name: fee.amount.units for fee in fees_paid(bridged, registry_of(rig)).fees}
    assert (fees[BRIDGE_FEE], fees[KEPT]) == (5, 3)
    refunded = replace(bridged, order=OrderRecord(order, OrderState.REFUNDED), arrived_units=None)
    assert {fee.name for fee in fees_paid(refunded, registry_of(rig)).fees} == {NETWORK_FEE}
    group = GroupRecord("p-22222222", (record, replace(bridged, delivered_at=UnixTime(2**32))))
    assert group.arrived == replace(asked, units=2 * asked.units - 3)
    assert group.delivered_at == 2**32
    (network,) = [fee for fee in fees_paid(group, registry_of(rig)).fees if fee.name == NETWORK_FEE]
    assert record.transactions[0].fee
    assert network.amount.units == 2 * record.transactions[0].fee.total


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE transactions SET gas_used = 1",
        "UPDATE transactions SET gas_price = '0'",
        "UPDATE payments SET arrived = '1'",
        "UPDATE payments SET delivered_at = 1",
        "UPDATE payments SET memo = 'another'",
    ],
)
def test_what_is_written_stays(rig: Rig, change: str) -> None:
    record = delivered(rig)
    db = sqlite3.connect(rig.home / "state" / "journal.db")
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(change)
    db.close()
    assert rig.record(record.id) == record


def test_a_fee_needs_an_end(rig: Rig) -> None:
    record = rig.begin(rig.payment())
    db = sqlite3.connect(rig.home / "state" / "journal.db")
    with pytest.raises(sqlite3.IntegrityError, match="with the end of its transaction"):
        db.execute("UPDATE transactions SET gas_used = 1 WHERE payment_id = ?", (record.id,))
    db.close()
