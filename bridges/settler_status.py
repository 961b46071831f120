"""Checks whether an order was filled or refunded, by the storage of two chains. Events are only hints."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from l2send.core.bridge_protocol import OrderState, OrderStatus, Proof
from l2send.core.errors import BadAnswer, NetworkError
from l2send.core.plan import Order
from l2send.core.rpc import Call, Log, Rpc, Rpcs
from l2send.core.text import clean
from l2send.core.units import BlockNumber, UnixTime

_MOST_BLOCKS = 180_000
"""Blocks searched for the event of a fill, back from the head."""
_MOST_STRETCHES = 40
"""Log requests, each of as many blocks as the node accepts."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The settlers' values for an order on both chains, and both clocks."""

    origin: Any
    target: Any
    origin_now: UnixTime
    target_now: UnixTime
    target_head: BlockNumber | None
    """The destination's newest block, from which the fill's event is searched; None if unknown."""


async def look(order: Order, on_origin: Call, on_target: Call, rpcs: Rpcs) -> Seen | OrderStatus:
    """Both values, read at the same time; UNKNOWN with the reason if a chain or a settler does not answer."""
    origin, target = rpcs.on(order.origin), rpcs.on(order.destination)
    held, filled, head = await asyncio.gather(
        origin.aggregate([on_origin]), target.aggregate([on_target]), head_of(target), return_exceptions=True
    )
    for answer, rpc in ((filled, target), (held, origin)):
        if isinstance(answer, NetworkError):
            return silent(rpc, answer)
        if isinstance(answer, BaseException):
            raise answer
    assert not isinstance(held, BaseException)
    assert not isinstance(filled, BaseException)
    assert not isinstance(head, BaseException)
    if not held.values[0] or not filled.values[0]:
        return OrderStatus(OrderState.UNKNOWN, "a settler did not answer for this order.")
    return Seen(held.values[0][0], filled.values[0][0], held.timestamp, filled.timestamp, head)


async def head_of(rpc: Rpc) -> BlockNumber | None:
    """The newest block, requested beside the fill's status, so that its event is found without another round trip."""
    try:
        return await rpc.block_number()
    except NetworkError:
        return None


def silent(rpc: Rpc, error: NetworkError) -> OrderStatus:
    """UNKNOWN: a chain that does not answer has not denied a payment."""
    return OrderStatus(OrderState.UNKNOWN, f"{rpc.chain.name} could not be asked: {error.message}")


def filled(
    rpc: Rpc,
    call: Call,
    is_filled: Callable[[Any], bool],
    topics: list[str],
    is_ours: Callable[[Log], bool],
    head: BlockNumber | None = None,
) -> OrderStatus:
    """FILLED by a single query, with the storage read on the destination that proves it.

    `topics` and `is_ours` find the fill's event, which only shows its transaction; the search starts at `head`.
    """
    query = {"address": call.to, "topics": topics}
    return OrderStatus(
        OrderState.FILLED,
        "the recipient was paid.",
        find_fill=lambda: _transaction(rpc, query, is_ours, head),
        proofs=(Proof(rpc.chain.chain_id, stored(call, is_filled)),),
    )


def refunded(rpc: Rpc, call: Call, status: Any) -> OrderStatus:
    """REFUNDED by a single query, with the storage read on the origin that proves it."""
    proof = Proof(rpc.chain.chain_id, stored(call, lambda found: bool(found == status)))
    return OrderStatus(OrderState.REFUNDED, "the money is back with the sender.", proofs=(proof,))


def stored(call: Call, holds: Callable[[Any], bool]) -> Callable[[Rpc, str], Awaitable[bool]]:
    """Whether a single endpoint shows a value in storage at a block. A failed read proves nothing: BadAnswer."""

    async def shows(one: Rpc, block: str) -> bool:
        (value,) = (await one.aggregate([call], block)).values
        if value is None:
            raise BadAnswer(f"a settler on {one.chain.name} did not answer for this order.")
        return holds(value[0])

    return shows


async def _transaction(
    rpc: Rpc, query: dict[str, Any], is_ours: Callable[[Log], bool], known_head: BlockNumber | None
) -> str:
    """The hash of the fill, for display; empty if the node refuses logs. Storage proved the fill."""
    try:
        head, stretches = known_head or await rpc.block_number(), 0
        async for first, logs in rpc.logs_before(query, head):
            found = next((log for log in logs if is_ours(log)), None)
            if found:
                return clean(found.get("transactionHash", ""), 66)
            stretches += 1
            if first < head - _MOST_BLOCKS or stretches == _MOST_STRETCHES:
                break
    except NetworkError:
        return ""
    return ""
