"""Across: money is locked in the origin's SpokePool, and a relayer pays the recipient through the destination's. Across
itself refunds a deposit that was not filled by its deadline to the depositor.

An order's id is its relay hash, which commits to everything and is known before signing (deposit.py).
`fillStatuses(id)` on the destination's SpokePool is the fill; anyone can emit a FilledRelay event with a deposit's
number, so no event is trusted. The hash does not cover one thing: a depositor may sign a message that lets a relayer
pay less, or another account. l2send never signs it.

If the registry has a working origin settler, tokens are deposited by its ERC-7683 `open`. Across removed it from its
sources, so elsewhere, and for native coin, which `open` does not accept, the same deposit goes to the SpokePool itself.
`deposit` and `depositV3` are neither built nor signed: their id is the pool's next number, which another deposit may
take first, so the order's id would be unknown before signing.

Native coin travels as its wrapped token: a SpokePool wraps what it receives and unwraps it for an account without code.
A contract is paid the wrapped token, and a refund is the wrapped token too.

Source: across-protocol/contracts contracts/spoke-pools/SpokePool.sol; of 4.1.12 also erc7683/.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from l2send.bridges.across.api import AcrossPrice
from l2send.bridges.across.contracts import ContractState, Crossing, ask_contracts, crossing, fill_deadline, quoted_at
from l2send.bridges.across.deposit import (
    DEPOSITED_TOPIC,
    FILLED_TOPIC,
    UNSAFE_DEPOSIT,
    Deposit,
    decode_open,
    decode_unsafe_deposit,
    demand,
    deposited,
    filled_hash,
    new_nonce,
)
from l2send.bridges.across.integrator import split_integrator, with_integrator
from l2send.bridges.across.order import fill_status, order_of, refuse_other_ids
from l2send.bridges.across.price import delivery_of, price_of
from l2send.bridges.across.refunds import Settlement, is_settled, refund_of
from l2send.bridges.erc7683 import OPEN
from l2send.bridges.gas_costs import allowance
from l2send.bridges.quoting import Funding, SolverPrice, finish, refuse_unaffordable, with_notes
from l2send.bridges.settler_status import filled, head_of
from l2send.bridges.solver_price import is_priced
from l2send.core.bridge_protocol import ContractSenders, OrderState, OrderStatus, Proof, RefundAddress
from l2send.core.chains import Chain, Registry
from l2send.core.delegation import delegate_of
from l2send.core.effects import Effects, Opens
from l2send.core.errors import BadAnswer, NetworkError
from l2send.core.plan import Order, Payment, Quote, Step, UnsignedTx
from l2send.core.rpc import Rpc, Rpcs
from l2send.core.settlers import AcrossSettlers
from l2send.core.units import Amount, BlockNumber, Wei

_FILLED = 2


class Across:
    """Cross-chain payments through Across's SpokePools."""

    refunds_by_itself = True
    contract_senders = ContractSenders(
        True,
        RefundAddress.NAMED,
        "Across pays the depositor of an unfilled order back on the chain of the deposit, which is the account that "
        "made it; native coin comes back as its wrapped token.",
    )

    def __init__(self, name: str = "across") -> None:
        """`name` is that of its entries in the registry."""
        self.name = name

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """A deposit on `source` that delivers the payment exactly, built here at the quoted price."""
        way = crossing(self.name, source, rpcs.registry.chain(payment.to.chain_id), held.token, payment.amount.token)
        listed = source.settlers_of(self.name, AcrossSettlers)
        if way is None or listed is None or not is_priced(listed):
            return None
        funding = Funding(payment, source, held, native)
        spender = way.settler or way.pool
        price, state, code, allowed = await asyncio.gather(
            price_of(listed, delivery_of(funding, way), rpcs.http),
            ask_contracts(way, rpcs, payment.amount.token),
            rpcs.on(way.target.chain_id).code(payment.to.address),
            allowance(rpcs.on(source.chain_id), payment.sender, spender, held.token),
        )
        pays = Amount(price.input_units, held.token)
        refuse_unaffordable(pays, funding)
        tx = with_integrator(_deposit_tx(payment, way, price, state))
        solver = SolverPrice(pays, price.duration, allowed=allowed if tx.to == spender else None)
        quote = await finish(
            self, funding, solver, tx, state.origin_now, rpcs, lambda order: [refuse_other_ids(order, rpcs)]
        )
        assert quote.order is not None
        return with_notes(quote, *_notes(quote.order, code, way))

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        """The order in which a deposit locks money. Raises Refused for any other call of these contracts."""
        listed = registry.chain(tx.chain_id).settlers_of(self.name, AcrossSettlers)
        if listed is None:
            return None
        data, integrator = split_integrator(tx.data)
        if tx.to == listed.origin_settler:
            demand(data[:4] == OPEN.selector, "calls something besides `open` on the origin settler")
            order = self._order(tx, decode_open(tx.chain_id, data), None, registry)
        elif tx.to == listed.spoke_pool:
            demand(data[:4] == UNSAFE_DEPOSIT.selector, "calls something besides `unsafeDeposit` on the SpokePool")
            order = self._order(tx, *decode_unsafe_deposit(tx.chain_id, data), registry)
        else:
            return None
        return Opens(replace(order, details=order.details | {"integrator": integrator}) if integrator else order)

    def _order(self, tx: UnsignedTx, deposit: Deposit, quoted_at: int | None, registry: Registry) -> Order:
        order = order_of(self.name, tx.to, deposit, quoted_at, registry)
        value = order.pays.units if order.pays.token.is_native else 0
        demand(tx.value == value, "carries another value than it deposits")
        return order

    async def status(self, order: Order, rpcs: Rpcs) -> OrderStatus:
        """The order's state: the fill by the destination's storage, deadlines by both clocks."""
        origin, target = rpcs.on(order.origin), rpcs.on(order.destination)
        try:
            clock, fill, head = await asyncio.gather(
                origin.aggregate([]), target.aggregate([fill_status(order)]), head_of(target)
            )
        except NetworkError as error:
            return OrderStatus(OrderState.UNKNOWN, f"a chain could not be asked: {error.message}")
        if fill.values[0] is None:
            return OrderStatus(OrderState.UNKNOWN, f"the SpokePool of {target.chain.name} did not answer.")
        if fill.values[0][0] == _FILLED:
            return _filled(order, target, head)
        if clock.timestamp < order.refund_after or fill.timestamp <= order.fill_deadline:
            until = datetime.fromtimestamp(order.fill_deadline, UTC)
            detail = f"a relayer may fill it until {until:%Y-%m-%d %H:%M:%S} UTC; after that Across pays it back."
            return OrderStatus(OrderState.OPEN, detail)
        return await _expired(order, rpcs)

    async def refund(self, order: Order, rpcs: Rpcs) -> Step | None:
        """None: Across refunds by itself; `status` says who acts and when."""
        return None

    def opened(self, order: Order, receipt: dict[str, Any]) -> bool:
        """Whether the origin's SpokePool emitted FundsDeposited for exactly this relay hash.

        The SpokePool emits it for deposits through the settler too. The settler's `Open` has another id, and its topic
        is not that of ERC-7683 v1 (its chain id is a uint64).
        """
        if receipt.get("status") != "0x1":
            return False
        pool = order.details["spoke_pool"].lower()
        mine = (log for log in receipt.get("logs", []) if str(log.get("address", "")).lower() == pool)
        return any(_is(DEPOSITED_TOPIC, log) and _hash_of(log, order) == order.order_id for log in mine)

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        """False: a SpokePool keeps no record of deposits. The id has its caller, so only the sender can open it."""
        return False


