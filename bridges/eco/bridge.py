"""Eco Portal: the fullest live ERC-7683 v1 settler. `open` locks the money on the origin in a vault of its
own, a solver pays the recipient through the destination's Portal, and what was not filled by its
deadline anybody can send back to the sender.

An order's id commits to everything: keccak(destination, keccak(route), keccak(reward)). The route holds
the very call that pays the recipient. So `claimants(id)` on the destination's Portal is not a claim about
a fill, it is the fill: no event has to be believed.

Source: eco/eco-routes contracts/{types/Intent,types/ERC7683,IntentSource,Inbox}.sol, and for the Portal of 2.12 its
proven-cancellation-design.md, revised 2026-09-28;
docs.eco.com/api-reference/quotes-v3 for the quote API, whose OpenAPI description docs/bridges.md names.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from eth_hash.auto import keccak

from l2send.bridges.erc7683 import OPEN, OUTPUT, RESOLVE, emitted_open
from l2send.bridges.gas_costs import approval, cost, refund_cost, refuse_without_gas
from l2send.bridges.json_answers import natural, positive, reason
from l2send.bridges.settler_status import filled, look, refunded, stored
from l2send.core.address import Address, checksum
from l2send.core.bridge import OrderState, OrderStatus
from l2send.core.calldata import TRANSFER, Function, abi_decode_exact, abi_encode, address_word, event_topic
from l2send.core.chains import Chain, Registry
from l2send.core.effects import Effects, Opens, TakesBack
from l2send.core.errors import BadAnswer, CannotPay, Refused
from l2send.core.http import post_json
from l2send.core.plan import BRIDGE_FEE, Fee, Order, Payment, Quote, Step, StepKind, UnsignedTx
from l2send.core.rpc import Call, Rpc, Rpcs
from l2send.core.settlers import EcoSettlers
from l2send.core.units import Amount, ChainId, Gas, Seconds, Token, UnixTime, Wei

_ASSET = "(address,uint256)"
_ROUTE = f"(bytes32,uint64,address,uint256,{_ASSET}[],(address,bytes,uint256)[])"
_REWARD = f"(uint64,address,address,uint256,{_ASSET}[])"
_ORDER_DATA = f"(uint64,bytes,{_REWARD},bytes32,uint64,{OUTPUT}[])"
_ORDER_DATA_TYPE = bytes.fromhex("aed0ae635eda11553af2dc98f5e5308e49abc5a2c0cae5c9a949b7927d77c405")
_REFUND = Function(f"refund(uint64,bytes32,{_REWARD})")
_CLAIMANTS = Function("claimants(bytes32)", "bytes32")
_REWARD_STATUS = Function("getRewardStatus(bytes32)", "uint8")
_FULFILLED_TOPIC = event_topic("IntentFulfilled(bytes32,bytes32)")

_STATUS_INITIAL, _STATUS_FUNDED, _STATUS_REFUNDED = 0, 1, 3
_CANCELLED = keccak(b"eco.portal.intent.cancelled")
"""Whose low 20 bytes a Portal of 2.12 writes in the place of a solver, once anybody cancels an order that was not
filled in time. Its design had all 32 until 2026-09-28. No key has either, and a fill there may not name it."""

_NATIVE = "0x" + "0" * 40
_DAPP_ID = "l2send"
_SELF_PUBLISH = "SELF_PUBLISH"
_PRICE_HOLDS = Seconds(60)
_MIN_FILL_TIME = Seconds(30)
_MAX_FILL_TIME = Seconds(2 * 3600)
_REFUND_GAS = Gas(300_000)


@dataclass(frozen=True, slots=True)
class _Price:
    """What the quote API is asked for, and all of its answer that is used."""

    source_units: int
    deadline: UnixTime
    duration: Seconds


class Eco:
    """Cross-chain payments through Eco's Portal."""

    def __init__(self, name: str = "eco") -> None:
        """`name` is that of its entries in the registry."""
        self.name = name

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """An order from `source` that delivers the payment exactly, built here at the API's price."""
        target = rpcs.registry.chain(payment.to.chain_id)
        here, there = (chain.settlers_of(self.name, EcoSettlers) for chain in (source, target))
        if source is target or here is None or there is None or not (here.prover and here.quote_api):
            return None
        price = await _ask_price(here, there, rpcs, payment, held.token)
        pays = Amount(price.source_units, held.token)
        if pays.units > held.units:
            raise CannotPay(f"{source.name} needs {pays} to deliver {payment.amount}, you hold {held}.")
        rpc = rpcs.on(source.chain_id)
        now, target_now = await asyncio.gather(rpc.time(), rpcs.on(target.chain_id).time())
        deadline = _deadline(price.deadline, now, target_now)
        tx = _open_tx(here, there, payment, pays, deadline)
        wanted = [*await approval(rpc, payment.sender, tx.to, pays), (StepKind.OPEN, tx)]
        opens = self.effects(tx, rpcs.registry)
        if not isinstance(opens, Opens):
            raise Refused("the order built for Eco does not decode.")
        costed, refund, _ = await asyncio.gather(
            cost(rpc, payment.sender, wanted), refund_cost(self, opens.order, rpcs), _agree_on_id(tx, opens.order, rpc)
        )
        refuse_without_gas(costed, pays, source, native)
        bridge_fee = Fee(BRIDGE_FEE, Amount(pays.units - payment.amount.in_units_of(pays.token), pays.token))
        return Quote(
            bridge=self.name,
            source=source,
            pays=pays,
            delivers=payment.amount,
            fees=(bridge_fee, *costed.fees),
            duration=price.duration,
            steps=costed.steps,
            order=opens.order,
            expires=UnixTime(now + _PRICE_HOLDS),
            notes=() if costed.simulated else ("not simulated: the node does not offer it",),
            needs=costed.needs,
            refund=refund,
        )

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        """The order that `open` would lock money in, or the refund it asks for. Raises Refused."""
        chain = registry.chain(tx.chain_id)
        if tx.data[:4] == _REFUND.selector and not tx.value:
            order_id = _order_id(*_REFUND.decode_call(tx.data))
            return TakesBack(order_id, Amount(0, chain.native), tx.to)
        listed = chain.settlers_of(self.name, EcoSettlers)
        if listed is None or tx.to != listed.portal:
            return None
        if tx.data[:4] == OPEN.selector:
            return Opens(_decode_open(self.name, tx, registry))
        raise Refused("the call of Eco's Portal is neither `open` nor `refund`.")

    async def status(self, order: Order, rpcs: Rpcs) -> OrderStatus:
        """Where the money is, by the Portals' own storage on both chains, read at the same time."""
        order_id = bytes.fromhex(order.order_id[2:])
        locked = Call(order.origin_settler, _REWARD_STATUS, (order_id,))
        claimed = Call(order.destination_settler, _CLAIMANTS, (order_id,))
        seen = await look(order, locked, claimed, rpcs)
        if isinstance(seen, OrderStatus):
            return seen
        if _is_solver(seen.target):
            topics = [_FULFILLED_TOPIC, order.order_id]
            return filled(rpcs.on(order.destination), claimed, _is_solver, topics, lambda _: True)
        if seen.origin == _STATUS_REFUNDED:
            return refunded(rpcs.on(order.origin), locked, _STATUS_REFUNDED)
        return _unfilled(order, seen.origin, seen.origin_now, seen.target_now)

    async def refund(self, order: Order, rpcs: Rpcs) -> Step | None:
        """The Portal's `refund` on the origin chain; anybody may send it, the money goes to the sender."""
        reward = _reward_from(order)
        route_hash = keccak(bytes.fromhex(order.details["route"][2:]))
        data = _REFUND.encode(order.destination, route_hash, reward)
        return Step(StepKind.REFUND, UnsignedTx(order.origin, order.origin_settler, Wei(0), data), _REFUND_GAS)

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        """Whether the origin's Portal emitted `Open` with this order's id."""
        return emitted_open(receipt, order.origin_settler, order.order_id)

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        """Whether the Portal has a reward under this id: funded, withdrawn or refunded."""
        locked = Call(order.origin_settler, _REWARD_STATUS, (bytes.fromhex(order.order_id[2:]),))
        return await stored(locked, lambda status: status != _STATUS_INITIAL)(origin, block)


