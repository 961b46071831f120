"""OIF, the Open Intents Framework used by LI.FI Intents: an escrow on the origin, an output settler on the destination,
and an oracle that carries the proof of a fill between them.

The output settler keeps a record of each output it paid, under the order's id and the hash of the whole output: oracle,
settler, chain, token, amount, recipient. A record under our hash proves our recipient's payment. It proves who was
paid, not when: a solver may still pay after the fill deadline, at its own loss.

The oracle decides who gets the money on the origin, so both of its ends are pinned by the registry like settlers. After
`expires`, anyone can have an order that no oracle has proved refunded to the sender, filled or not; l2send requests
that only if nothing was filled.

Source: openintentsframework/oif-contracts src/input/escrow/InputSettlerEscrow.sol, src/output/OutputSettlerBase.sol.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from l2send.bridges import settler_status
from l2send.bridges.erc7683 import emitted_open
from l2send.bridges.gas_costs import allowance
from l2send.bridges.oif.order import OPEN, ORDER, OUTPUT, decode_open, fields_of, open_tx, order_id_of, output_hash
from l2send.bridges.quoting import Funding, finish
from l2send.bridges.solver_price import fill_deadline, is_priced, solver_price
from l2send.core.bridge_protocol import ContractSenders, OrderState, OrderStatus, RefundAddress
from l2send.core.calldata import Function, abi_encode, event_topic
from l2send.core.chains import Chain, Registry
from l2send.core.effects import Effects, Opens, RefundsOrder
from l2send.core.errors import CannotPay, Refused
from l2send.core.plan import Order, Payment, Quote, Step, StepKind, UnsignedTx
from l2send.core.rpc import Call, Log, Rpc, Rpcs
from l2send.core.settlers import OifSettlers
from l2send.core.units import Amount, Gas, Wei

REFUND = Function(f"refund({ORDER})")
_ORDER_ID = Function(f"orderIdentifier({ORDER})", "bytes32")
_ORDER_STATUS = Function("orderStatus(bytes32)", "uint8")
_FILL_RECORD = Function("getFillRecord(bytes32,bytes32)", "bytes32")
OPEN_TOPIC = event_topic(f"Open(bytes32,{ORDER})")
FILLED_TOPIC = event_topic(f"OutputFilled(bytes32,bytes32,uint32,{OUTPUT},uint256)")

_DEPOSITED, _CLAIMED, _REFUNDED = 1, 2, 3
_REFUND_GAS = Gas(300_000)


class Oif:
    """Cross-chain payments through the Open Intents Framework. Only ERC-20: its escrow accepts no native coin."""

    refunds_by_itself = False
    contract_senders = ContractSenders(
        True,
        RefundAddress.NAMED,
        "the escrow refunds the account that the order names, which is the sender; anyone can ask for that on the "
        "chain where it was opened.",
    )

    def __init__(self, name: str = "oif") -> None:
        """`name` is that of its entries in the registry."""
        self.name = name

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """An order that delivers the payment exactly; None unless the registry names settlers, oracles and a price."""
        target = rpcs.registry.chain(payment.to.chain_id)
        here, there = (chain.settlers_of(self.name, OifSettlers) for chain in (source, target))
        if source is target or here is None or there is None or not is_priced(here):
            return None
        if here.input_settler is None or there.output_settler is None:
            return None
        if held.token.is_native:
            raise CannotPay("the escrow of OIF takes tokens, and no native coin.")
        funding = Funding(payment, source, held, native)
        rpc = rpcs.on(source.chain_id)
        price, now, target_now, allowed = await asyncio.gather(
            solver_price(here, here.input_settler, funding, rpcs),
            rpc.recent_time(),
            rpcs.on(target.chain_id).recent_time(),
            allowance(rpc, payment.sender, here.input_settler, held.token),
        )
        price = replace(price, allowed=allowed)
        tx = open_tx(here, there, payment, price.pays, fill_deadline(price, now, target_now))
        return await finish(
            self, funding, price, tx, now, rpcs, lambda order: [_refuse_other_settlers(tx, order, rpcs)]
        )

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        """The order in which `open` locks money, or the one whose `refund` is requested. Raises Refused."""
        chain = registry.chain(tx.chain_id)
        if tx.data[:4] == REFUND.selector and not tx.value:
            (fields,) = REFUND.decode_call(tx.data)
            return RefundsOrder(order_id_of(tx.to, fields), Amount(0, chain.native), tx.to)
        listed = chain.settlers_of(self.name, OifSettlers)
        if listed is None or tx.to != listed.input_settler:
            return None
        if tx.data[:4] == OPEN.selector:
            return Opens(decode_open(self.name, tx, registry))
        raise Refused("the call of the OIF escrow is neither `open` nor `refund`.")

    async def status(self, order: Order, rpcs: Rpcs) -> OrderStatus:
        """The order's state, by the settlers' own storage on both chains."""
        order_id = bytes.fromhex(order.order_id[2:])
        on_target = Call(order.destination_settler, _FILL_RECORD, (order_id, output_hash(fields_of(order)[7][0])))
        on_origin = Call(order.origin_settler, _ORDER_STATUS, (order_id,))
        seen = await settler_status.look(order, on_origin, on_target, rpcs)
        if isinstance(seen, OrderStatus):
            return seen
        if any(seen.target):
            topics = [FILLED_TOPIC, order.order_id]
            rpc = rpcs.on(order.destination)
            ours = partial(_pays, order=order)
            return settler_status.filled(rpc, on_target, any, topics, ours, seen.target_head)
        if seen.origin == _REFUNDED:
            return settler_status.refunded(rpcs.on(order.origin), on_origin, _REFUNDED)
        return _unfilled(order, seen, rpcs.registry)

    async def refund(self, order: Order, rpcs: Rpcs) -> Step | None:
        """The escrow's `refund` on the origin chain; anyone may send it, the sender gets the money."""
        data = REFUND.encode(fields_of(order))
        return Step(StepKind.REFUND, UnsignedTx(order.origin, order.origin_settler, Wei(0), data), _REFUND_GAS)

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        """Whether the escrow emitted its own `Open`, which differs from ERC-7683's, with this order's id."""
        return emitted_open(receipt, order.origin_settler, order.order_id, OPEN_TOPIC)

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        """Whether the escrow has a status for this id."""
        asked = Call(order.origin_settler, _ORDER_STATUS, (bytes.fromhex(order.order_id[2:]),))
        return await settler_status.stored(asked, bool)(origin, block)


