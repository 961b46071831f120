"""Wires inside the payer's own process, as a transport of httpx: without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

import httpx

from tests.lab.faults import TIMEOUT
from tests.lab.wire import Outcome, Upstream, Wire

current_wire: ContextVar[Wire] = ContextVar("current_wire")
"""The wire of the payer that this task is."""


def urls_of(chains: int) -> tuple[str, ...]:
    """Where a payer in this process finds that many chains."""
    return tuple(f"http://wire/{index}" for index in range(chains))


SECOND = "second"
"""The path below which a chain's second endpoint is: the same node."""
URLS = urls_of(2)
SPONSOR_URL = "http://wire/sponsor"


class WireTransport(httpx.AsyncBaseTransport):
    """Requests to `http://wire/CHAIN` and to `http://wire/sponsor` go through the current wire; any other goes
    where it says."""

    def __init__(self, nodes: Sequence[Upstream], sponsor: Upstream | None = None) -> None:
        self._nodes = nodes
        self._sponsor = sponsor
        self._others: dict[str, Upstream] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        if request.url.host != "wire":
            return await self._pass(request, body)
        wire, (_, where, path) = current_wire.get(), f"{request.url.raw_path.decode()}/".split("/", 2)
        if where == "sponsor" and self._sponsor:
            outcome = await wire.petition(request.method, f"/{path.rstrip('/')}", body, self._sponsor)
        else:
            outcome = await wire.exchange(int(where), body, self._nodes, second=path.startswith(SECOND))
        return await _deliver(outcome, request)

    async def _pass(self, request: httpx.Request, body: bytes) -> httpx.Response:
        """To a quote API of the solver's, which is not on the wire."""
        origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
        node = self._others.setdefault(origin, Upstream(origin))
        status, answer = await node.exchange(request.url.raw_path.decode(), body, request.method)
        return httpx.Response(status, stream=httpx.ByteStream(answer), request=request)

    async def hang_up(self) -> None:
        """Close every connection. (`aclose` ends the clients that share it, one by one.)"""
        for node in (*self._nodes, *self._others.values(), *([self._sponsor] if self._sponsor else [])):
            await node.close()


async def _deliver(outcome: Outcome, request: httpx.Request) -> httpx.Response:
    await asyncio.sleep(min(outcome.wait, TIMEOUT))
    if outcome.wait > TIMEOUT:
        raise httpx.ReadTimeout("the lab's wire", request=request)
    if outcome.status is None:
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
    if outcome.announced is not None:
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body", request=request)
    headers = {} if outcome.retry_after is None else {"Retry-After": str(outcome.retry_after)}
    return httpx.Response(outcome.status, headers=headers, stream=httpx.ByteStream(outcome.body), request=request)