async def _agree_on_id(tx: UnsignedTx, order: Order, rpc: Rpc) -> None:
    """The Portal must give the order the id by which it is followed; that commits to all that the order is.

    Raises Refused, NetworkError. Source: IOriginSettler.resolve.
    """
    (resolved,) = await rpc.eth_call(Call(tx.to, RESOLVE, OPEN.decode_call(tx.data)), sender=order.sender)
    order_id = resolved[4]
    _demand("0x" + order_id.hex() == order.order_id, "would be opened under another id than l2send would follow")


async def _ask_price(here: EcoSettlers, there: EcoSettlers, rpcs: Rpcs, payment: Payment, source: Token) -> _Price:
    """What delivering the payment exactly costs from `source`. Raises NetworkError, Refused."""
    asked = {
        "sourceChainID": source.chain_id,
        "destinationChainID": payment.to.chain_id,
        "sourceToken": source.address or _NATIVE,
        "destinationToken": payment.amount.token.address or _NATIVE,
        "funder": payment.sender,
        "recipient": payment.to.address,
        "refundRecipient": payment.sender,
    }
    contracts = {"sourcePortal": here.portal, "destinationPortal": there.portal, "prover": here.prover}
    # The schema has one amount, `sourceAmount`: of `exactOut`, which fixes the output, it is the output.
    wanted = asked | {"sourceAmount": str(payment.amount.units)}
    request = {
        "dAppID": _DAPP_ID,
        "intentExecutionTypes": [_SELF_PUBLISH],
        "quoteRequest": wanted,
        "contracts": contracts,
    }
    answer = await post_json(rpcs.http, f"{here.quote_api}/api/v3/quotes/exactOut", request, "the quote API of Eco")
    if answer.status >= 400:
        raise Refused(f"Eco does not quote this: {reason(answer.body)}")
    offers = answer.body.get("data") if isinstance(answer.body, dict) else None
    if not isinstance(offers, list):
        raise BadAnswer("the quote API of Eco answered outside its schema.")
    return _cheapest(offers, asked | {"intentExecutionType": _SELF_PUBLISH}, contracts, payment.amount.units)


