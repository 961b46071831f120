"""Whether a chain's other endpoints say what one of them said, before anything depends on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from l2send.core.errors import NetworkError
from l2send.core.rpc import Rpc

_STANDS_STILL = 120  # seconds
_PATIENCE = 4.0  # seconds

Shows = Callable[[Rpc], Awaitable[bool]]
"""Whether an endpoint alone shows it. Raises NetworkError."""


T = TypeVar("T")


async def answers(rpc: Rpc, ask: Callable[[Rpc], Awaitable[T]]) -> list[tuple[str, T]]:
    """What each endpoint alone answers, with its host; one that fails or is silent has no say."""
    each = rpc.each()
    found = await asyncio.gather(*(asyncio.wait_for(ask(one), _PATIENCE) for one in each), return_exceptions=True)
    told = list[tuple[str, T]]()
    for one, answer in zip(each, found, strict=True):
        if not isinstance(answer, BaseException):
            told.append((one.endpoints[0].host, answer))
        elif not isinstance(answer, NetworkError | TimeoutError):
            raise answer
    return told


async def doubter(rpc: Rpc, shows: Shows) -> str:
    """The host of an endpoint that is up to date and does not show it; empty if there is none.

    A silent one has no say, nor one whose newest block is minutes old by this machine's clock: no other endpoint can
    make it look so. Source: eth_getBlockByNumber.
    """
    if len(rpc.endpoints) < 2:
        return ""
    doubts = await answers(rpc, lambda one: _doubts(one, shows))
    return next((host for host, in_doubt in doubts if in_doubt), "")


async def _doubts(one: Rpc, shows: Shows) -> bool:
    return time.time() - await one.time() <= _STANDS_STILL and not await shows(one)
