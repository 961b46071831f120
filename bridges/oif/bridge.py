"""OIF, the Open Intents Framework that LI.FI Intents runs: an escrow on the origin, an output settler on the
destination, and an oracle that carries the proof of a fill from one to the other.

The output settler keeps a record of each output it paid, under the order's id and the hash of the whole output:
oracle, settler, chain, token, amount, recipient. A record under our hash is our recipient's payment. It says who
was paid, not when: a solver may still pay, at its own loss, after the fill deadline.

The oracle decides who gets the money on the origin, so both of its ends are pinned by the registry like settlers.
What no oracle has proven by `expires` anybody can send back to the sender, filled or not; l2send asks for it only
where nothing was filled.

Source: openintentsframework/oif-contracts src/input/escrow/InputSettlerEscrow.sol,
src/input/types/{StandardOrderType,MandateOutputType}.sol, src/output/OutputSettlerBase.sol,
src/libs/MandateOutputEncodingLib.sol.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from typing import Any

from eth_hash.auto import keccak

from l2send.bridges import oif_quotes, settler_status
from l2send.bridges.erc7683 import emitted_open
from l2send.core.address import Address, checksum
from l2send.core.bridge import OrderState, OrderStatus
from l2send.core.calldata import Function, abi_decode_exact, abi_encode, address_word, event_topic
from l2send.core.chains import Chain, Registry
from l2send.core.effects import Effects, Opens, TakesBack
from l2send.core.errors import CannotPay, Refused
from l2send.core.plan import Order, Payment, Quote, Step, StepKind, UnsignedTx
from l2send.core.rpc import Call, Log, Rpc, Rpcs
from l2send.core.settlers import OifSettlers
from l2send.core.units import Amount, ChainId, Gas, Seconds, UnixTime, Wei

# oracle, settler, chain id, token, amount, recipient, callback data, context
_OUTPUT = "(bytes32,bytes32,uint256,bytes32,uint256,bytes32,bytes,bytes)"
# user, nonce, origin chain id, expires, fill deadline, input oracle, inputs, outputs
_ORDER = f"(address,uint256,uint256,uint32,uint32,address,uint256[2][],{_OUTPUT}[])"

_OPEN = Function(f"open({_ORDER})")
_REFUND = Function(f"refund({_ORDER})")
_ORDER_ID = Function(f"orderIdentifier({_ORDER})", "bytes32")
_ORDER_STATUS = Function("orderStatus(bytes32)", "uint8")
_FILL_RECORD = Function("getFillRecord(bytes32,bytes32)", "bytes32")
_OPEN_TOPIC = event_topic(f"Open(bytes32,{_ORDER})")
_FILLED_TOPIC = event_topic(f"OutputFilled(bytes32,bytes32,uint32,{_OUTPUT},uint256)")

_DEPOSITED, _CLAIMED, _REFUNDED = 1, 2, 3

_PROOF_TIME = Seconds(2 * 3600)
"""From the fill deadline to `expires`, for the oracle's message. An order with another gap is not one of l2send's."""
_REFUND_GAS = Gas(300_000)


class Oif:
    """Cross-chain payments through the Open Intents Framework. ERC-20 alone: its escrow takes no native coin."""

    def __init__(self, name: str = "oif") -> None:
        """`name` is that of its entries in the registry."""
        self.name = name

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """An order that delivers the payment exactly; None unless the registry names settlers, oracles and a price."""
        target = rpcs.registry.chain(payment.to.chain_id)
        here, there = (chain.settlers_of(self.name, OifSettlers) for chain in (source, target))
        if source is target or here is None or there is None or not oif_quotes.is_offered(here):
            return None
        if here.input_settler is None or there.output_settler is None:
            return None
        if held.token.is_native:
            raise CannotPay("the escrow of OIF takes tokens, and no native coin.")
        price = await oif_quotes.price_of(rpcs, here, here.input_settler, payment, held)
        now, target_now = await asyncio.gather(rpcs.on(source.chain_id).time(), rpcs.on(target.chain_id).time())
        deadline = oif_quotes.fill_deadline(price, now, target_now)
        tx = _open_tx(here, there, payment, price.pays, deadline)
        quote = await oif_quotes.make_quote(self, rpcs, payment, source, native, price, tx)
        assert quote.order is not None
        await _check_settlers(tx, quote.order, rpcs)
        return quote

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        """The order that `open` would lock money in, or the one whose `refund` is asked for. Raises Refused."""
        chain = registry.chain(tx.chain_id)
        if tx.data[:4] == _REFUND.selector and not tx.value:
            (fields,) = _REFUND.decode_call(tx.data)
            return TakesBack(_order_id(tx.to, fields), Amount(0, chain.native), tx.to)
        listed = chain.settlers_of(self.name, OifSettlers)
        if listed is None or tx.to != listed.input_settler:
            return None
        if tx.data[:4] == _OPEN.selector:
            _demand(not tx.value, "carries native coin, which the escrow does not take")
            (fields,) = _OPEN.decode_call(tx.data)
            return Opens(_decode(self.name, fields, tx, registry))
        raise Refused("the call of the OIF escrow is neither `open` nor `refund`.")

    async def status(self, order: Order, rpcs: Rpcs) -> OrderStatus:
        """Where the money is, by the settlers' own storage on both chains."""
        order_id = bytes.fromhex(order.order_id[2:])
        on_target = Call(order.destination_settler, _FILL_RECORD, (order_id, _output_hash(_fields_of(order)[7][0])))
        on_origin = Call(order.origin_settler, _ORDER_STATUS, (order_id,))
        seen = await settler_status.look(order, on_origin, on_target, rpcs)
        if isinstance(seen, OrderStatus):
            return seen
        if any(seen.target):
            topics = [_FILLED_TOPIC, order.order_id]
            rpc = rpcs.on(order.destination)
            return settler_status.filled(rpc, on_target, any, topics, lambda log: _pays(log, order))
        if seen.origin == _REFUNDED:
            return settler_status.refunded(rpcs.on(order.origin), on_origin, _REFUNDED)
        return _unfilled(order, seen, rpcs.registry)

    async def refund(self, order: Order, rpcs: Rpcs) -> Step | None:
        """The escrow's `refund` on the origin chain; anybody may send it, the money goes to the sender."""
        data = _REFUND.encode(_fields_of(order))
        return Step(StepKind.REFUND, UnsignedTx(order.origin, order.origin_settler, Wei(0), data), _REFUND_GAS)

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        """Whether the escrow emitted its `Open`, which is not ERC-7683's, with this order's id."""
        return emitted_open(receipt, order.origin_settler, order.order_id, _OPEN_TOPIC)

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        """Whether the escrow has a status for this id."""
        asked = Call(order.origin_settler, _ORDER_STATUS, (bytes.fromhex(order.order_id[2:]),))
        return await settler_status.stored(asked, bool)(origin, block)


