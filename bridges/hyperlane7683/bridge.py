"""Hyperlane7683, BootNode's ERC-7683 v1 router: one contract a chain, both origin and destination settler.

An order's id is the keccak of its OrderData, which names recipient, token and amount. The destination's
router marks an id as filled only by paying exactly that, so its storage is the proof.

Three traps of this contract shape the code:
- `open` puts msg.sender and the outer fillDeadline into the order before it computes the id, `refund` takes
  the raw order: unless both say the same, an order can never be refunded.
- A refund starts on the destination, and reaches the money on the origin as a Hyperlane message: it costs gas
  and Hyperlane's fee on the destination. If the two routers do not know each other, it never arrives.
- `resolve` names the settler as recipient of what the solver spends; only OrderData names the person paid.

Source: BootNodeDev/intents-framework solidity/src/{Hyperlane7683,BasicSwap7683,Base7683,libs/OrderEncoder}.sol;
hyperlane-xyz/hyperlane-monorepo solidity/contracts/client/{Router,GasRouter}.sol.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from typing import Any

from eth_hash.auto import keccak

from l2send.bridges import oif_quotes, settler_status
from l2send.bridges.erc7683 import (
    NATIVE,
    ONCHAIN_ORDER,
    OPEN,
    RESOLVE,
    Resolution,
    emitted_open,
    first_mismatch,
    token_word,
)
from l2send.core.address import Address, checksum
from l2send.core.bridge import OrderState, OrderStatus
from l2send.core.calldata import Function, abi_decode_exact, abi_encode, address_word, event_topic
from l2send.core.chains import Chain, Registry
from l2send.core.effects import MOST_REFUND_FEE, Effects, Opens, TakesBack
from l2send.core.errors import Refused
from l2send.core.plan import Order, Payment, Quote, Step, StepKind, UnsignedTx
from l2send.core.rpc import Call, Rpc, Rpcs
from l2send.core.settlers import HyperlaneSettlers
from l2send.core.units import Amount, ChainId, Gas, UnixTime, Wei

# sender, recipient, input token, output token, amount in, amount out, nonce, origin, destination,
# destination settler, fill deadline, data
_ORDER_DATA = "(bytes32,bytes32,bytes32,bytes32,uint256,uint256,uint256,uint32,uint32,bytes32,uint32,bytes)"
_ORDER_DATA_TYPE = bytes.fromhex("08d75650babf4de09c9273d48ef647876057ed91d4323f8a2e3ebc2cd8a63b5e")

_REFUND = Function(f"refund({ONCHAIN_ORDER}[])")
_ORDER_STATUS = Function("orderStatus(bytes32)", "bytes32")
_LOCAL_DOMAIN = Function("localDomain()", "uint32")
_ROUTERS = Function("routers(uint32)", "bytes32")
_MESSAGE_FEE = Function("quoteGasPayment(uint32)", "uint256")
_FILLED_TOPIC = event_topic("Filled(bytes32,bytes,bytes)")


def _status(word: str) -> bytes:
    return word.encode().ljust(32, b"\0")


_OPENED, _FILLED, _SETTLED, _REFUNDED = (_status(s) for s in ("OPENED", "FILLED", "SETTLED", "REFUNDED"))

_REFUND_GAS = Gas(400_000)
_FEE_MAY_GROW = 2
_MAX_DOMAIN = 2**32 - 1


class Hyperlane7683:
    """Cross-chain payments through Hyperlane7683 routers."""

    def __init__(self, name: str = "hyperlane7683") -> None:
        """`name` is that of its entries in the registry."""
        self.name = name

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """An order that delivers the payment exactly; None unless the registry says what a solver takes."""
        target = rpcs.registry.chain(payment.to.chain_id)
        here, there = (chain.settlers_of(self.name, HyperlaneSettlers) for chain in (source, target))
        if source is target or here is None or there is None or not oif_quotes.is_offered(here):
            return None
        if max(source.chain_id, target.chain_id) > _MAX_DOMAIN:
            return None
        price = await oif_quotes.price_of(rpcs, here, here.router, payment, held)
        message_fee, now, target_now = await _check_route(here, there, source, target, rpcs)
        deadline = oif_quotes.fill_deadline(price, now, target_now)
        tx = _open_tx(here, there, payment, price.pays, deadline)
        quote = await oif_quotes.make_quote(self, rpcs, payment, source, native, price, tx)
        assert quote.order is not None
        await _check_resolved(tx, payment.sender, quote.order, rpcs)
        note = await _refund_note(payment, target, message_fee, rpcs)
        return oif_quotes.with_notes(quote, note)

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        """The order that `open` would lock money in, or the one whose `refund` is asked for. Raises Refused."""
        chain = registry.chain(tx.chain_id)
        if tx.data[:4] == _REFUND.selector:
            (orders,) = _REFUND.decode_call(tx.data)
            _demand(len(orders) == 1, "is not alone in its refund")
            destination = _fields(orders[0])[8]
            _demand(destination == tx.chain_id, "is to be refunded from another chain than its destination")
            return TakesBack(_order_id(orders[0][2]), Amount(tx.value, chain.native), tx.to)
        listed = chain.settlers_of(self.name, HyperlaneSettlers)
        if listed is None or tx.to != listed.router:
            return None
        if tx.data[:4] == OPEN.selector:
            order = _decode(self.name, OPEN.decode_call(tx.data)[0], registry)
            _demand(order.origin == tx.chain_id, "is to be opened on another chain than it says")
            locked = order.pays.units if order.pays.token.is_native else 0
            _demand(tx.value == locked, "carries another value than it locks")
            return Opens(order)
        raise Refused("the call of the Hyperlane7683 router is neither `open` nor `refund`.")

    async def status(self, order: Order, rpcs: Rpcs) -> OrderStatus:
        """Where the money is, by the routers' own storage on both chains."""
        order_id = bytes.fromhex(order.order_id[2:])
        on_target = Call(order.destination_settler, _ORDER_STATUS, (order_id,))
        on_origin = Call(order.origin_settler, _ORDER_STATUS, (order_id,))
        seen = await settler_status.look(order, on_origin, on_target, rpcs)
        if isinstance(seen, OrderStatus):
            return seen
        if seen.target == _FILLED:
            # The event's id is no topic: it is the first word of the data.
            return settler_status.filled(
                rpcs.on(order.destination),
                on_target,
                lambda status: status == _FILLED,
                [_FILLED_TOPIC],
                lambda log: str(log.get("data", ""))[:66] == order.order_id,
            )
        if seen.origin == _REFUNDED:
            return settler_status.refunded(rpcs.on(order.origin), on_origin, _REFUNDED)
        return _unfilled(order, seen, rpcs.registry)

    async def refund(self, order: Order, rpcs: Rpcs) -> Step | None:
        """The router's `refund` on the DESTINATION chain, with the message's fee that it asks for now."""
        call = Call(order.destination_settler, _MESSAGE_FEE, (order.origin,))
        (fee,) = await rpcs.on(order.destination).eth_call(call)
        return _refund_step(order, fee)

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        """Whether the origin's router emitted `Open` with this order's id."""
        return emitted_open(receipt, order.origin_settler, order.order_id)

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        """Whether the router has a status for this id."""
        asked = Call(order.origin_settler, _ORDER_STATUS, (bytes.fromhex(order.order_id[2:]),))
        return await settler_status.stored(asked, any)(origin, block)


