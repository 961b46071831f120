"""Hyperlane7683, BootNode's ERC-7683 v1 router: one contract per chain, both origin and destination settler.

An order's id is the keccak of its OrderData, which names recipient, token and amount. The destination's router marks an
id as filled only by paying exactly that, so its storage is the proof.

A refund starts on the destination and reaches the origin as a Hyperlane message: see refund.py. If the two routers are
not enrolled with each other, it never arrives: see route.py.

Source: BootNodeDev/intents-framework solidity/src/{Hyperlane7683,BasicSwap7683,Base7683}.sol.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from l2send.bridges import settler_status
from l2send.bridges.erc7683 import OPEN, emitted_open
from l2send.bridges.gas_costs import allowance
from l2send.bridges.hyperlane7683.order import decode_open, open_tx
from l2send.bridges.hyperlane7683.refund import REFUND, decode_refund, refund_step, sent_refund
from l2send.bridges.hyperlane7683.route import check_route, refuse_other_order
from l2send.bridges.quoting import Funding, finish, with_notes
from l2send.bridges.solver_price import fill_deadline, is_priced, solver_price
from l2send.core.bridge_protocol import ContractSenders, OrderState, OrderStatus, RefundAddress, SentRefund
from l2send.core.calldata import Function, event_topic
from l2send.core.chains import Chain, Registry
from l2send.core.effects import Effects, Opens
from l2send.core.errors import NetworkError, Refused
from l2send.core.plan import Order, Payment, Quote, Step, UnsignedTx
from l2send.core.rpc import Call, Rpc, Rpcs
from l2send.core.settlers import HyperlaneSettlers
from l2send.core.units import Amount

_ORDER_STATUS = Function("orderStatus(bytes32)", "bytes32")
FILLED_TOPIC = event_topic("Filled(bytes32,bytes,bytes)")
_OPENED, _FILLED, _SETTLED, _REFUNDED = (
    word.encode().ljust(32, b"\0") for word in ("OPENED", "FILLED", "SETTLED", "REFUNDED")
)
_MAX_DOMAIN = 2**32 - 1


class Hyperlane7683:
    """Cross-chain payments through Hyperlane7683 routers."""

    refunds_by_itself = False
    contract_senders = ContractSenders(
        True,
        RefundAddress.SENDER,
        "the router refunds the account that called `open`, on the chain where it did; anyone can ask for that on the "
        "destination, so the contract needs no account there.",
    )

    def __init__(self, name: str = "hyperlane7683") -> None:
        """`name` is that of its entries in the registry."""
        self.name = name

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """An order that delivers the payment exactly; None unless the registry names a source of prices."""
        target = rpcs.registry.chain(payment.to.chain_id)
        here, there = (chain.settlers_of(self.name, HyperlaneSettlers) for chain in (source, target))
        if source is target or here is None or there is None or not is_priced(here):
            return None
        if max(source.chain_id, target.chain_id) > _MAX_DOMAIN:
            return None
        funding = Funding(payment, source, held, native)
        price, route, allowed = await asyncio.gather(
            solver_price(here, here.router, funding, rpcs),
            check_route(here, there, source, target, rpcs),
            allowance(rpcs.on(source.chain_id), payment.sender, here.router, held.token),
        )
        price = replace(price, allowed=allowed)
        deadline = fill_deadline(price, route.origin_now, route.target_now)
        tx = open_tx(here, there, payment, price.pays, deadline)
        quote = await finish(
            self, funding, price, tx, route.origin_now, rpcs, lambda order: [refuse_other_order(tx, order, rpcs)]
        )
        return with_notes(quote, await _refund_note(payment, target, route.message_fee, rpcs))

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        """The order in which `open` locks money, or the one whose `refund` is requested. Raises Refused."""
        chain = registry.chain(tx.chain_id)
        if tx.data[:4] == REFUND.selector:
            return decode_refund(tx, chain)
        listed = chain.settlers_of(self.name, HyperlaneSettlers)
        if listed is None or tx.to != listed.router:
            return None
        if tx.data[:4] == OPEN.selector:
            return Opens(decode_open(self.name, tx, registry))
        raise Refused("the call of the Hyperlane7683 router is neither `open` nor `refund`.")

    async def status(self, order: Order, rpcs: Rpcs) -> OrderStatus:
        """The order's state, by the routers' own storage on both chains."""
        order_id = bytes.fromhex(order.order_id[2:])
        on_target = Call(order.destination_settler, _ORDER_STATUS, (order_id,))
        on_origin = Call(order.origin_settler, _ORDER_STATUS, (order_id,))
        seen = await settler_status.look(order, on_origin, on_target, rpcs)
        if isinstance(seen, OrderStatus):
            return seen
        if seen.target == _FILLED:
            # The event's id is not indexed: it is the first word of the data.
            return settler_status.filled(
                rpcs.on(order.destination),
                on_target,
                lambda status: status == _FILLED,
                [FILLED_TOPIC],
                lambda log: str(log.get("data", ""))[:66] == order.order_id,
                seen.target_head,
            )
        if seen.origin == _REFUNDED:
            return settler_status.refunded(rpcs.on(order.origin), on_origin, _REFUNDED)
        return await _unfilled(order, seen, rpcs)

    async def refund(self, order: Order, rpcs: Rpcs) -> Step | None:
        """The router's `refund` on the DESTINATION chain, with the message fee that it asks now."""
        return await refund_step(order, rpcs)

    async def sent_refund(self, order: Order, rpcs: Rpcs) -> SentRefund | None:
        """The newest refund requested from the destination's router. Raises NetworkError."""
        return await sent_refund(order, rpcs)

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        """Whether the origin's router emitted `Open` with this order's id."""
        return emitted_open(receipt, order.origin_settler, order.order_id)

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        """Whether the router has a status for this id."""
        asked = Call(order.origin_settler, _ORDER_STATUS, (bytes.fromhex(order.order_id[2:]),))
        return await settler_status.stored(asked, any)(origin, block)


