"""Which servers an unknown contract can make this machine contact."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from l2send.core.errors import BadAnswer, NetworkError
from l2send.core.http import open_http
from l2send.resolver import ccip
from tests.support.across_registry import address


def permitted(url: str, *, local: bool = False) -> bool:
    try:
        asyncio.run(ccip._permit(url, local=local))
    except BadAnswer:
        return False
    return True


@pytest.mark.parametrize(
    "url", ["https://1.1.1.1/{data}", "https://[2606:4700::1111]/x", "https://name.invalid/{sender}"]
)
def test_public_servers_over_https(url: str) -> None:
    assert permitted(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://1.1.1.1/",
        "ftp://1.1.1.1/",
        "file:///etc/passwd",
        "data:application/json,{}",
        "x-batch-gateway:true",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://10.1.2.3/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://0.0.0.0/",
        "https://100.64.0.1/",
        "https://[::1]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://2130706433/",
        "https://me@1.1.1.1/",
        "https:///x",
        "https://1.1.1.1:port/",
        "https://198.18.0.1/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fec0::1]/",
        "https://[::127.0.0.1]/",
        "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
        "https://router/",
        "https://printer.local/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://[::1%25lo]/",
        "https://1.1.1.1:99999/",
        "https://a\x00b.org/",
        "https://ex\u3002ample.org/",
        "https://1.1.1.1/\r\nHost: x",
        "https://[::1",
        "https://1.1.1.1/" + "x" * 70_000,
        "",
    ],
)
def test_nothing_else(url: str) -> None:
    assert not permitted(url)


def test_a_devnet_asks_this_machine_and_no_other() -> None:
    assert permitted("http://127.0.0.1:1/{data}", local=True)
    assert not permitted("http://1.1.1.1/", local=True)
    assert not permitted("https://127.0.0.1/", local=True)


@pytest.mark.parametrize("url", ["https://{sender}/x", "https://{data}/x"])
def test_what_stands_in_the_place_of_the_host_is_judged_too(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = list[str]()

    async def permit(url: str, *, local: bool) -> None:
        judged.append(url)
        raise BadAnswer("judged")

    monkeypatch.setattr(ccip, "_permit", permit)
    lookup = ccip._Lookup(address(1), (url,), b"\x7f", b"", b"")
    with pytest.raises(NetworkError, match="judged"):
        asyncio.run(asked(lookup))
    assert "{" not in judged[0]


def test_a_gateway_that_drips_is_left_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ccip, "_SECONDS", 0.3)
    with dripping() as url:
        lookup = ccip._Lookup(address(1), (url,), b"", b"", b"")
        with pytest.raises(NetworkError, match="did not answer within"):
            asyncio.run(asked(lookup))


async def asked(lookup: ccip._Lookup) -> bytes:
    async with open_http() as http:
        return await ccip._ask(http, lookup, local=True)


@contextmanager
def dripping() -> Iterator[str]:
    """A server that sends a byte now and then, and never comes to an end."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while True:
                    connection.sendall(b" ")
                    time.sleep(0.05)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        listening.close()
