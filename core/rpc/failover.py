"""Queries a chain's endpoints in turn. The class of an error decides: the next endpoint, another round, or failure.

An endpoint's answers count only after it proved to serve its chain. If an answer does not parse, the next endpoint is
queried. The error of a round that is most likely temporary decides whether there is another round.

Reads are hedged: if an endpoint takes much longer than usual, the next one is queried beside it, and the first usable
answer counts. Broadcasts are not sent from here.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from l2send.core.concurrency import AskedOnce
from l2send.core.errors import BadAnswer, NetworkError, NodeError, NodeFailed, Transient, WrongChain
from l2send.core.http import host

T = TypeVar("T")
U = TypeVar("U")

_ROUNDS = 3
_FIRST_PAUSE = 0.3  # seconds
_MAX_PAUSE = 10.0
_TIMES_THE_USUAL = 4
_LEAST_PATIENCE = 0.5  # seconds: no hedging for usually quick endpoints before that
_WEIGHT_OF_THE_NEWEST = 0.25


@dataclass(slots=True)
class Endpoint:
    """One URL, which no repr shows, and what was learned about the endpoint."""

    url: str = field(repr=False)
    verified: bool = False
    """Whether it proved to serve the right chain."""
    proof: AskedOnce[None] = field(default_factory=AskedOnce[None], repr=False)
    """The pending proof of that: the first concurrent requests to an endpoint share one."""
    pinned_at: float = -math.inf
    """When it last proved that again, by time.monotonic."""
    most_blocks: int | None = None
    """Blocks that it accepts in one log request, once it refused more."""
    sends_sync: bool | None = None
    """Whether it offers eth_sendRawTransactionSync; None while that is unknown."""

    usual: float | None = None
    """Seconds that its answers usually take; None before the first."""

    def note(self, seconds: float) -> None:
        """Record that an answer took this long."""
        former = seconds if self.usual is None else self.usual
        self.usual = former + _WEIGHT_OF_THE_NEWEST * (seconds - former)

    @property
    def patience(self) -> float | None:
        """Seconds after which another endpoint is queried too; None until the usual time is known."""
        return None if self.usual is None else max(_LEAST_PATIENCE, _TIMES_THE_USUAL * self.usual)

    @property
    def host(self) -> str:
        """The part of the URL that may be displayed."""
        return host(self.url)


async def first_answer(chain: str, endpoints: Sequence[Endpoint], ask: Callable[[Endpoint], Awaitable[T]]) -> T:
    """The first usable answer of an endpoint. Raises the last round's error that is most likely temporary.

    Raises a NodeError at once for a revert, which every node would repeat. Pauses only if waiting may help: as long as
    a server asks for, up to 10 s.
    """
    pause = _FIRST_PAUSE
    none_listed = NetworkError(f"{chain}: no RPC endpoint is configured.")
    best = none_listed
    for round_ in range(_ROUNDS):
        try:
            return await _one_round(endpoints, ask, none_listed)
        except NetworkError as error:
            best = error
        if not isinstance(best, Transient) or round_ == _ROUNDS - 1:
            break
        await asyncio.sleep(min(max(pause, best.pause), _MAX_PAUSE))
        pause *= 2
    raise best


async def _one_round(endpoints: Sequence[Endpoint], ask: Callable[[Endpoint], Awaitable[T]], best: NetworkError) -> T:
    """The first usable answer, each endpoint queried once. Raises a revert at once, else the most temporary error."""
    left = list(endpoints)
    running = set[asyncio.Task[T]]()
    try:
        while left or running:
            patience = None
            if left:
                endpoint = left.pop(0)
                running.add(asyncio.create_task(_timed(endpoint, ask)))
                patience = endpoint.patience if left else None
            done, running = await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                error = task.exception()
                if error is None:
                    return task.result()
                if not isinstance(error, NetworkError) or (isinstance(error, NodeError) and error.is_revert):
                    raise error
                best = _more_hopeful(best, error)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    raise best


async def _timed(endpoint: Endpoint, ask: Callable[[Endpoint], Awaitable[T]]) -> T:
    started = time.monotonic()
    answer = await ask(endpoint)
    endpoint.note(time.monotonic() - started)
    return answer


def _more_hopeful(former: NetworkError, latter: NetworkError) -> NetworkError:
    return former if _hope(former) > _hope(latter) else latter


def _hope(error: NetworkError) -> int:
    """How likely a retry helps."""
    kinds = (NetworkError, WrongChain, NodeError, BadAnswer, NodeFailed, Transient)
    return max(place for place, kind in enumerate(kinds) if isinstance(error, kind))


async def both(first: Awaitable[T], second: Awaitable[U]) -> tuple[T, U]:
    """The answers to two concurrent requests. An error of `first` takes precedence over one of `second`."""
    one, other = await asyncio.gather(first, second, return_exceptions=True)
    if isinstance(one, BaseException):
        raise one
    if isinstance(other, BaseException):
        raise other
    return one, other


async def if_offered(ask: Callable[[], Awaitable[T]]) -> T | None:
    """The answer of an optional method, or None if the node says in any words that it does not have it.

    `ask` starts the request, so that a cancelled caller leaves none pending. Raises Transient and WrongChain, which say
    nothing about the method, and NodeError for a revert.
    """
    try:
        return await ask()
    except NodeFailed:
        return None
    except NodeError as error:
        if error.is_revert:
            raise
        return None
    except BadAnswer:
        return None
