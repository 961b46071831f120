"""A foreign contract's events that claim our own order was filled: never a delivery, on any bridge.

Said of the true recipient and amount, of another recipient, and of an amount of 1, on both chains. True events of
the real contracts under our ids, of look-alikes that pay less, are played in each bridge's own tests.
"""

from __future__ import annotations

from typing import Any

import pytest

from l2send.bridges.across import deposit
from l2send.bridges.eco.bridge import FULFILLED_TOPIC
from l2send.bridges.hyperlane7683.bridge import FILLED_TOPIC as HYPERLANE_FILLED
from l2send.bridges.hyperlane7683.order import ORDER_DATA
from l2send.bridges.oif.bridge import FILLED_TOPIC as OIF_FILLED
from l2send.bridges.oif.order import OUTPUT, fields_of
from l2send.core.address import Address
from l2send.core.bridge_protocol import OrderState
from l2send.core.calldata import abi_decode, abi_encode, address_word
from l2send.core.plan import Order
from l2send.wallet.journal.states import PaymentState
from tests.bridges.mutations import Capsys, tell
from tests.bridges.standins import TARGET, Payer, StandIns, order_of, order_state
from tests.support.addresses import new_address

pytestmark = pytest.mark.lab

Event = tuple[list[str], bytes]
"""Topics, and the data."""


def word(number: int) -> str:
    return "0x" + number.to_bytes(32, "big").hex()


def by_eco(order: Order, recipient: Address, units: int) -> Event:
    """IntentFulfilled(hash, claimant): an id that commits to recipient and amount."""
    return [FULFILLED_TOPIC, order.order_id, "0x" + address_word(recipient).hex()], units.to_bytes(32, "big")


def by_across(order: Order, recipient: Address, units: int) -> Event:
    """FilledRelay, with the numbers of the true deposit."""
    to, zero, details = address_word(recipient), bytes(32), order.details
    tokens = [address_word(details["input_token"]), address_word(details["output_token"])]
    amounts = [order.pays.units, units, order.origin, order.fill_deadline, 0]
    parties = [zero, address_word(order.sender), to, zero]
    data = abi_encode(deposit._FILLED_DATA, [*tokens, *amounts, *parties, (to, zero, units, 0)])
    topics = [word(order.origin), word(int(details["deposit_id"])), "0x" + address_word(new_address()).hex()]
    return [deposit.FILLED_TOPIC, *topics], data


def by_hyperlane7683(order: Order, recipient: Address, units: int) -> Event:
    """Filled(orderId, originData, fillerData)."""
    fields = list(abi_decode([ORDER_DATA], bytes.fromhex(order.details["order_data"][2:]))[0])
    fields[1], fields[5] = address_word(recipient), units
    order_data = abi_encode([ORDER_DATA], [fields])
    values = [bytes.fromhex(order.order_id[2:]), order_data, b""]
    return [HYPERLANE_FILLED], abi_encode(["bytes32", "bytes", "bytes"], values)


def by_oif(order: Order, recipient: Address, units: int) -> Event:
    """OutputFilled(orderId, solver, timestamp, output, amount)."""
    output = list(fields_of(order)[7][0])
    output[4], output[5] = units, address_word(recipient)
    values = [address_word(new_address()), 1, tuple(output), units]
    return [OIF_FILLED, order.order_id], abi_encode(["bytes32", "uint32", OUTPUT, "uint256"], values)


SPOOFS: dict[str, Any] = {"eco": by_eco, "across": by_across, "hyperlane7683": by_hyperlane7683, "oif": by_oif}


@pytest.mark.parametrize("bridge", SPOOFS)
def test_what_a_foreign_contract_says_is_not_a_delivery(
    stand_ins: StandIns, payer: Payer, bridge: str, capsys: Capsys
) -> None:
    to = new_address()
    record = payer.open(bridge, to, "20")
    order, spoofed = order_of(record), 0
    for recipient, units in ((to, order.delivers.units), (new_address(), order.delivers.units), (to, 1)):
        topics, data = SPOOFS[bridge](order, recipient, units)
        for side in (stand_ins.origin, stand_ins.target):
            (log,) = stand_ins.lie(side, topics, data)["logs"]
            assert (log["topics"], log["data"]) == (topics, "0x" + data.hex()), "nothing was spoofed"
            seen = payer.status(record)
            assert (seen.state, order_state(seen)) == (PaymentState.BRIDGING, OrderState.OPEN)
            spoofed += 1
    tell(capsys, f"{bridge} spoofed events", spoofed, spoofed, ": the order stays open")
    assert stand_ins.home.holds(to, TARGET) == 0