async def _refuse_other_settlers(tx: UnsignedTx, order: Order, rpcs: Rpcs) -> None:
    """The escrow must compute the id that l2send follows, and the output settler must keep records. Raises Refused."""
    (fields,) = OPEN.decode_call(tx.data)
    order_id = bytes.fromhex(order.order_id[2:])
    record = Call(order.destination_settler, _FILL_RECORD, (order_id, output_hash(fields[7][0])))
    here, there = await asyncio.gather(
        rpcs.on(order.origin).aggregate([Call(tx.to, _ORDER_ID, (fields,))]),
        rpcs.on(order.destination).aggregate([record]),
    )
    if here.values != ((order_id,),):
        raise Refused("the OIF escrow understands the order in another way.")
    if there.values != ((bytes(32),),):
        raise Refused("the OIF output settler does not answer as one that has not filled this order.")


def _pays(log: Log, order: Order) -> bool:
    """Whether this OutputFilled is of our output: anyone may fill other outputs under our id."""
    output = abi_encode([OUTPUT], [fields_of(order)[7][0]])[32:].hex()
    return output in str(log.get("data", ""))


def _unfilled(order: Order, seen: settler_status.Seen, registry: Registry) -> OrderStatus:
    source = registry.chain(order.origin).name
    back_at = datetime.fromtimestamp(order.refund_after, UTC)
    state, detail = OrderState.OPEN, ""
    if seen.origin == _CLAIMED:
        state, detail = OrderState.UNKNOWN, f"a solver was paid on {source}, and the destination shows no fill yet."
    elif seen.origin != _DEPOSITED:
        state, detail = OrderState.NOT_OPEN, "the escrow holds nothing for this order."
    elif seen.origin_now > order.refund_after:
        state = OrderState.REFUND_DUE
        detail = "no solver filled it in time: the escrow gives the money back to its sender on request."
    elif seen.target_now > order.fill_deadline:
        detail = f"too late for a solver; {source} gives the money back from {back_at:%Y-%m-%d %H:%M:%S} UTC on."
    else:
        until = datetime.fromtimestamp(order.fill_deadline, UTC)
        detail = (
            f"a solver may fill it until {until:%Y-%m-%d %H:%M:%S} UTC; "
            f"after {back_at:%Y-%m-%d %H:%M:%S} UTC it can be refunded."
        )
    return OrderStatus(state, detail)