def _open_tx(here: OifSettlers, there: OifSettlers, payment: Payment, pays: Amount, deadline: UnixTime) -> UnsignedTx:
    """The `open` that locks `pays` and delivers the payment, through the settlers of both chains."""
    assert pays.token.address
    assert payment.amount.token.address
    assert here.input_settler
    assert there.output_settler
    output = (
        address_word(there.oracle),
        address_word(there.output_settler),
        payment.to.chain_id,
        address_word(payment.amount.token.address),
        payment.amount.units,
        address_word(payment.to.address),
        b"",
        b"",
    )
    order = (
        payment.sender,
        secrets.randbits(256),
        pays.token.chain_id,
        deadline + _PROOF_TIME,
        deadline,
        here.oracle,
        [(int(pays.token.address, 16), pays.units)],
        [output],
    )
    return UnsignedTx(pays.token.chain_id, here.input_settler, Wei(0), _OPEN.encode(order))


def _decode(bridge: str, fields: tuple[Any, ...], tx: UnsignedTx, registry: Registry) -> Order:
    """The order in the argument of `open`. Whatever is not a plain payment is refused."""
    user, _nonce, origin, expires, deadline, input_oracle, inputs, outputs = fields
    source = registry.chain(tx.chain_id)
    _demand(origin == tx.chain_id, "is for another origin than the chain it is opened on")
    _demand(len(inputs) == 1 and len(outputs) == 1, "moves not exactly one asset")
    output_oracle, settler, destination, token_out, units_out, recipient, callback, context = outputs[0]
    target = registry.chain(ChainId(destination))
    here, there = (chain.settlers_of(bridge, OifSettlers) for chain in (source, target))
    oracles = (checksum(input_oracle), _account(output_oracle, "oracle"))
    if here is None or there is None or oracles != (here.oracle, there.oracle):
        raise Refused("the order for OIF names an oracle not in the registry.")
    _demand(_account(settler, "settler") == there.output_settler, "names a settler not in the registry")
    _demand(expires == deadline + _PROOF_TIME, "can be refunded at another time than l2send's orders")
    _demand(callback == b"", "calls its recipient")
    _demand(context == b"", "is an auction, or kept for one solver")
    ((token_in, units_in),) = inputs
    return Order(
        bridge=bridge,
        order_id=_order_id(tx.to, fields),
        origin=source.chain_id,
        origin_settler=tx.to,
        destination=target.chain_id,
        destination_settler=_account(settler, "settler"),
        sender=checksum(user),
        recipient=_account(recipient, "recipient"),
        pays=Amount(units_in, source.token(_account(token_in.to_bytes(32, "big"), "token"))),
        delivers=Amount(units_out, target.token(_account(token_out, "token"))),
        fill_deadline=UnixTime(deadline),
        refund_after=UnixTime(expires),
        details={"order": "0x" + abi_encode([_ORDER], [fields]).hex()},
    )


