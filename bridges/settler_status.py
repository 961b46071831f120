"""Whether an order was filled or given back, by the storage of two chains: an event is a pointer to it, no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from l2send.core.agreement import doubter
from l2send.core.bridge import OrderState, OrderStatus
from l2send.core.errors import NetworkError
from l2send.core.plan import Order
from l2send.core.rpc import Call, Log, Rpc, Rpcs
from l2send.core.text import clean
from l2send.core.units import UnixTime

_MOST_BLOCKS = 180_000
"""Searched for the event of a fill, back from the head."""
_MOST_STRETCHES = 40
"""Of blocks that the node takes at a time."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the settlers of both chains hold for an order, and both clocks."""

    origin: Any
    target: Any
    origin_now: UnixTime
    target_now: UnixTime


async def look(order: Order, on_origin: Call, on_target: Call, rpcs: Rpcs) -> Seen | OrderStatus:
    """Both values, read at the same time; UNKNOWN, with the reason, where a chain or a settler is silent."""
    origin, target = rpcs.on(order.origin), rpcs.on(order.destination)
    held, filled = await asyncio.gather(
        origin.aggregate([on_origin]), target.aggregate([on_target]), return_exceptions=True
    )
    for answer, rpc in ((filled, target), (held, origin)):
        if isinstance(answer, NetworkError):
            return silent(rpc, answer)
        if isinstance(answer, BaseException):
            raise answer
    assert not isinstance(held, BaseException)
    assert not isinstance(filled, BaseException)
    if not held.values[0] or not filled.values[0]:
        return OrderStatus(OrderState.UNKNOWN, "a settler did not answer for this order.")
    return Seen(held.values[0][0], filled.values[0][0], held.timestamp, filled.timestamp)


def silent(rpc: Rpc, error: NetworkError) -> OrderStatus:
    """Unknown is a state: a chain that cannot be asked has not said that nothing was paid."""
    return OrderStatus(OrderState.UNKNOWN, f"{rpc.chain.name} could not be asked: {error.message}")


async def confirmed(
    rpc: Rpc, call: Call, is_filled: Callable[[Any], bool], topics: list[str], is_ours: Callable[[Log], bool]
) -> OrderStatus:
    """FILLED, once the fill lies under as many blocks as the destination needs; OPEN until then.

    `topics` and `is_ours` find the event of the fill, which only tells its transaction.
    """
    try:
        if (who := await _unsure(rpc, call, is_filled)) is not None:
            return OrderStatus(OrderState.OPEN, f"the recipient was paid; {who} is confirming it.")
    except NetworkError as error:
        return silent(rpc, error)
    query = {"address": call.to, "topics": topics}
    return OrderStatus(OrderState.FILLED, "the recipient was paid.", await _transaction(rpc, query, is_ours))


async def given_back(rpc: Rpc, call: Call, refunded: Any) -> OrderStatus:
    """REFUNDED, once that lies under as many blocks as the origin needs; OPEN until then: nothing is to be sent."""
    try:
        if (who := await _unsure(rpc, call, lambda status: status == refunded)) is not None:
            return OrderStatus(OrderState.OPEN, f"the money was sent back; {who} is confirming it.")
    except NetworkError as error:
        return silent(rpc, error)
    return OrderStatus(OrderState.REFUNDED, "the money is back with the sender.")


async def _unsure(rpc: Rpc, call: Call, holds: Callable[[Any], bool]) -> str | None:
    """The chain, or the host of another endpoint, of which it does not hold yet under as many blocks as it needs."""

    async def deep(one: Rpc) -> bool:
        depth = rpc.chain.confirmations - 1
        block = hex(max(await one.block_number() - depth, 0)) if depth else "latest"
        (value,) = (await one.aggregate([call], block)).values
        return value is not None and holds(value[0])

    if not await deep(rpc):
        return rpc.chain.name
    return await doubter(rpc, deep) or None


async def _transaction(rpc: Rpc, query: dict[str, Any], is_ours: Callable[[Log], bool]) -> str:
    """The hash of the fill, for people; empty where the node refuses logs. Storage proved the fill."""
    try:
        head, stretches = await rpc.block_number(), 0
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