_WHO_REFUNDS = (
    "Across pays the money back to its sender on the origin chain with one of its next settlements, usually "
    "within hours. You have nothing to sign."
)


def _deposit_tx(payment: Payment, way: Crossing, price: AcrossPrice, state: ContractState) -> UnsignedTx:
    """The transaction that locks the deposit on the origin and delivers the payment on the destination."""
    native = payment.amount.token.is_native
    deposit = Deposit(
        origin=way.source.chain_id,
        destination=way.target.chain_id,
        depositor=payment.sender,
        recipient=payment.to.address,
        input_token=way.input_token,
        input_units=price.input_units,
        output_token=way.output_token,
        output_units=payment.amount.units,
        nonce=new_nonce(payment.sender),
        fill_deadline=fill_deadline(price.deadline, state),
    )
    if way.settler and state.settler_works and not native:
        return UnsignedTx(way.source.chain_id, way.settler, Wei(0), deposit.open())
    data = deposit.unsafe_deposit(quoted_at(price.quoted_at, state))
    return UnsignedTx(way.source.chain_id, way.pool, Wei(deposit.input_units if native else 0), data)


def _notes(order: Order, code: bytes, way: Crossing) -> tuple[str, ...]:
    """Notes about native coin on Across, and about which account makes the deposit."""
    counted = order.details.get("integrator")
    whose = (f"Across counts it for the integrator {counted}",) if counted else ()
    if not order.pays.token.is_native:
        return whose
    coin, other = way.source.native.symbol, way.target.native.symbol
    notes = [f"if it is not filled, Across pays it back as W{coin}", *whose]
    if code and not delegate_of(code):  # SpokePools pay a delegated account like one without code.
        notes.insert(0, f"the recipient is a contract: Across pays it W{other}, not {other}")
    return tuple(notes)


