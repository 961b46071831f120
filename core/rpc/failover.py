"""One question to a chain's endpoints in turn: by class of error on to the next, once more round, or given up.

An endpoint is used only after it proved to serve the chain it is listed for. An answer that does not parse is that
endpoint's failure: the next one is asked. The most hopeful error of a round decides whether there is another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from l2send.core.errors import BadAnswer, NetworkError, NodeError, NodeFailed, Transient, WrongChain
from l2send.core.http import host

T = TypeVar("T")

_ROUNDS = 3
_FIRST_PAUSE = 0.3  # seconds
_MAX_PAUSE = 10.0


@dataclass(slots=True)
class Endpoint:
    """One URL, which no repr shows, and what was learned of it."""

    url: str = field(repr=False)
    verified: bool = False
    """Whether it proved to serve the right chain."""
    most_blocks: int | None = None
    """Blocks it answers for in one request for logs, where it refused more."""
    sends_sync: bool | None = None
    """Whether it offers eth_sendRawTransactionSync; None while that is unknown."""

    @property
    def host(self) -> str:
        """All of the URL that may be shown."""
        return host(self.url)


async def first_answer(chain: str, endpoints: Sequence[Endpoint], ask: Callable[[Endpoint], Awaitable[T]]) -> T:
    """What the first endpoint with a usable answer answers. Raises the most hopeful error of the last round.

    Raises a NodeError at once for a revert, which every node would repeat. Pauses only where time may help: as long
    as a server asks for, up to 10 s.
    """
    pause = _FIRST_PAUSE
    none_listed = NetworkError(f"{chain}: no RPC endpoint is configured.")
    best = none_listed
    for round_ in range(_ROUNDS):
        best = none_listed
        for endpoint in endpoints:
            try:
                return await ask(endpoint)
            except NetworkError as error:
                if isinstance(error, NodeError) and error.is_revert:
                    raise
                best = _more_hopeful(best, error)
        if not isinstance(best, Transient) or round_ == _ROUNDS - 1:
            break
        await asyncio.sleep(min(max(pause, best.pause), _MAX_PAUSE))
        pause *= 2
    raise best


def _more_hopeful(former: NetworkError, latter: NetworkError) -> NetworkError:
    return former if _hope(former) > _hope(latter) else latter


def _hope(error: NetworkError) -> int:
    """How likely asking again helps."""
    kinds = (NetworkError, WrongChain, NodeError, BadAnswer, NodeFailed, Transient)
    return max(place for place, kind in enumerate(kinds) if isinstance(error, kind))


async def if_offered(ask: Awaitable[T]) -> T | None:
    """What an optional ability of a node answers, or None where the node does not have it, however it says so.

    Raises Transient and WrongChain, which say nothing about the ability, and NodeError for a revert.
    """
    try:
        return await ask
    except NodeFailed:
        return None
    except NodeError as error:
        if error.is_revert:
            raise
        return None
    except BadAnswer:
        return None
