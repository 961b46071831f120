"""Wires behind a socket: `http://127.0.0.1:PORT/WIRE/CHAIN`, one server for any number of payers.

`/WIRE/sponsor` leads to the sponsor, where there is one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from tests.lab.faults import pause
from tests.lab.wire import Outcome, Upstream, Wire
from tests.support.socket_server import SocketServer


class Proxy(SocketServer):
    """`with Proxy(node_urls) as proxy:` serves every wire that was plugged in."""

    def __init__(self, upstream: Sequence[str], sponsor: str = "") -> None:
        super().__init__()
        self._nodes = [Upstream(url) for url in upstream]
        self._sponsor = Upstream(sponsor)
        self._wires: dict[str, Wire] = {}
        self._lock = threading.Lock()

    def plug(self, wire: Wire, secret: str = "") -> tuple[str, ...]:
        """The URL of each chain for the payer on `wire`; `secret` becomes part of path and query."""
        with self._lock:
            name = str(len(self._wires))
            self._wires[name] = wire
        tail = f"/{secret}?key={secret}" if secret else ""
        return tuple(f"{self.url}/{name}/{index}{tail}" for index in range(len(self._nodes)))

    async def _closing(self) -> None:
        for node in (*self._nodes, self._sponsor):
            await node.close()

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