def _filled(order: Order, rpc: Rpc, head: BlockNumber | None) -> OrderStatus:
    """Filled, by the destination's storage; its transaction by the event with the complete relay hash."""
    ids = (order.origin, int(order.details["deposit_id"]))
    topics = [FILLED_TOPIC, *("0x" + number.to_bytes(32, "big").hex() for number in ids)]

    def is_ours(log: dict[str, Any]) -> bool:
        return filled_hash(order.destination, log) == order.order_id

    return filled(rpc, fill_status(order), _FILLED.__eq__, topics, is_ours, head)


async def _expired(order: Order, rpcs: Rpcs) -> OrderStatus:
    """Too late for a fill: refunded only if the origin's settlement proves it, and the destination shows no fill."""
    coin = f" as W{order.pays.token.symbol}" if order.pays.token.is_native else ""
    try:
        settlement = await refund_of(order, rpcs)
    except NetworkError as error:
        unseen = f" {rpcs.on(order.origin).chain.name} could not be searched for it: {error.message}"
        return OrderStatus(OrderState.REFUND_DUE, f"no relayer filled it in time; {_WHO_REFUNDS}{unseen}")
    if not settlement:
        return OrderStatus(OrderState.REFUND_DUE, f"no relayer filled it in time; {_WHO_REFUNDS}")
    detail = f"the money is back with the sender{coin}: Across paid it in {settlement.tx_hash}."
    return OrderStatus(OrderState.REFUNDED, detail, proofs=_refund_proofs(order, settlement))


def _refund_proofs(order: Order, settlement: Settlement) -> tuple[Proof, ...]:
    """Proofs that the destination has no fill and accepts none any more, and that the origin has the settlement."""

    async def never_filled(one: Rpc, block: str) -> bool:
        seen = await one.aggregate([fill_status(order)], block)
        if seen.values[0] is None:
            raise BadAnswer(f"the SpokePool of {one.chain.name} did not answer.")
        return bool(seen.values[0][0] != _FILLED and seen.timestamp > order.fill_deadline)

    async def settled(one: Rpc, block: str) -> bool:
        return await is_settled(order, settlement, one, block)

    return Proof(order.destination, never_filled), Proof(order.origin, settled)


def _is(topic: str, log: dict[str, Any]) -> bool:
    return bool(log.get("topics", [])[:1] == [topic])


def _hash_of(log: dict[str, Any], order: Order) -> str:
    try:
        return deposited(order.origin, log).relay_hash
    except BadAnswer:
        return ""
