"""Whether a chain's other endpoints show what one of them said, before that is taken for the end of something."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from l2send.core.errors import NetworkError
from l2send.core.rpc import Rpc

_STANDS_STILL = 120  # seconds
_PATIENCE = 4.0  # seconds

Shows = Callable[[Rpc], Awaitable[bool]]
"""Whether an endpoint alone shows it. Raises NetworkError."""


async def doubter(rpc: Rpc, shows: Shows) -> str:
    """The host of an endpoint that is up to date and does not show it; empty if there is none.

    A silent one has no say, nor one whose newest block is minutes old by this machine's clock: no other endpoint can
    make it look so. Source: eth_getBlockByNumber.
    """
    if len(rpc.endpoints) < 2:
        return ""
    each = rpc.each()
    asked = (asyncio.wait_for(_doubts(one, shows), _PATIENCE) for one in each)
    for one, doubts in zip(each, await asyncio.gather(*asked, return_exceptions=True), strict=True):
        if isinstance(doubts, BaseException) and not isinstance(doubts, NetworkError | TimeoutError):
            raise doubts
        if doubts is True:
            return one.endpoints[0].host
    return ""


async def _doubts(one: Rpc, shows: Shows) -> bool:
    return time.time() - await one.time() <= _STANDS_STILL and not await shows(one)