def _open_tx(
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
    data = OPEN.encode((deadline, _ORDER_DATA_TYPE, abi_encode([_ORDER_DATA], [order])))
    value = Wei(pays.units if pays.token.is_native else 0)
    return UnsignedTx(pays.token.chain_id, here.router, value, data)


def _decode(bridge: str, onchain_order: tuple[Any, ...], registry: Registry) -> Order:
    """The order in the argument of `open`. Whatever is not a plain payment is refused."""
    order_data, fields = onchain_order[2], _fields(onchain_order)
    sender, recipient, token_in, token_out, units_in, units_out = fields[:6]
    origin, destination, settler, deadline, data = fields[7:]
    source, target = registry.chain(ChainId(origin)), registry.chain(ChainId(destination))
    _demand(data == b"", "carries a message besides the payment")
    listed = source.settlers_of(bridge, HyperlaneSettlers)
    if listed is None:
        raise Refused(f"the order for Hyperlane7683 comes from {source.name}, which has no router in the registry.")
    return Order(
        bridge=bridge,
        order_id=_order_id(order_data),
        origin=source.chain_id,
        origin_settler=listed.router,
        destination=target.chain_id,
        destination_settler=_account(settler, "settler"),
        sender=_account(sender, "sender"),
        recipient=_account(recipient, "recipient"),
        pays=_amount(source, token_in, units_in),
        delivers=_amount(target, token_out, units_out),
        fill_deadline=UnixTime(deadline),
        refund_after=UnixTime(deadline),
        details={"order_data": "0x" + order_data.hex()},
    )


def _fields(onchain_order: tuple[Any, ...]) -> tuple[Any, ...]:
    """What is in the argument of `open` or `refund`. Raises Refused for an order of another kind."""
    fill_deadline, data_type, order_data = onchain_order
    _demand(data_type == _ORDER_DATA_TYPE, "is of a type l2send does not know")
    fields: tuple[Any, ...]
    (fields,) = abi_decode_exact([_ORDER_DATA], order_data, "the order for Hyperlane7683")
    _demand(fill_deadline == fields[10], "carries two deadlines, so that it could not be refunded")
    return fields


def _order_id(order_data: bytes) -> str:
    return "0x" + keccak(order_data).hex()


def _amount(chain: Chain, token: bytes, units: int) -> Amount:
    return Amount(units, chain.native if token == NATIVE else chain.token(_account(token, "token")))


def _account(word: bytes, what: str) -> Address:
    """The account in a bytes32; the settler would silently cut off anything in front of it. Raises Refused."""
    _demand(not any(word[:12]), f"has a {what} that is no EVM account")
    return checksum(word[12:])


def _demand(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Refused(f"the order for Hyperlane7683 {otherwise}.")


async def _check_route(
    origin: HyperlaneSettlers, destination: HyperlaneSettlers, source: Chain, target: Chain, rpcs: Rpcs
) -> tuple[Wei, UnixTime, UnixTime]:
    """The fee of a message back, and both clocks, once the routers are known to trust each other.

    Between routers that do not, neither a solver's claim nor a refund arrives. Raises Refused, NetworkError.
    """
    here, there = origin.router, destination.router
    on_origin, on_target = await asyncio.gather(
        rpcs.on(source.chain_id).aggregate([Call(here, _LOCAL_DOMAIN), Call(here, _ROUTERS, (target.chain_id,))]),
        rpcs.on(target.chain_id).aggregate(
            [
                Call(there, _LOCAL_DOMAIN),
                Call(there, _ROUTERS, (source.chain_id,)),
                Call(there, _MESSAGE_FEE, (source.chain_id,)),
            ]
        ),
    )
    fee = on_target.values[2]
    expected = ((source.chain_id,), (address_word(there),)), ((target.chain_id,), (address_word(here),))
    if (on_origin.values, on_target.values[:2]) != expected or fee is None:
        raise Refused(f"the Hyperlane7683 routers of {source.name} and {target.name} do not serve each other.")
    if fee[0] > MOST_REFUND_FEE // _FEE_MAY_GROW:
        raise Refused(f"a refund would cost {Amount(fee[0], target.native)} on {target.name}, which is absurd.")
    return Wei(fee[0]), on_origin.timestamp, on_target.timestamp


async def _check_resolved(tx: UnsignedTx, sender: Address, order: Order, rpcs: Rpcs) -> None:
    """The router, which can be upgraded, must take it for this very order. Raises Refused, NetworkError."""
    call = Call(tx.to, RESOLVE, OPEN.decode_call(tx.data))
    (resolved,) = await rpcs.on(tx.chain_id).eth_call(call, sender=sender)
    order_data = bytes.fromhex(order.details["order_data"][2:])
    said = Resolution(spent_to=address_word(order.destination_settler), origin_data=order_data)
    if field := first_mismatch(resolved, order, said):
        raise Refused(f"the Hyperlane7683 router understands the order in another way: {field} is not the order's.")


async def _refund_note(payment: Payment, target: Chain, fee: Wei, rpcs: Rpcs) -> str:
    held = Amount(await rpcs.on(target.chain_id).balance(payment.sender), target.native)
    return (
        f"if no solver fills it, getting the money back starts on {target.name}: "
        f"Hyperlane takes about {Amount(fee, target.native)} there, and gas; you hold {held} there"
    )


def _refund_step(order: Order, fee: int) -> Step:
    if fee > MOST_REFUND_FEE:
        raise Refused(f"the refund would pay {fee} wei to Hyperlane, which is absurd.")
    order_data = bytes.fromhex(order.details["order_data"][2:])
    if _order_id(order_data) != order.order_id:
        raise Refused("what is kept of the order does not match its id.")
    data = _REFUND.encode([(order.fill_deadline, _ORDER_DATA_TYPE, order_data)])
    tx = UnsignedTx(order.destination, order.destination_settler, Wei(fee), data)
    return Step(StepKind.REFUND, tx, _REFUND_GAS)


def _unfilled(order: Order, seen: settler_status.Seen, registry: Registry) -> OrderStatus:
    source, target = registry.chain(order.origin).name, registry.chain(order.destination).name
    state, detail = OrderState.OPEN, ""
    if seen.origin == _SETTLED:
        state, detail = OrderState.UNKNOWN, f"a solver was paid on {source}, and {target} does not show the fill yet."
    elif seen.origin != _OPENED:
        state, detail = OrderState.NOT_OPEN, "the router holds nothing for this order."
    elif seen.target_now > order.fill_deadline:
        state = OrderState.REFUND_DUE
        detail = (
            f"no solver filled it in time: a transaction on {target}, which needs gas and Hyperlane's fee there, "
            f"sends the refund; once its message reaches {source}, usually minutes later, the money is back."
        )
    else:
        until = datetime.fromtimestamp(order.fill_deadline, UTC)
        detail = f"a solver may fill it until {until:%Y-%m-%d %H:%M:%S} UTC; after that it can be refunded."
    return OrderStatus(state, detail, chain_time=seen.origin_now)
