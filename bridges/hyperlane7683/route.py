"""Checks, before anything is signed, that two routers serve each other and decode an order as l2send does.

Otherwise neither a solver's claim nor a refund ever arrives. This includes the gas that a router pays for its message
on the other side (`destinationGas`): if it is zero, no relayer has to deliver the message.

Source: hyperlane-xyz/hyperlane-monorepo solidity/contracts/client/{Router,GasRouter}.sol; ERC-7683 `resolve`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from l2send.bridges.erc7683 import OPEN, RESOLVE, Resolution, first_mismatch
from l2send.bridges.hyperlane7683.order import order_data_of
from l2send.core.calldata import Function, address_word
from l2send.core.chains import Chain
from l2send.core.errors import Refused
from l2send.core.plan import Order, UnsignedTx
from l2send.core.rpc import Call, Rpcs
from l2send.core.settlers import HyperlaneSettlers
from l2send.core.units import Amount, UnixTime

MESSAGE_FEE = Function("quoteGasPayment(uint32)", "uint256")
"""The current fee of a refund's message, in the coin of the router's chain; reverts for an unenrolled domain."""
_LOCAL_DOMAIN = Function("localDomain()", "uint32")
_ROUTERS = Function("routers(uint32)", "bytes32")
_MESSAGE_GAS = Function("destinationGas(uint32)", "uint256")


@dataclass(frozen=True, slots=True)
class Route:
    """The answers of two routers that serve each other."""

    message_fee: Amount
    """Fee of a refund's message, in the coin of the destination."""
    origin_now: UnixTime
    target_now: UnixTime


async def check_route(
    here: HyperlaneSettlers, there: HyperlaneSettlers, source: Chain, target: Chain, rpcs: Rpcs
) -> Route:
    """Check that both routers trust each other and can deliver a refund. Raises Refused, NetworkError."""
    on_origin, on_target = await asyncio.gather(
        rpcs.on(source.chain_id).aggregate(
            [Call(here.router, _LOCAL_DOMAIN), Call(here.router, _ROUTERS, (target.chain_id,))]
        ),
        rpcs.on(target.chain_id).aggregate(
            [
                Call(there.router, _LOCAL_DOMAIN),
                Call(there.router, _ROUTERS, (source.chain_id,)),
                Call(there.router, MESSAGE_FEE, (source.chain_id,)),
                Call(there.router, _MESSAGE_GAS, (source.chain_id,)),
            ]
        ),
    )
    *trust, fee, gas = on_target.values
    expected = (
        ((source.chain_id,), (address_word(there.router),)),
        [(target.chain_id,), (address_word(here.router),)],
    )
    if (on_origin.values, trust) != expected or fee is None:
        raise Refused(f"the Hyperlane7683 routers of {source.name} and {target.name} do not serve each other.")
    if gas is None or not gas[0]:
        said = "does not say what gas" if gas is None else "pays for no gas with which"
        raise Refused(
            f"the Hyperlane7683 router of {target.name} {said} its message is delivered to {source.name}: "
            "a refund might never arrive."
        )
    return Route(Amount(fee[0], target.native), on_origin.timestamp, on_target.timestamp)


async def refuse_other_order(tx: UnsignedTx, order: Order, rpcs: Rpcs) -> None:
    """Check that the upgradeable router resolves it to exactly this order. Raises Refused, NetworkError."""
    call = Call(tx.to, RESOLVE, OPEN.decode_call(tx.data))
    (resolved,) = await rpcs.on(tx.chain_id).eth_call(call, sender=order.sender)
    said = Resolution(spent_to=address_word(order.destination_settler), origin_data=order_data_of(order))
    if field := first_mismatch(resolved, order, said):
        raise Refused(f"the Hyperlane7683 router understands the order in another way: {field} is not the order's.")