async def _refund_note(payment: Payment, target: Chain, fee: Amount, rpcs: Rpcs) -> str:
    held = Amount(await rpcs.on(target.chain_id).balance(payment.sender), target.native)
    return (
        f"if no solver fills it, getting the money back starts on {target.name}: "
        f"Hyperlane takes about {fee} there, and gas; you hold {held} there"
    )


async def _unfilled(order: Order, seen: settler_status.Seen, rpcs: Rpcs) -> OrderStatus:
    source, target = (rpcs.registry.chain(one).name for one in (order.origin, order.destination))
    state, detail = OrderState.OPEN, ""
    if seen.origin == _SETTLED:
        state, detail = OrderState.UNKNOWN, f"a solver was paid on {source}, and {target} does not show the fill yet."
    elif seen.origin != _OPENED:
        state, detail = OrderState.NOT_OPEN, "the router holds nothing for this order."
    elif seen.target_now > order.fill_deadline:
        state, detail = OrderState.REFUND_DUE, await _refund_words(order, source, target, rpcs)
    else:
        until = datetime.fromtimestamp(order.fill_deadline, UTC)
        detail = f"a solver may fill it until {until:%Y-%m-%d %H:%M:%S} UTC; after that it can be refunded."
    return OrderStatus(state, detail)


async def _refund_words(order: Order, source: str, target: str, rpcs: Rpcs) -> str:
    """A sentence on what to do for the refund, or what was done already."""
    unfilled = "no solver filled it in time:"
    try:
        sent = await sent_refund(order, rpcs)
    except NetworkError as error:
        unfilled = f"no solver filled it in time, and {target} could not be searched for a refund: {error.message}"
        sent = None
    if sent is None:
        return (
            f"{unfilled} a transaction on {target}, which needs gas and Hyperlane's fee there, "
            f"sends the refund; once its message reaches {source}, usually minutes later, the money is back."
        )
    at, named = datetime.fromtimestamp(sent.at, UTC), f" {sent.message_id}" if sent.message_id else ""
    return (
        f"{unfilled} the refund was sent on {target} at {at:%Y-%m-%d %H:%M:%S} UTC, in {sent.tx_hash}, and is on its "
        f"way; Hyperlane's message{named} brings it to {source}, usually within minutes."
    )
