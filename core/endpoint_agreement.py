"""Decides whether a chain's endpoints prove an end state: no other file counts witnesses for one.

A witness is an endpoint whose own blocks and storage show the evidence. If two endpoints are configured, two must show
it, and no endpoint with as high a head may deny it. Heads are compared with each other, never with this machine's
clock: a wrong clock must not exclude an endpoint. An endpoint that does not answer or lags does not count, and is
named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from l2send.core.chains import Chain
from l2send.core.errors import NetworkError
from l2send.core.rpc import Rpc, both
from l2send.core.units import BlockNumber

WITNESSES = 2
"""How many endpoints must show an end state, if that many are configured; or the code of a contract."""
_PATIENCE = 4.0  # seconds

Shows = Callable[[Rpc, Awaitable[BlockNumber]], Awaitable[bool]]
"""Whether a single endpoint shows the evidence. Its head is requested at the same time: await it if you need it.

Raises NetworkError.
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer of one endpoint."""

    host: str
    head: BlockNumber
    shows: bool


async def answers(rpc: Rpc, ask: Callable[[Rpc], Awaitable[T]]) -> list[tuple[str, T]]:
    """Each endpoint's answer, with its host; endpoints that fail or do not answer are left out."""
    return [(one.endpoints[0].host, heard) for one, heard in await _ask_each(rpc, ask) if heard is not None]


async def first_finding(rpc: Rpc, find: Callable[[Rpc], Awaitable[T | str]]) -> T | str:
    """What the first endpoint that can tell finds; else why the last one could not. A finding is proven afterwards.

    `find` asks one endpoint: what it found, or why it cannot tell. It may raise NetworkError.
    """
    why = f"no endpoint of {rpc.chain.name} answers"
    for one in rpc.each():
        try:
            found = await find(one)
        except NetworkError as error:
            found = error.message.rstrip(".")
        if not isinstance(found, str):
            return found
        why = found
    return why


def confirmed_head(chain: Chain, head: BlockNumber) -> BlockNumber:
    """The newest block that has the chain's number of confirmations, itself included."""
    return BlockNumber(max(0, head - max(0, chain.confirmations - 1)))


async def confirmed_block(
    one: Rpc, head: Awaitable[BlockNumber], block: BlockNumber, block_hash: str
) -> dict[str, Any] | None:
    """This very block as one endpoint has it; None if it has another, or has too few on top of it. Raises NetworkError.

    Source: eth_getBlockByNumber.
    """
    if await head - block + 1 < max(1, one.chain.confirmations):
        return None
    found = await one.block(hex(block))
    return found if str(found.get("hash", "")).lower() == block_hash else None


async def why_unproven(rpc: Rpc, shows: Shows) -> str:
    """Why the endpoints do not prove the evidence yet; empty if they do. Source: eth_blockNumber, the proof.

    A denial counts only if the endpoint's head is at least the head at which another one shows it; else it lags.
    """

    async def ask(one: Rpc) -> _Answer:
        head = asyncio.ensure_future(one.block_number())
        _, shown = await both(head, shows(one, head))
        return _Answer(one.endpoints[0].host, head.result(), shown)

    heard = await _ask_each(rpc, ask)
    showing = [answer for _, answer in heard if answer and answer.shows]
    denying = [answer for _, answer in heard if answer and not answer.shows]
    if not showing:
        return f"{denying[0].host} does not show it" if denying else f"no endpoint of {rpc.chain.name} answers"
    since = min(answer.head for answer in showing)
    for answer in denying:
        if answer.head >= since:
            return f"{answer.host} does not show it"
    needed = min(WITNESSES, len(heard))
    if len(showing) >= needed:
        return ""
    absent = [f"{one.endpoints[0].host} does not answer" for one, answer in heard if answer is None]
    absent += [f"{answer.host} is {since - answer.head} blocks behind" for answer in denying]
    return _too_few(rpc, showing[0].host, absent)


def _too_few(rpc: Rpc, host: str, absent: Sequence[str]) -> str:
    return (
        f"{host} shows it, and a second endpoint has to: {', '.join(absent)}. "
        f"If that stays so, correct rpcs of {rpc.chain.short_name}"
    )


async def _ask_each(rpc: Rpc, ask: Callable[[Rpc], Awaitable[T]]) -> list[tuple[Rpc, T | None]]:
    """Query every endpoint once, concurrently, even if it is listed twice; None for an endpoint that is too slow."""
    each = list({one.endpoints[0].url: one for one in rpc.each()}.values())
    found = await asyncio.gather(*(asyncio.wait_for(ask(one), _PATIENCE) for one in each), return_exceptions=True)
    heard = list[tuple[Rpc, T | None]]()
    for one, answer in zip(each, found, strict=True):
        if not isinstance(answer, BaseException):
            heard.append((one, answer))
        elif isinstance(answer, NetworkError | TimeoutError):
            heard.append((one, None))
        else:
            raise answer
    return heard
