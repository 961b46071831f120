"""Which connections requests use: as few as a server allows, and none waits for another request's answer."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from l2send.core.environment import network_variables
from l2send.core.http import Http, open_http, post
from tests.support.socket_server import SocketServer
from tests.support.tls_server import TlsServer

MANY = 20


@pytest.fixture(params=[True, False], ids=["HTTP/2", "HTTP/1.1"])
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TlsServer]:
    for name in network_variables():
        monkeypatch.delenv(name)
    with TlsServer(tmp_path, http2=request.param) as made:
        monkeypatch.setenv("SSL_CERT_FILE", str(made.certificate))
        yield made


async def ask(http: Http, url: str, method: str) -> None:
    asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": []}
    answer = await post(http, url, asked, "the server")
    assert json.loads(answer.body)["result"] == method


async def together(http: Http, url: str, many: int, name: str) -> None:
    await asyncio.gather(*(ask(http, url, f"{name} {number}") for number in range(many)))


@pytest.mark.parametrize("server", [True], indirect=True, ids=["HTTP/2"])
def test_one_connection_carries_everything_once_the_server_chose_http2(server: TlsServer) -> None:
    async def run() -> None:
        async with open_http() as http:
            await together(http, server.url, 2, "first")
            assert len(server.connections) == 2
            server.hold_until(MANY)
            await together(http, server.url, MANY, "then")

    asyncio.run(run())
    assert sorted(len(carried) for carried in server.connections) == [1, 1 + MANY]


def test_what_is_asked_at_once_does_not_wait_for_each_other(server: TlsServer) -> None:
    """Also the first requests to a server, before it is known which protocol it speaks."""

    async def run() -> None:
        server.hold_until(MANY)
        async with open_http(timeout=5) as http:
            await together(http, server.url, MANY, "first")
            opened = len(server.connections)
            await together(http, server.url, MANY, "then")
        assert opened == MANY
        assert len(server.connections) <= opened + 1  # One may have offered HTTP/2 in vain.

    asyncio.run(run())


def test_one_thing_at_a_time_needs_one_connection(server: TlsServer) -> None:
    async def run() -> None:
        async with open_http() as http:
            for number in range(5):
                await ask(http, server.url, f"request {number}")

    asyncio.run(run())
    assert [len(carried) for carried in server.connections] == [5]


def test_a_request_that_is_given_up_leaves_the_others(server: TlsServer) -> None:
    async def run() -> None:
        async with open_http() as http:
            await together(http, server.url, 2, "first")
            server.hold_until(MANY)
            given_up = asyncio.create_task(ask(http, server.url, "given up"))
            others = asyncio.create_task(together(http, server.url, MANY - 2, "others"))
            await asyncio.sleep(0.1)
            given_up.cancel()
            await asyncio.gather(given_up, return_exceptions=True)
            await ask(http, server.url, "the last")
            await others
            server.hold_until(1)
            await together(http, server.url, MANY, "then")

    asyncio.run(run())


class Plain(SocketServer):
    """HTTP without TLS."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = dict[asyncio.StreamReader, int]()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        body = await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
        self.asked[reader] = self.asked.get(reader, 0) + 1
        answer = json.dumps({"jsonrpc": "2.0", "id": 1, "result": json.loads(body)["method"]}).encode()
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer)
        return True


def test_connections_over_plain_http_are_kept() -> None:
    async def run() -> None:
        async with open_http() as http:
            for _ in range(3):
                await together(http, server.url, MANY, "again")

    with Plain() as server:
        asyncio.run(run())
    assert len(server.asked) <= MANY
    assert sum(server.asked.values()) == 3 * MANY


_PROGRAM = """
import asyncio, sys
from l2send.core.http import open_http, post
async def run():
    async with open_http() as http:
        await asyncio.gather(*(post(http, sys.argv[1], {"method": "m"}, "it") for _ in range(4)))
asyncio.run(run())
print(*(name for name in ("httpcore", "h2") if name in sys.modules))
"""


def test_plain_http_does_not_load_http2() -> None:
    with Plain() as server:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, server.url],
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    assert done.stdout.split() == ["httpcore"]
