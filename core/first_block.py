"""Finds the block in which a counter in the chain's state rose, without event logs, whose search nodes limit.

It searches backwards from the head in doubling steps, then by bisection. A node without old state answers only the
first part.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from l2send.core.errors import NetworkError
from l2send.core.units import BlockNumber


async def first_block_above(
    count: Callable[[int], Awaitable[int]], number: int, head: BlockNumber
) -> BlockNumber | None:
    """The first block at which `count` is above `number`; None if the node no longer keeps its state.

    `count` must never fall, and be above `number` at the head. It may raise NetworkError.
    """
    after, back = int(head), 1
    try:
        while True:
            before = max(head - back, 0)
            if before == 0 or await count(before) <= number:
                break
            after, back = before, back * 2
        while after - before > 1:
            middle = (before + after) // 2
            if await count(middle) <= number:
                before = middle
            else:
                after = middle
    except NetworkError:
        return None
    return BlockNumber(after)
