"""Eco Portal, an ERC-7683 v1 settler. `open` locks the money in the order's vault on the origin, and a solver pays the
recipient through the destination's Portal. Anyone can have an order that was not filled by its deadline refunded to the
sender.

`claimants(id)` on the destination's Portal is set only by a fill, and the id commits to the call that pays the
recipient (order.py): no event needs to be trusted.

Source: eco/eco-routes contracts/{IntentSource,Inbox}.sol, and for the Portal of 2.12 its proven-cancellation-design.md,
revised 2026-09-28.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from eth_hash.auto import keccak

from l2send.bridges.eco.order import REWARD, decode_open, demand, open_tx, order_id_of, reward_of
from l2send.bridges.eco.quote_api import ask_price
from l2send.bridges.erc7683 import OPEN, RESOLVE, emitted_open
from l2send.bridges.gas_costs import allowance
from l2send.bridges.quoting import Funding, SolverPrice, finish, refuse_unaffordable
from l2send.bridges.settler_status import filled, look, refunded, stored
from l2send.core.bridge_protocol import ContractSenders, OrderState, OrderStatus, RefundAddress
from l2send.core.calldata import Function, event_topic
from l2send.core.chains import Chain, Registry
from l2send.core.effects import Effects, Opens, RefundsOrder
from l2send.core.errors import Refused
from l2send.core.plan import Order, Payment, Quote, Step, StepKind, UnsignedTx
from l2send.core.rpc import Call, Rpc, Rpcs
from l2send.core.settlers import EcoSettlers
from l2send.core.units import Amount, Gas, Seconds, UnixTime, Wei

_REFUND = Function(f"refund(uint64,bytes32,{REWARD})")
_CLAIMANTS = Function("claimants(bytes32)", "bytes32")
_REWARD_STATUS = Function("getRewardStatus(bytes32)", "uint8")
FULFILLED_TOPIC = event_topic("IntentFulfilled(bytes32,bytes32)")

_STATUS_INITIAL, _STATUS_FUNDED, _STATUS_REFUNDED = 0, 1, 3
_CANCELLED = keccak(b"eco.portal.intent.cancelled")
"""A Portal of 2.12 stores its low 20 bytes in place of a solver once an order that was not filled in time is cancelled.
Until 2026-09-28 its design used all 32. No key has such an address, and a fill there may not name it."""

_MIN_FILL_TIME = Seconds(30)
_MAX_FILL_TIME = Seconds(2 * 3600)
_REFUND_GAS = Gas(300_000)


class Eco:
    """Cross-chain payments through Eco's Portal."""

    refunds_by_itself = False
    contract_senders = ContractSenders(
        True,
        RefundAddress.NAMED,
        "the Portal refunds the creator that the order names, which is the sender; anyone can ask for that on the "
        "chain where it was opened.",
    )

    def __init__(self, name: str = "eco") -> None:
        """`name` is that of its entries in the registry."""
        self.name = name

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """An order from `source` that delivers the payment exactly, built here at the API's price."""
        target = rpcs.registry.chain(payment.to.chain_id)
        here, there = (chain.settlers_of(self.name, EcoSettlers) for chain in (source, target))
        if source is target or here is None or there is None or not (here.prover and here.quote_api):
            return None
        rpc = rpcs.on(source.chain_id)
        price, allowed = await asyncio.gather(
            ask_price(here, there, rpcs, payment, held.token),
            allowance(rpc, payment.sender, here.portal, held.token),
        )
        funding, pays = Funding(payment, source, held, native), Amount(price.source_units, held.token)
        refuse_unaffordable(pays, funding)
        now, target_now = await asyncio.gather(rpc.recent_time(), rpcs.on(target.chain_id).recent_time())
        tx = open_tx(here, there, payment, pays, _deadline(price.deadline, now, target_now))
        solver = SolverPrice(pays, price.duration, allowed=allowed)
        return await finish(self, funding, solver, tx, now, rpcs, lambda order: [_refuse_other_id(tx, order, rpc)])

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        """The order in which `open` locks money, or the refund that it requests. Raises Refused."""
        chain = registry.chain(tx.chain_id)
        if tx.data[:4] == _REFUND.selector and not tx.value:
            order_id = order_id_of(*_REFUND.decode_call(tx.data))
            return RefundsOrder(order_id, Amount(0, chain.native), tx.to)
        listed = chain.settlers_of(self.name, EcoSettlers)
        if listed is None or tx.to != listed.portal:
            return None
        if tx.data[:4] == OPEN.selector:
            return Opens(decode_open(self.name, tx, registry))
        raise Refused("the call of Eco's Portal is neither `open` nor `refund`.")

    async def status(self, order: Order, rpcs: Rpcs) -> OrderStatus:
        """The order's state, by the Portals' storage on both chains, read at the same time."""
        order_id = bytes.fromhex(order.order_id[2:])
        locked = Call(order.origin_settler, _REWARD_STATUS, (order_id,))
        claimed = Call(order.destination_settler, _CLAIMANTS, (order_id,))
        seen = await look(order, locked, claimed, rpcs)
        if isinstance(seen, OrderStatus):
            return seen
        if _is_solver(seen.target):
            topics = [FULFILLED_TOPIC, order.order_id]
            return filled(rpcs.on(order.destination), claimed, _is_solver, topics, lambda _: True, seen.target_head)
        if seen.origin == _STATUS_REFUNDED:
            return refunded(rpcs.on(order.origin), locked, _STATUS_REFUNDED)
        return _unfilled(order, seen.origin, seen.origin_now, seen.target_now)

    async def refund(self, order: Order, rpcs: Rpcs) -> Step | None:
        """The Portal's `refund` on the origin chain; anyone may send it, the sender gets the money."""
        reward = reward_of(order)
        route_hash = keccak(bytes.fromhex(order.details["route"][2:]))
        data = _REFUND.encode(order.destination, route_hash, reward)
        return Step(StepKind.REFUND, UnsignedTx(order.origin, order.origin_settler, Wei(0), data), _REFUND_GAS)

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        """Whether the origin's Portal emitted `Open` with this order's id."""
        return emitted_open(receipt, order.origin_settler, order.order_id)

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        """Whether the Portal has a reward for this id: funded, withdrawn or refunded."""
        locked = Call(order.origin_settler, _REWARD_STATUS, (bytes.fromhex(order.order_id[2:]),))
        return await stored(locked, lambda status: status != _STATUS_INITIAL)(origin, block)