def _cheapest(offers: list[Any], asked: Mapping[str, Any], contracts: Mapping[str, Any], wanted_units: int) -> _Price:
    """The lowest price that solvers offer. What does not fit is passed over, and raised where nothing fits."""
    prices: list[_Price] = []
    fault: BadAnswer | Refused = Refused("Eco does not quote this: no solver offers it.")
    for offer in offers:
        try:
            prices.append(_read_offer(offer, asked, contracts, wanted_units))
        except (BadAnswer, Refused) as error:
            fault = error
    if not prices:
        raise fault
    return min(prices, key=lambda price: price.source_units)


def _read_offer(offer: Any, asked: Mapping[str, Any], contracts: Mapping[str, Any], wanted_units: int) -> _Price:
    """One solver's price for delivering at least `wanted_units` of what was asked. Raises BadAnswer, Refused."""
    try:
        quote, named = offer["quoteData"]["quoteResponse"], offer["quoteData"]["contracts"]
        same = all(_is(quote[name], value) for name, value in asked.items())
        ours = all(_is(named[name], value) for name, value in contracts.items())
        delivered = positive(quote["destinationAmount"])
        price = _Price(
            positive(quote["sourceAmount"]),
            UnixTime(positive(quote["deadline"])),
            _duration(quote["estimatedFulfillTimeSec"]),
        )
    except (KeyError, TypeError, ValueError):
        raise BadAnswer("the quote API of Eco answered outside its schema.") from None
    if not ours:
        raise Refused("Eco quotes through other contracts than the registry's.")
    if not same:
        raise Refused("Eco quotes another payment than was asked.")
    if delivered < wanted_units:
        raise Refused("Eco quotes a delivery of less than the payment.")
    return price


def _duration(value: Any) -> Seconds:
    """An estimate, which the schema lets have a fraction. Raises TypeError, ValueError."""
    fraction = isinstance(value, float) and math.isfinite(value)
    return Seconds(natural(math.ceil(value) if fraction else value))


def _is(found: Any, expected: object) -> bool:
    """Whether an answer repeats what was asked; addresses in any case."""
    return type(found) is type(expected) and str(found).lower() == str(expected).lower()


def _deadline(quoted: UnixTime, origin_now: UnixTime, target_now: UnixTime) -> UnixTime:
    """One deadline for fill and refund, judged by the chains' clocks. Raises Refused."""
    now = max(origin_now, target_now)
    deadline = min(quoted, now + _MAX_FILL_TIME)
    if deadline < now + _MIN_FILL_TIME:
        raise Refused("Eco's quote leaves a solver no time to fill it.")
    return UnixTime(deadline)


def _open_tx(here: EcoSettlers, there: EcoSettlers, payment: Payment, pays: Amount, deadline: UnixTime) -> UnsignedTx:
    """The `open` that locks `pays` and delivers the payment, through the settlers of both chains."""
    delivered, recipient, destination = payment.amount, payment.to.address, payment.to.chain_id
    token = delivered.token.address
    if token is None:
        gives, calls = [], [(recipient, b"", delivered.units)]
    else:
        gives = [(token, delivered.units)]
        calls = [(token, TRANSFER.encode(recipient, delivered.units), 0)]
    native_out = delivered.units if token is None else 0
    route = abi_encode([_ROUTE], [(secrets.token_bytes(32), deadline, there.portal, native_out, gives, calls)])
    native_in = pays.units if pays.token.address is None else 0
    locks = [] if pays.token.address is None else [(pays.token.address, pays.units)]
    reward = (deadline, payment.sender, here.prover, native_in, locks)
    spends = (address_word(token or _NATIVE), delivered.units, bytes(32), destination)
    order = (destination, route, reward, address_word(there.portal), deadline, [spends])
    data = OPEN.encode((deadline, _ORDER_DATA_TYPE, abi_encode([_ORDER_DATA], [order])))
    return UnsignedTx(pays.token.chain_id, here.portal, Wei(native_in), data)