def _order_id(settler: Address, fields: tuple[Any, ...]) -> str:
    """The id by which the escrow holds the money. Source: StandardOrderType.orderIdentifier."""
    user, nonce, origin, expires, deadline, input_oracle, inputs, outputs = fields
    packed = (
        origin.to_bytes(32, "big"),
        bytes.fromhex(settler[2:]),
        bytes.fromhex(user[2:]),
        nonce.to_bytes(32, "big"),
        expires.to_bytes(4, "big"),
        deadline.to_bytes(4, "big"),
        bytes.fromhex(input_oracle[2:]),
        keccak(b"".join(number.to_bytes(32, "big") for pair in inputs for number in pair)),
        abi_encode([f"{_OUTPUT}[]"], [outputs]),
    )
    return "0x" + keccak(b"".join(packed)).hex()


def _output_hash(output: tuple[Any, ...]) -> bytes:
    """The key of a fill's record. Source: MandateOutputEncodingLib.getMandateOutputHash."""
    oracle, settler, chain_id, token, amount, recipient, callback, context = output
    numbers = chain_id.to_bytes(32, "big"), amount.to_bytes(32, "big")
    tail = b"".join(len(part).to_bytes(2, "big") + part for part in (callback, context))
    return bytes(keccak(oracle + settler + numbers[0] + token + numbers[1] + recipient + tail))


def _fields_of(order: Order) -> tuple[Any, ...]:
    """The StandardOrder that was opened. Raises Refused if what was kept of it is not this order."""
    kept = bytes.fromhex(order.details["order"][2:])
    (fields,) = abi_decode_exact([_ORDER], kept, "the order kept for OIF")
    _demand(_order_id(order.origin_settler, fields) == order.order_id, "that was kept does not match its id")
    found: tuple[Any, ...] = fields
    return found


def _account(word: bytes, what: str) -> Address:
    """The account in a bytes32. Raises Refused for one that is no EVM address."""
    _demand(not any(word[:12]), f"has a {what} that is no EVM account")
    return checksum(word[12:])


def _demand(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Refused(f"the order for OIF {otherwise}.")


async def _check_settlers(tx: UnsignedTx, order: Order, rpcs: Rpcs) -> None:
    """The escrow must compute the id that is tracked, and the output settler keep records. Raises Refused."""
    (fields,) = _OPEN.decode_call(tx.data)
    order_id = bytes.fromhex(order.order_id[2:])
    record = Call(order.destination_settler, _FILL_RECORD, (order_id, _output_hash(fields[7][0])))
    here, there = await asyncio.gather(
        rpcs.on(order.origin).aggregate([Call(tx.to, _ORDER_ID, (fields,))]),
        rpcs.on(order.destination).aggregate([record]),
    )
    if here.values != ((order_id,),):
        raise Refused("the OIF escrow understands the order in another way.")
    if there.values != ((bytes(32),),):
        raise Refused("the OIF output settler does not answer as one that has not filled this order.")


def _pays(log: Log, order: Order) -> bool:
    """Whether this OutputFilled is of our output, among others that anybody may fill under our id."""
    output = abi_encode([_OUTPUT], [_fields_of(order)[7][0]])[32:].hex()
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
        detail = "no solver filled it in time: the escrow gives the money back to whoever asks for the sender."
    elif seen.target_now > order.fill_deadline:
        detail = f"too late for a solver; {source} gives the money back from {back_at:%Y-%m-%d %H:%M:%S} UTC on."
    else:
        until = datetime.fromtimestamp(order.fill_deadline, UTC)
        detail = (
            f"a solver may fill it until {until:%Y-%m-%d %H:%M:%S} UTC; "
            f"after {back_at:%H:%M:%S} UTC it can be refunded."
        )
    return OrderStatus(state, detail, chain_time=seen.origin_now)
