"""Eco orders: the route that a solver executes, its reward, and the id that commits to both.

An order's id is keccak(destination, keccak(route), keccak(reward)). The route contains the call that pays the
recipient.

Source: eco/eco-routes contracts/{types/Intent,types/ERC7683,IntentSource}.sol.
"""

from __future__ import annotations

import secrets
from typing import Any

from eth_hash.auto import keccak

from l2send.bridges.erc7683 import OPEN, OUTPUT
from l2send.bridges.quoting import demanding
from l2send.core.address import ZERO_ADDRESS, Address, checksum
from l2send.core.calldata import TRANSFER, abi_decode_exact, abi_encode, address_word
from l2send.core.chains import Chain, Registry
from l2send.core.plan import Order, Payment, UnsignedTx
from l2send.core.settlers import EcoSettlers
from l2send.core.units import Amount, ChainId, UnixTime, Wei

_ASSET = "(address,uint256)"
ROUTE = f"(bytes32,uint64,address,uint256,{_ASSET}[],(address,bytes,uint256)[])"
"""salt, deadline, Portal, native coin, tokens, calls (target, data, value)."""
REWARD = f"(uint64,address,address,uint256,{_ASSET}[])"
"""deadline, creator, prover, native coin, tokens."""
ORDER_DATA = f"(uint64,bytes,{REWARD},bytes32,uint64,{OUTPUT}[])"
"""destination, route, reward, Portal of the route, deadline of the route, what the solver spends."""
ORDER_DATA_TYPE = bytes.fromhex("aed0ae635eda11553af2dc98f5e5308e49abc5a2c0cae5c9a949b7927d77c405")

demand = demanding("Eco")


def open_tx(here: EcoSettlers, there: EcoSettlers, payment: Payment, pays: Amount, deadline: UnixTime) -> UnsignedTx:
    """The `open` that locks `pays` and delivers the payment, through the settlers of both chains."""
    delivered, recipient, destination = payment.amount, payment.to.address, payment.to.chain_id
    token = delivered.token.address
    if token is None:
        gives, calls = [], [(recipient, b"", delivered.units)]
    else:
        gives = [(token, delivered.units)]
        calls = [(token, TRANSFER.encode(recipient, delivered.units), 0)]
    native_out = delivered.units if token is None else 0
    route = abi_encode([ROUTE], [(secrets.token_bytes(32), deadline, there.portal, native_out, gives, calls)])
    native_in = pays.units if pays.token.address is None else 0
    locks = [] if pays.token.address is None else [(pays.token.address, pays.units)]
    reward = (deadline, payment.sender, here.prover, native_in, locks)
    spends = (address_word(token or ZERO_ADDRESS), delivered.units, bytes(32), destination)
    order = (destination, route, reward, address_word(there.portal), deadline, [spends])
    data = OPEN.encode((deadline, ORDER_DATA_TYPE, abi_encode([ORDER_DATA], [order])))
    return UnsignedTx(pays.token.chain_id, here.portal, Wei(native_in), data)


def order_id_of(destination: int, route_hash: bytes, reward: tuple[Any, ...]) -> str:
    """The intent hash of the Portal. Source: IntentSource.getIntentHash."""
    reward_hash = keccak(abi_encode([REWARD], [reward]))
    return "0x" + keccak(destination.to_bytes(8, "big") + route_hash + reward_hash).hex()


def decode_open(bridge: str, tx: UnsignedTx, registry: Registry) -> Order:
    """The order in the calldata of `open`. Raises Refused for anything but a plain payment."""
    ((fill_deadline, data_type, order_data),) = OPEN.decode_call(tx.data)
    demand(data_type == ORDER_DATA_TYPE, "is of a type l2send does not know")
    (order,) = abi_decode_exact([ORDER_DATA], order_data, "the order for Eco")
    destination, route_bytes, reward, route_portal, route_deadline, spends = order
    (route,) = abi_decode_exact([ROUTE], route_bytes, "the route for Eco")
    _salt, deadline, portal, native_out, gives, calls = route
    refund_after, creator, prover, native_in, locks = reward
    source, target = registry.chain(tx.chain_id), registry.chain(ChainId(destination))
    demand(len({fill_deadline, route_deadline, deadline, refund_after}) == 1, "carries several deadlines")
    demand(route_portal == address_word(portal), "names two Portals")
    listed = source.settlers_of(bridge, EcoSettlers)
    demand(listed is not None and checksum(prover) == listed.prover, "names a prover not in the registry")
    pays = _single(source, native_in, locks)
    demand(tx.value == native_in, "carries another value than it locks")
    delivers = _single(target, native_out, gives)
    recipient = _recipient(delivers, calls)
    expected = (address_word(delivers.token.address or ZERO_ADDRESS), delivers.units, bytes(32), destination)
    demand(list(spends) == [expected], "announces another delivery than it makes")
    return Order(
        bridge=bridge,
        order_id=order_id_of(destination, keccak(route_bytes), reward),
        origin=tx.chain_id,
        origin_settler=tx.to,
        destination=target.chain_id,
        destination_settler=checksum(portal),
        sender=checksum(creator),
        recipient=recipient,
        pays=pays,
        delivers=delivers,
        fill_deadline=UnixTime(deadline),
        refund_after=UnixTime(refund_after),
        details={"route": "0x" + route_bytes.hex(), "prover": checksum(prover)},
    )


def _single(chain: Chain, native: int, tokens: Any) -> Amount:
    """The one asset that an order moves on `chain`. Raises Refused for none or several."""
    demand((native > 0) + len(tokens) == 1, f"moves not exactly one asset on {chain.name}")
    if native:
        return Amount(native, chain.native)
    ((address, units),) = tokens
    return Amount(units, chain.token(address))


def _recipient(delivers: Amount, calls: Any) -> Address:
    """The account that the route's only call pays `delivers`. Raises Refused if the route does anything else."""
    demand(len(calls) == 1, "makes more than one call")
    ((target, data, value),) = calls
    if delivers.token.address is None:
        demand(data == b"" and value == delivers.units, "does not simply pay its recipient")
        return checksum(target)
    demand(checksum(target) == delivers.token.address and value == 0, "calls something besides its token")
    to, units = TRANSFER.decode_call(data)
    demand(units == delivers.units, "pays another amount than it takes from the solver")
    return checksum(to)


def reward_of(order: Order) -> tuple[Any, ...]:
    """The reward struct of an order, whose hash is part of its id."""
    native = order.pays.units if order.pays.token.address is None else 0
    locks = [] if native else [(order.pays.token.address, order.pays.units)]
    return (order.refund_after, order.sender, order.details["prover"], native, locks)
