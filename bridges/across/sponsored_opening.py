"""Checks whether a sponsor opened a signed order, by the origin's state; the sponsor is not trusted.

An opening uses Permit2's nonce; the SpokePool's event with the order's relay hash shows which order it opened.

Source: Uniswap/permit2 SignatureTransfer (nonceBitmap); across-protocol/contracts SpokePool.sol (FundsDeposited).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from l2send.bridges.across.deposit import DEPOSITED_TOPIC, deposited
from l2send.core.address import Address, checksum
from l2send.core.bridge_protocol import Opening, OpeningState, Proof
from l2send.core.calldata import ALLOWANCE, address_word
from l2send.core.effects import PERMIT2, OpensBySignature
from l2send.core.endpoint_agreement import confirmed_head
from l2send.core.errors import BadAnswer, NetworkError
from l2send.core.first_block import first_block_above
from l2send.core.permit import is_used, nonce_call
from l2send.core.plan import Order, Sponsored
from l2send.core.rpc import Call, Rpc, Rpcs, quantity
from l2send.core.text import clean
from l2send.core.units import Amount, BlockNumber, UnixTime

_REORGANISED = 64
"""How many blocks an opening may be below its quote's head: two epochs, after which Ethereum itself is final."""
_MOST_BLOCKS = 900_000
"""Blocks searched for an opening, from the first that can hold it."""


@dataclass(frozen=True, slots=True)
class _NonceSight:
    """The state of Permit2's nonce for an order."""

    used: bool
    """As of the head."""
    used_for_good: bool
    """Used, with the chain's number of confirmations."""
    too_late: bool
    """Unused, and past the deadline with the chain's number of confirmations."""


async def look_at_opening(order: Order, sponsored: Sponsored, rpcs: Rpcs) -> Opening:
    """Whether the order was opened, or can never be. Raises NetworkError."""
    opens, rpc = _as_signed(order, sponsored), rpcs.on(order.origin)
    seen = await _look_at_nonce(rpc, opens)
    if seen.too_late:
        used_elsewhere = await _sees_it_used(rpc, opens)
        if used_elsewhere is None:
            asked = Call(Address(order.details["input_token"]), ALLOWANCE, (order.sender, PERMIT2))
            (left,) = await rpc.eth_call(asked)
            words = _what_is_left(Amount(left, order.pays.token))
            return Opening(OpeningState.TOO_LATE, detail=words, proof=_too_late_proof(opens))
        rpc, seen = used_elsewhere
    if not seen.used:
        return Opening(OpeningState.WAITING)
    found = await _find_deposit(opens, sponsored.since, rpc)
    return found or Opening(OpeningState.USED_UP if seen.used_for_good else OpeningState.WAITING)


def _as_signed(order: Order, sponsored: Sponsored) -> OpensBySignature:
    """The effect of the last message as approved: the registry may name other settlers now."""
    data = sponsored.messages[-1].data
    nonce, deadline = (int(data.message["witness"][name]) for name in ("nonce", "openDeadline"))
    return OpensBySignature(order, checksum(data.domain["verifyingContract"]), nonce, UnixTime(deadline))


async def _look_at_nonce(rpc: Rpc, opens: OpensBySignature) -> _NonceSight:
    """The nonce's state by the endpoints of `rpc`, without proof. Raises NetworkError."""
    asked = [nonce_call(opens.order.sender, opens.nonce)]
    deep = confirmed_head(rpc.chain, await rpc.block_number())
    now, then = await asyncio.gather(rpc.aggregate(asked), rpc.aggregate(asked, hex(deep)))
    if now.values[0] is None or then.values[0] is None:
        raise BadAnswer(f"Permit2 does not answer on {rpc.chain.name}.")
    used, used_for_good = is_used(now.values[0][0], opens.nonce), is_used(then.values[0][0], opens.nonce)
    too_late = then.timestamp > opens.open_deadline and not used and not used_for_good
    return _NonceSight(used, used_for_good, too_late)


async def _sees_it_used(rpc: Rpc, opens: OpensBySignature) -> tuple[Rpc, _NonceSight] | None:
    """The first endpoint that shows the nonce as used, and its view."""
    for endpoint in rpc.each():
        try:
            seen = await _look_at_nonce(endpoint, opens)
        except NetworkError:
            continue
        if seen.used:
            return endpoint, seen
    return None


def _too_late_proof(opens: OpensBySignature) -> Proof:
    """At a block, the deadline is past and the nonce unused; and at the head it is still unused."""

    async def shows(one: Rpc, block: str) -> bool:
        asked = [nonce_call(opens.order.sender, opens.nonce)]
        then, now = await asyncio.gather(one.aggregate(asked, block), one.aggregate(asked))
        if then.values[0] is None or now.values[0] is None:
            raise BadAnswer(f"Permit2 does not answer on {one.chain.name}.")
        used = is_used(then.values[0][0], opens.nonce) or is_used(now.values[0][0], opens.nonce)
        return then.timestamp > opens.open_deadline and not used

    return Proof(opens.order.origin, shows)


async def _find_deposit(opens: OpensBySignature, since: BlockNumber, rpc: Rpc) -> Opening | None:
    """The deposit with this relay hash, in any transaction, once its nonce is used. Raises NetworkError."""
    order = opens.order
    ids = [order.destination.to_bytes(32, "big"), int(order.details["deposit_id"]).to_bytes(32, "big")]
    topics = [DEPOSITED_TOPIC, *("0x" + word.hex() for word in (*ids, address_word(order.sender)))]
    query = {"address": order.details["spoke_pool"], "topics": topics}
    head, lowest = await rpc.block_number(), max(0, since - _REORGANISED)
    try:
        return await _deposit_between(order, query, lowest, min(head, lowest + _MOST_BLOCKS), rpc)
    except NetworkError:
        # Some nodes return logs of only ten blocks per request: too few to search, but enough for the known block.
        block = await first_block_above(lambda number: _used_at(opens, number, rpc), 0, head)
        if block is None:
            raise
        return await _deposit_between(order, query, block, block, rpc)


async def _used_at(opens: OpensBySignature, block: int, rpc: Rpc) -> int:
    """1 if the nonce is used at a block, else 0. Raises NetworkError."""
    (answer,) = (await rpc.aggregate([nonce_call(opens.order.sender, opens.nonce)], hex(block))).values
    if answer is None:
        raise BadAnswer(f"Permit2 does not answer on {rpc.chain.name}.")
    return int(is_used(answer[0], opens.nonce))


async def _deposit_between(order: Order, query: dict[str, Any], first: int, last: int, rpc: Rpc) -> Opening | None:
    async for logs in rpc.logs_between(query, first, last):
        for log in logs:
            if deposited(order.origin, log).relay_hash == order.order_id:
                block = BlockNumber(quantity(log.get("blockNumber"), "blockNumber"))
                return Opening(OpeningState.OPENED, clean(log.get("transactionHash", ""), 66), block)
    return None


def _what_is_left(allowed: Amount) -> str:
    if not allowed.units:
        return "Permit2 may take nothing"
    return f"Permit2 may take {allowed}, but only by another signature of yours"
