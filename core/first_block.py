"""Finds the block in which a count of the chain's state rose, without its events: nodes limit searches for these.

Backwards from the head in steps that double, then by halving. A node without old state answers the first part alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from l2send.core.errors import NetworkError
from l2send.core.units import BlockNumber


async def first_block_above(
    count: Callable[[int], Awaitable[int]], number: int, head: BlockNumber
) -> BlockNumber | None:
    """The block as of which `count` is first above `number`; None if its state is not kept any more.

    `count` never falls from block to block, and is above `number` at the head. It may raise NetworkError.
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