async def _refuse_other_id(tx: UnsignedTx, order: Order, rpc: Rpc) -> None:
    """The Portal must compute the id that l2send follows; it commits to the whole order.

    Raises Refused, NetworkError. Source: IOriginSettler.resolve.
    """
    (resolved,) = await rpc.eth_call(Call(tx.to, RESOLVE, OPEN.decode_call(tx.data)), sender=order.sender)
    order_id = resolved[4]
    demand("0x" + order_id.hex() == order.order_id, "would be opened under another id than l2send would follow")


def _deadline(quoted: UnixTime, origin_now: UnixTime, target_now: UnixTime) -> UnixTime:
    """One deadline for fill and refund, judged by the chains' clocks. Raises Refused."""
    now = max(origin_now, target_now)
    deadline = min(quoted, now + _MAX_FILL_TIME)
    if deadline < now + _MIN_FILL_TIME:
        raise Refused("Eco's quote leaves a solver no time to fill it.")
    return UnixTime(deadline)


def _is_solver(claimant: bytes) -> bool:
    """Whether `claimants` names a solver, so the recipient was paid: neither zero nor the mark of a cancelled order."""
    return any(claimant) and claimant[12:] != _CANCELLED[12:]


def _unfilled(order: Order, reward: int, origin_now: UnixTime, target_now: UnixTime) -> OrderStatus:
    if reward != _STATUS_FUNDED:
        detail = "the Portal holds nothing for this order."
        return OrderStatus(OrderState.NOT_OPEN, detail)
    if origin_now >= order.refund_after and target_now > order.fill_deadline:
        detail = "no solver filled it in time: the Portal gives the money back to its sender on request."
        return OrderStatus(OrderState.REFUND_DUE, detail)
    until = datetime.fromtimestamp(max(order.fill_deadline, order.refund_after), UTC)
    detail = f"a solver may fill it until {until:%Y-%m-%d %H:%M:%S} UTC; after that it can be refunded."
    return OrderStatus(OrderState.OPEN, detail)
