"""Counts the sequential rounds of requests that a client makes: independent requests are one round.

A proxy stands before every node. Each answer is held back until no further request has arrived for a moment; then all
answers are let go together. So requests that a client makes side by side fall into one round, however quick the nodes
are, and a request that needs an earlier answer cannot fall into the same one. What is counted is rounds, not seconds:
a slower machine needs a longer `quiet`, and gets the same number.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

QUIET = 0.25
"""Seconds without a further request after which a round is complete."""


@dataclass(frozen=True)
class Asked:
    """One request: which node of those given, and the JSON-RPC methods in it."""

    node: int
    method: str


@dataclass
class _Waiting:
    """A request whose answer is held back."""

    asked: Asked
    go: asyncio.Event


class Rounds:
    """Nodes behind the counting proxy. Made by `counting_rounds`."""

    def __init__(self, upstreams: Sequence[str], quiet: float) -> None:
        self._upstreams = [urlsplit(url) for url in upstreams]
        self._quiet = quiet
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._servers: list[asyncio.Server] = []
        self._waiting: list[_Waiting] = []
        self._closing: asyncio.TimerHandle | None = None
        self._done: list[tuple[Asked, ...]] = []
        self.urls: tuple[str, ...] = ()
        """Of the same nodes, in the same order."""

    @property
    def depth(self) -> int:
        """How many rounds there were: the longest chain of requests of which each needed the answer before it."""
        return len(self._done)

    @property
    def methods(self) -> list[list[str]]:
        """For each round the methods that were asked in it, sorted: for the message of a failed test."""
        return [sorted(f"{asked.node}:{asked.method}" for asked in round_) for round_ in self._done]

    def restart(self) -> None:
        """Count from nothing again."""
        self._done.clear()

    async def _listen(self) -> None:
        for node in range(len(self._upstreams)):
            self._servers.append(await asyncio.start_server(self._connection(node), "127.0.0.1", 0))
        ports = [server.sockets[0].getsockname()[1] for server in self._servers]
        self.urls = tuple(f"http://127.0.0.1:{port}" for port in ports)

    def _connection(self, node: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while True:
                    await self._exchange(node, reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                pass
            finally:
                writer.close()

        return serve

    async def _exchange(self, node: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = int(head.lower().split("content-length:")[1].split("\r\n")[0])
        path = head.split(" ")[1]
        body = await reader.readexactly(length)
        waiting = _Waiting(Asked(node, _methods(body)), asyncio.Event())
        self._waiting.append(waiting)
        self._postpone()
        answer = await asyncio.to_thread(self._forward, node, path, body)
        await waiting.go.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        writer.write(f"Content-Length: {len(answer)}\r\n\r\n".encode() + answer)
        await writer.drain()

    def _postpone(self) -> None:
        """The round is complete when nothing more comes for a while."""
        if self._closing:
            self._closing.cancel()
        self._closing = self._loop.call_later(self._quiet, self._let_go)

    def _let_go(self) -> None:
        together, self._waiting = self._waiting, []
        self._done.append(tuple(waiting.asked for waiting in together))
        for waiting in together:
            waiting.go.set()

    def _forward(self, node: int, path: str, body: bytes) -> bytes:
        place = self._upstreams[node]
        connection = http.client.HTTPConnection(place.hostname or "", place.port or 80, timeout=20)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            return connection.getresponse().read()
        finally:
            connection.close()

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._loop.shutdown_default_executor()

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def stop(self) -> None:
        """Close every connection."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


def _methods(body: bytes) -> str:
    """The JSON-RPC methods of a request or of a batch."""
    content = json.loads(body)
    entries = content if isinstance(content, list) else [content]
    return "+".join(str(entry.get("method", "?")) for entry in entries)


@contextmanager
def counting_rounds(urls: Sequence[str], quiet: float = QUIET) -> Iterator[Rounds]:
    """A counting proxy before each of `urls`, for as long as the context lasts. All of them share one count."""
    rounds = Rounds(urls, quiet)
    rounds.start()
    try:
        yield rounds
    finally:
        rounds.stop()
