"""Decodes an Across order from a deposit, with the relay data whose hash is its id, and has both pools confirm it.

Source: across-protocol/contracts contracts/spoke-pools/SpokePool.sol (getUnsafeDepositId, getV3RelayHash,
fillStatuses).
"""

from __future__ import annotations

import asyncio
from typing import Any

from l2send.bridges.across.contracts import refuse_if, wrapped_coin
from l2send.bridges.across.deposit import RELAY, Deposit, demand, relay_hash
from l2send.core.address import ZERO_ADDRESS, Address
from l2send.core.calldata import Function, address_word
from l2send.core.chains import Registry
from l2send.core.errors import Refused
from l2send.core.plan import Order
from l2send.core.rpc import Call, Rpcs
from l2send.core.settlers import AcrossSettlers
from l2send.core.units import Amount, ChainId, UnixTime

_DEPOSIT_ID = Function("getUnsafeDepositId(address,bytes32,uint256)", "uint256")
_RELAY_HASH = Function(f"getV3RelayHash({RELAY})", "bytes32")
_FILL_STATUS = Function("fillStatuses(bytes32)", "uint256")


def order_of(bridge: str, settler: Address, deposit: Deposit, quoted_at: int | None, registry: Registry) -> Order:
    """The order that a decoded deposit makes through `settler`. Raises Refused for anything but a plain payment."""
    source, target = registry.chain(ChainId(deposit.origin)), registry.chain(ChainId(deposit.destination))
    here, there = (chain.settlers_of(bridge, AcrossSettlers) for chain in (source, target))
    if here is None or there is None:
        raise Refused(f"the order for Across goes to {target.name}, where the registry has no SpokePool.")
    demand(source is not target, "stays on its chain")
    native = deposit.input_token == wrapped_coin(source)
    demand(native == (deposit.output_token == wrapped_coin(target)), "exchanges one asset for another")
    relay = deposit.relay(settler if settler != here.spoke_pool else deposit.depositor)
    return Order(
        bridge=bridge,
        order_id=relay_hash(relay, deposit.destination),
        origin=source.chain_id,
        origin_settler=settler,
        destination=target.chain_id,
        destination_settler=there.spoke_pool,
        sender=deposit.depositor,
        recipient=deposit.recipient,
        pays=Amount(deposit.input_units, source.native if native else source.token(deposit.input_token)),
        delivers=Amount(deposit.output_units, target.native if native else target.token(deposit.output_token)),
        fill_deadline=UnixTime(deposit.fill_deadline),
        refund_after=UnixTime(deposit.fill_deadline),
        details={
            "spoke_pool": here.spoke_pool,
            "input_token": deposit.input_token,
            "output_token": deposit.output_token,
            "nonce": str(deposit.nonce),
            "deposit_id": str(relay[8]),
            "quoted_at": quoted_at,
            "named_relayer": deposit.named_relayer,
        },
    )


def relay_of(order: Order) -> tuple[Any, ...]:
    """The V3RelayData of an order, whose hash is its id."""
    deposit = Deposit(
        order.origin,
        order.destination,
        order.sender,
        order.recipient,
        Address(order.details["input_token"]),
        order.pays.units,
        Address(order.details["output_token"]),
        order.delivers.units,
        int(order.details["nonce"]),
        order.fill_deadline,
        Address(order.details.get("named_relayer", ZERO_ADDRESS)),
    )
    return deposit.relay(_caller(order))


async def refuse_other_ids(order: Order, rpcs: Rpcs) -> None:
    """Ask both pools for the ids computed here: an order with other ids could not be followed.

    Raises Refused, NetworkError.
    """
    pool, nonce = Address(order.details["spoke_pool"]), int(order.details["nonce"])
    asked = Call(pool, _DEPOSIT_ID, (_caller(order), address_word(order.sender), nonce))
    origin, target = await asyncio.gather(
        rpcs.on(order.origin).aggregate([asked]),
        rpcs.on(order.destination).aggregate([
            Call(order.destination_settler, _RELAY_HASH, (relay_of(order),)), fill_status(order)
        ]),
    )  # fmt: skip
    same_id = origin.values[0] == (int(order.details["deposit_id"]),)
    same_hash = target.values[0] == (bytes.fromhex(order.order_id[2:]),)
    refuse_if(not (same_id and same_hash), "a SpokePool of Across computes this order's id in another way.")
    refuse_if(target.values[1] != (0,), "Across already knows an order with this id.")


def fill_status(order: Order) -> Call:
    """The destination pool's fill status of the order."""
    return Call(order.destination_settler, _FILL_STATUS, (bytes.fromhex(order.order_id[2:]),))


def _caller(order: Order) -> Address:
    """The account that calls the SpokePool: the sender, or the origin settler on its behalf."""
    return order.sender if order.origin_settler == order.details["spoke_pool"] else order.origin_settler