def _order_id(destination: int, route_hash: bytes, reward: tuple[Any, ...]) -> str:
    """The intent hash of the Portal. Source: IntentSource.getIntentHash."""
    reward_hash = keccak(abi_encode([_REWARD], [reward]))
    return "0x" + keccak(destination.to_bytes(8, "big") + route_hash + reward_hash).hex()


def _decode_open(bridge: str, tx: UnsignedTx, registry: Registry) -> Order:
    """The order inside the bytes of `open`. Whatever is not a plain payment is refused."""
    ((fill_deadline, data_type, order_data),) = OPEN.decode_call(tx.data)
    _demand(data_type == _ORDER_DATA_TYPE, "is of a type l2send does not know")
    (order,) = abi_decode_exact([_ORDER_DATA], order_data, "the order for Eco")
    destination, route_bytes, reward, route_portal, route_deadline, spends = order
    (route,) = abi_decode_exact([_ROUTE], route_bytes, "the route for Eco")
    _salt, deadline, portal, native_out, gives, calls = route
    refund_after, creator, prover, native_in, locks = reward
    source, target = registry.chain(tx.chain_id), registry.chain(ChainId(destination))
    _demand(len({fill_deadline, route_deadline, deadline, refund_after}) == 1, "carries several deadlines")
    _demand(route_portal == address_word(portal), "names two Portals")
    listed = source.settlers_of(bridge, EcoSettlers)
    _demand(listed is not None and checksum(prover) == listed.prover, "names a prover not in the registry")
    pays = _single(source, native_in, locks)
    _demand(tx.value == native_in, "carries another value than it locks")
    delivers = _single(target, native_out, gives)
    recipient = _recipient(delivers, calls)
    expected = (address_word(delivers.token.address or _NATIVE), delivers.units, bytes(32), destination)
    _demand(list(spends) == [expected], "announces another delivery than it makes")
    return Order(
        bridge=bridge,
        order_id=_order_id(destination, keccak(route_bytes), reward),
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
    _demand((native > 0) + len(tokens) == 1, f"moves not exactly one asset on {chain.name}")
    if native:
        return Amount(native, chain.native)
    ((address, units),) = tokens
    return Amount(units, chain.token(address))


def _recipient(delivers: Amount, calls: Any) -> Address:
    """Whom the route's only call pays `delivers`. Raises Refused if it does anything else."""
    _demand(len(calls) == 1, "makes more than one call")
    ((target, data, value),) = calls
    if delivers.token.address is None:
        _demand(data == b"" and value == delivers.units, "does not simply pay its recipient")
        return checksum(target)
    _demand(checksum(target) == delivers.token.address and value == 0, "calls something besides its token")
    to, units = TRANSFER.decode_call(data)
    _demand(units == delivers.units, "pays another amount than it takes from the solver")
    return checksum(to)


def _demand(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Refused(f"the order for Eco {otherwise}.")


def _reward_from(order: Order) -> tuple[Any, ...]:
    """The reward struct of an order, whose hash is part of its id."""
    native = order.pays.units if order.pays.token.address is None else 0
    locks = [] if native else [(order.pays.token.address, order.pays.units)]
    return (order.refund_after, order.sender, order.details["prover"], native, locks)


def _is_solver(claimant: bytes) -> bool:
    """Whether a solver stands for the order, so that the recipient was paid, and not nobody or its cancellation."""
    return any(claimant) and claimant[12:] != _CANCELLED[12:]


def _unfilled(order: Order, reward: int, origin_now: UnixTime, target_now: UnixTime) -> OrderStatus:
    if reward != _STATUS_FUNDED:
        detail = "the Portal holds nothing for this order."
        return OrderStatus(OrderState.NOT_OPEN, detail, chain_time=origin_now)
    if origin_now >= order.refund_after and target_now > order.fill_deadline:
        detail = "no solver filled it in time: the Portal gives the money back to whoever asks for the sender."
        return OrderStatus(OrderState.REFUND_DUE, detail, chain_time=origin_now)
    until = datetime.fromtimestamp(max(order.fill_deadline, order.refund_after), UTC)
    detail = f"a solver may fill it until {until:%Y-%m-%d %H:%M:%S} UTC; after that it can be refunded."
    return OrderStatus(OrderState.OPEN, detail, chain_time=origin_now)
