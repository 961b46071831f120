"""What a server learns from requests, and can make a client keep."""

from __future__ import annotations

import asyncio

import pytest

from l2send.core.environment import network_variables
from l2send.core.http import open_http, post_json
from tests.support.socket_server import SocketServer


class _Setting(SocketServer):
    """Sets a cookie with every answer, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.heads: list[bytes] = []

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head.lower())
        await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: who=7\r\n\r\n{}")
        await writer.drain()
        return True


@pytest.mark.parametrize("proxied", [False, True])
def test_no_cookie_is_sent_back(monkeypatch: pytest.MonkeyPatch, proxied: bool) -> None:
    for name in network_variables():
        monkeypatch.delenv(name)

    async def ask(server: _Setting) -> None:
        if proxied:
            monkeypatch.setenv("HTTP_PROXY", server.url)
        async with open_http() as http:
            for _ in range(3):
                assert (await post_json(http, f"{server.url}/rpc", {}, "the server")).body == {}

    with _Setting() as server:
        asyncio.run(ask(server))
    assert len(server.heads) == 3
    assert not any(b"cookie" in head for head in server.heads)
