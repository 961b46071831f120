"""Hyperlane7683 orders: the calldata of `open`, their fields, and their id, the keccak of OrderData.

`open` puts msg.sender and the outer fillDeadline into the order before it computes the id, `refund` takes the raw
order: unless these are equal, the order can never be refunded. `resolve` names the settler as recipient of what the
solver spends; only OrderData names the final recipient.

Source: BootNodeDev/intents-framework solidity/src/{BasicSwap7683,Base7683,libs/OrderEncoder}.sol.
"""

from __future__ import annotations

import secrets
from typing import Any

from eth_hash.auto import keccak

from l2send.bridges.erc7683 import NATIVE, OPEN, token_word
from l2send.bridges.quoting import account_of, demanding
from l2send.core.calldata import abi_decode_exact, abi_encode, address_word
from l2send.core.chains import Chain, Registry
from l2send.core.errors import Refused
from l2send.core.plan import Order, Payment, UnsignedTx
from l2send.core.settlers import HyperlaneSettlers
from l2send.core.units import Amount, ChainId, UnixTime, Wei

ORDER_DATA = "(bytes32,bytes32,bytes32,bytes32,uint256,uint256,uint256,uint32,uint32,bytes32,uint32,bytes)"
"""sender, recipient, input token, output token, amount in, amount out, nonce, origin, destination, destination settler,
fill deadline, data."""
ORDER_DATA_TYPE = bytes.fromhex("08d75650babf4de09c9273d48ef647876057ed91d4323f8a2e3ebc2cd8a63b5e")
_DESTINATION, _FILL_DEADLINE = 8, 10

demand = demanding("Hyperlane7683")


def open_tx(
    here: HyperlaneSettlers, there: HyperlaneSettlers, payment: Payment, pays: Amount, deadline: UnixTime
) -> UnsignedTx:
    """The `open` that locks `pays` and delivers the payment, through the routers of both chains."""
    delivered = payment.amount
    order = (
        address_word(payment.sender),
        address_word(payment.to.address),
        token_word(pays),
        token_word(delivered),
        pays.units,
        delivered.units,
        secrets.randbits(256),
        pays.token.chain_id,
        payment.to.chain_id,
        address_word(there.router),
        deadline,
        b"",
    )
    data = OPEN.encode((deadline, ORDER_DATA_TYPE, abi_encode([ORDER_DATA], [order])))
    value = Wei(pays.units if pays.token.is_native else 0)
    return UnsignedTx(pays.token.chain_id, here.router, value, data)


def decode_open(bridge: str, tx: UnsignedTx, registry: Registry) -> Order:
    """The order in the calldata of `open`. Raises Refused for anything but a plain payment."""
    (onchain_order,) = OPEN.decode_call(tx.data)
    fields = fields_of(onchain_order)
    sender, recipient, token_in, token_out, units_in, units_out = fields[:6]
    origin, destination, settler, deadline, data = fields[7:]
    source, target = registry.chain(ChainId(origin)), registry.chain(ChainId(destination))
    demand(data == b"", "carries a message besides the payment")
    demand(origin == tx.chain_id, "is to be opened on another chain than it says")
    listed = source.settlers_of(bridge, HyperlaneSettlers)
    if listed is None:
        raise Refused(f"the order for Hyperlane7683 comes from {source.name}, which has no router in the registry.")
    pays = _amount(source, token_in, units_in)
    demand(tx.value == (pays.units if pays.token.is_native else 0), "carries another value than it locks")
    return Order(
        bridge=bridge,
        order_id=order_id_of(onchain_order[2]),
        origin=source.chain_id,
        origin_settler=listed.router,
        destination=target.chain_id,
        destination_settler=account_of(settler, "settler", demand),
        sender=account_of(sender, "sender", demand),
        recipient=account_of(recipient, "recipient", demand),
        pays=pays,
        delivers=_amount(target, token_out, units_out),
        fill_deadline=UnixTime(deadline),
        refund_after=UnixTime(deadline),
        details={"order_data": "0x" + onchain_order[2].hex()},
    )


def fields_of(onchain_order: tuple[Any, ...]) -> tuple[Any, ...]:
    """The OrderData fields in an argument of `open` or `refund`. Raises Refused for an order of another type."""
    fill_deadline, data_type, order_data = onchain_order
    demand(data_type == ORDER_DATA_TYPE, "is of a type l2send does not know")
    fields: tuple[Any, ...]
    (fields,) = abi_decode_exact([ORDER_DATA], order_data, "the order for Hyperlane7683")
    demand(fill_deadline == fields[_FILL_DEADLINE], "carries two deadlines, so that it could not be refunded")
    return fields


def destination_of(onchain_order: tuple[Any, ...]) -> ChainId:
    """The chain on which it is to be filled, and its refund requested."""
    return ChainId(fields_of(onchain_order)[_DESTINATION])


def order_id_of(order_data: bytes) -> str:
    """The id of an order at both routers."""
    return "0x" + keccak(order_data).hex()


def order_data_of(order: Order) -> bytes:
    """The OrderData that was opened. Raises Refused if the stored data do not match this order."""
    order_data = bytes.fromhex(order.details["order_data"][2:])
    demand(order_id_of(order_data) == order.order_id, "that was kept does not match its id")
    return order_data


def _amount(chain: Chain, token: bytes, units: int) -> Amount:
    return Amount(units, chain.native if token == NATIVE else chain.token(account_of(token, "token", demand)))
