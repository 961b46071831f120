"""Wires behind a socket: `http://127.0.0.1:PORT/WIRE/CHAIN`, one server for any number of payers.

`/WIRE/sponsor` leads to the sponsor, where there is one.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from types import TracebackType

from tests.lab.faults import pause
from tests.lab.wire import Outcome, Upstream, Wire


class Proxy:
    """`with Proxy(node_urls) as proxy:` serves every wire that was plugged in."""

    def __init__(self, upstream: Sequence[str], sponsor: str = "") -> None:
        self._nodes = [Upstream(url) for url in upstream]
        self._sponsor = Upstream(sponsor)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._wires: dict[str, Wire] = {}
        self._lock = threading.Lock()

    def plug(self, wire: Wire, secret: str = "") -> tuple[str, ...]:
        """The URL of each chain for the payer on `wire`; `secret` becomes part of path and query."""
        with self._lock:
            name = str(len(self._wires))
            self._wires[name] = wire
        tail = f"/{secret}?key={secret}" if secret else ""
        return tuple(f"http://127.0.0.1:{self._port}/{name}/{index}{tail}" for index in range(len(self._nodes)))

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=500)

    async def _close(self) -> None:
        assert self._server
        self._server.close()
        for node in (*self._nodes, self._sponsor):
            await node.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while await self._exchange(reader, writer):
                pass
        writer.close()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False when the connection ends with it."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split(" ", 2)
        _, name, where = target.split("/", 2)
        wire, path = self._wires[name], where.partition("/")[2]
        where = where.split("/")[0].split("?")[0]
        if where == "begun":
            await wire.begun(self._nodes)
            return _reply(writer, Outcome(b"{}"))
        body = await reader.readexactly(_length(head))
        if where == "sponsor":
            outcome = await wire.petition(method, f"/{path}", body, self._sponsor)
        else:
            outcome = await wire.exchange(int(where), body, self._nodes)
        await pause(outcome.wait)
        return _reply(writer, outcome)


def _length(head: str) -> int:
    """Of the body of a request; a GET announces none."""
    return int(head.lower().partition("content-length:")[2].split("\r\n")[0] or 0)


def _reply(writer: asyncio.StreamWriter, outcome: Outcome) -> bool:
    if outcome.status is None:
        return False
    extra = "" if outcome.retry_after is None else f"Retry-After: {outcome.retry_after}\r\n"
    length = len(outcome.body) if outcome.announced is None else outcome.announced
    head = f"HTTP/1.1 {outcome.status} x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{extra}\r\n"
    writer.write(head.encode() + outcome.body)
    return outcome.announced is None
