"""A proxy process between a program and its chains: delays every HTTP request, and counts them.

The first line of standard input says what to do: `{"delay": seconds, "upstreams": [["127.0.0.1", port], …]}`.
It is answered with the ports to use, in the order of the upstreams. Every further line is answered with the
counts since the last one. The end of standard input ends the process.

It speaks HTTP/1.1 with Content-Length and nothing else, which is what JSON-RPC to a local node is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass
class Counts:
    """What passed through."""

    requests: list[int]
    """Per upstream."""
    most_in_flight: int = 0
    """The largest number of requests that were waiting for their answers at the same time."""
    _in_flight: int = field(default=0, repr=False)
    _processor_time: float = field(default_factory=time.process_time, repr=False)

    @contextmanager
    def request(self, upstream: int) -> Iterator[None]:
        """One request, from its last byte to its answer."""
        self.requests[upstream] += 1
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            yield
        finally:
            self._in_flight -= 1

    def take(self) -> dict[str, object]:
        """The counts since the last call."""
        now = time.process_time()
        busy = now - self._processor_time
        taken = {"requests": self.requests, "most_in_flight": self.most_in_flight, "busy": busy}
        self.requests, self.most_in_flight = [0] * len(self.requests), self._in_flight
        self._processor_time = now
        return taken


@dataclass(frozen=True)
class Door:
    """A port that leads to one upstream."""

    host: str
    port: int
    number: int
    delay: float
    counts: Counts

    async def open(self) -> int:
        """Listen, and return on which port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Either side may hang up whenever it likes; both do between two requests.
        with closing(writer), contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            upstream_reader, upstream_writer = await asyncio.open_connection(self.host, self.port)
            with closing(upstream_writer):
                while True:
                    request = await _message(reader)
                    with self.counts.request(self.number):
                        await asyncio.sleep(self.delay)
                        upstream_writer.write(request)
                        answer = await _message(upstream_reader)
                    writer.write(answer)
                    await writer.drain()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One whole request or answer. Raises IncompleteReadError when there is none any more."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _CONTENT_LENGTH.search(head)
    if not length:
        raise ValueError(f"no Content-Length: {head!r}")
    return head + await reader.readexactly(int(length[1]))


async def _main() -> None:
    task = json.loads(await asyncio.to_thread(sys.stdin.readline))
    counts = Counts([0] * len(task["upstreams"]))
    doors = [Door(host, port, i, task["delay"], counts) for i, (host, port) in enumerate(task["upstreams"])]
    _tell([await door.open() for door in doors])
    while await asyncio.to_thread(sys.stdin.readline):
        _tell(counts.take())


def _tell(answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(_main())
