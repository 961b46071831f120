"""Keeps connections to servers alive, in small pools; over TLS, a single connection if the server offers HTTP/2.

httpcore's pool iterates over all its connections at every request, and 200 of them take longer than the requests. So
each server has its own pools of a few connections, and the first pool with a free one is used.

A TLS handshake negotiates HTTP/2 (ALPN, RFC 7301). Sequential requests need only one stream: the first request that
finds all connections busy offers HTTP/2, and concurrent requests use HTTP/1.1 connections without waiting for it. If
the server accepts, that connection carries all later requests. Over plain HTTP and through a proxy, HTTP/1.1 is used.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module

import httpx

_A_POOL = 8
"""Connections of one pool."""


class Connections(httpx.AsyncBaseTransport):
    """All connections of one client."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        """`context` verifies servers over TLS; by default one is created at the first TLS request."""
        self._given = context
        self._servers = dict[tuple[str, str, int | None], _Server]()

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return self._given or httpx.create_ssl_context()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to a request, whose body is not read yet. Raises httpx.TransportError."""
        url = request.url
        place = (url.scheme, url.host, url.port)
        if place not in self._servers:
            is_tls = url.scheme == "https"
            # Without TLS there is nothing to verify; a context without certificates is cheap to create.
            context = self._context if is_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._servers[place] = _Server(context, is_tls)
        return await self._servers[place].send(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for server in self._servers.values():
            await server.close()


@dataclass
class _Pool:
    """At most `_A_POOL` connections, each for one request at a time."""

    transport: httpx.AsyncHTTPTransport
    busy: int = 0
    """Requests whose answer is not fully read."""


@dataclass
class _Server:
    """The connections to one server."""

    context: ssl.SSLContext
    may_offer: bool
    """Whether HTTP/2 may be offered: over TLS, until the server chooses HTTP/1.1, and not during an offer."""
    _streams: httpx.AsyncHTTPTransport | None = field(default=None, init=False)
    """The one HTTP/2 connection, once the server accepted it."""
    _offered: httpx.AsyncHTTPTransport | None = field(default=None, init=False)
    _pools: list[_Pool] = field(default_factory=list[_Pool], init=False)

    async def send(self, request: httpx.Request) -> httpx.Response:
        """The answer, over the best connection for the request. Raises httpx.TransportError."""
        if self._streams:
            return self._noted(await self._streams.handle_async_request(request))
        if self.may_offer and any(pool.busy for pool in self._pools):
            return await self._offer(request)
        return await self._alone(request)

    async def _offer(self, request: httpx.Request) -> httpx.Response:
        """The answer over a connection that offers HTTP/2."""
        self.may_offer = False
        asyncio.get_running_loop().run_in_executor(None, _load_http2)  # While waiting for the network.
        self._offered = self._offered or self._transport(http2=True)
        try:
            return self._noted(await self._offered.handle_async_request(request))
        except BaseException:
            self.may_offer = True  # Nothing was learned.
            raise

    def _noted(self, response: httpx.Response) -> httpx.Response:
        """The answer. If the server chose HTTP/2, all later requests use its connection."""
        self._streams = self._offered if response.extensions.get("http_version") == b"HTTP/2" else None
        return response

    async def _alone(self, request: httpx.Request) -> httpx.Response:
        """The answer over a connection without any other request meanwhile."""
        pool = next((pool for pool in self._pools if pool.busy < _A_POOL), None)
        if pool is None:
            pool = _Pool(self._transport(http2=False))
            self._pools.append(pool)
        pool.busy += 1
        done = _once(pool)
        try:
            response = await pool.transport.handle_async_request(request)
        except BaseException:
            done()
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Body(response.stream, done)
        return response

    def _transport(self, *, http2: bool) -> httpx.AsyncHTTPTransport:
        load_httpcore()
        limits = httpx.Limits(max_connections=_A_POOL)
        return httpx.AsyncHTTPTransport(verify=self.context, http2=http2, limits=limits)

    async def close(self) -> None:
        """Close every connection to the server."""
        for transport in (self._offered, *(pool.transport for pool in self._pools)):
            if transport:
                await transport.aclose()


class _Body(httpx.AsyncByteStream):
    """An answer's body; `done` is called when it is closed."""

    def __init__(self, stream: httpx.AsyncByteStream, done: Callable[[], None]) -> None:
        self._stream = stream
        self._done = done

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        """Release the connection."""
        try:
            await self._stream.aclose()
        finally:
            self._done()


def _once(pool: _Pool) -> Callable[[], None]:
    """A function that counts one request of a pool as done; further calls do nothing."""
    left = [pool]

    def done() -> None:
        if left:
            left.pop().busy -= 1

    return done


def load_httpcore() -> None:
    """Load httpcore without its import of HTTP/2: 30 ms that most commands do not need."""
    if "httpcore" in sys.modules or "h2" in sys.modules:
        return
    sys.modules["h2"] = None  # type: ignore[assignment]
    try:
        import_module("httpcore")
    finally:
        del sys.modules["h2"]


def _load_http2() -> None:
    """Load the modules for HTTP/2."""
    import_module("h2.connection")
