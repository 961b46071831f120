"""Foreign text on the way to a screen: errors of nodes and quote APIs, names in a user's registry."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from l2send.core.address import Address
from l2send.core.settlers import EcoSettlers
from tests.conftest import Done, Home
from tests.support.addresses import new_address
from tests.support.faultproxy import Fault, FaultProxy

EVIL = (
    "\x1b[31mred\x1b[0m \x1b]8;;http://evil\x07link\x1b]8;;\x07 \x1b]52;c;aGk=\x07 \x07bell \rover \u202egnp.exe "
    "\u200bzero\u200d \x9b2J [link=http://evil]markup[/link] [bold]b[/bold] " + "x" * 10_000
)


def is_clean(done: Done) -> bool:
    printed = done.stdout + done.stderr
    return len(printed) < 5_000 and not [c for c in printed if c != "\n" and unicodedata.category(c).startswith("C")]


@pytest.fixture(scope="module")
def payer(home: Home) -> tuple[str, Address]:
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="100", ETH="1")
    return name, address


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_nodes_error(home: Home, payer: tuple[str, Address], as_json: list[str]) -> None:
    answer = json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": EVIL}}).encode()
    with FaultProxy(home.chain("dev1").rpcs[0]) as proxy:
        proxy.break_next("eth_getTransactionCount", Fault("evil words", forward=True, status=200, body=answer), 20)
        url = {f"L2SEND_RPC_{home.chain('dev1').chain_id}": proxy.url}
        words = ("1", "USDC", f"dev1:{new_address()}", "--yes", "--account", payer[0])
        done = home.run(*words, *as_json, **url)
        assert proxy.fired
    assert done.status != 0
    assert "red" in done.stderr
    assert is_clean(done), done


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_node_that_repeats_the_key_of_its_url(home: Home, payer: tuple[str, Address], as_json: list[str]) -> None:
    key = "k3yS3cr3t0123456789abcdef"
    words = f"method not allowed for project {key.upper()}; upgrade at https://prov.example/{key}"
    answer = json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": words}}).encode()
    with FaultProxy(home.chain("dev1").rpcs[0]) as proxy:
        proxy.break_next(
            "eth_getTransactionCount", Fault("repeats its key", forward=False, status=200, body=answer), 20
        )
        url = {f"L2SEND_RPC_{home.chain('dev1').chain_id}": f"{proxy.url}/v3/{key}"}
        paying = ("1", "USDC", f"dev1:{new_address()}", "--yes", "--account", payer[0], "--timeout", "3")
        done = home.run(*paying, *as_json, **url)
        assert proxy.fired
    journal = b"".join(file.read_bytes() for file in home.paths.state.glob("journal.db*"))
    for printed in (done.stdout, done.stderr, journal.decode(errors="replace")):
        assert key[:9] not in printed.lower()
    assert "not allowed for project [hidden]" in done.stderr


class _EvilQuotes(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.dumps({"message": EVIL}).encode()
        self.send_response(400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name http.server uses
        pass


@pytest.fixture
def evil_quotes() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _EvilQuotes)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_quote_apis_error(home: Home, payer: tuple[str, Address], evil_quotes: str) -> None:
    eco = home.chain("dev1").settlers_of("eco", EcoSettlers)
    assert eco
    with changed_registry(home, f'"{eco.quote_api}"', f'"{evil_quotes}"'):
        done = home.run("1", "USDC", f"dev4:{new_address()}", "--yes", "--account", payer[0], "--via", "eco")
    assert done.status == 6
    assert "Eco does not quote this" in done.stderr
    assert is_clean(done), done


@pytest.mark.parametrize("what", ['name = "Devnet 1"', 'symbol = "USDC"'])
def test_a_registry_with_such_names_is_refused(home: Home, what: str) -> None:
    key = what.split(" = ", maxsplit=1)[0]
    with changed_registry(home, what, f'{key} = "US\\u001b[31mDC"'):
        done = home.run("chains")
    assert done.status == 3
    assert "not usable" in done.stderr
    assert is_clean(done), done


@contextmanager
def changed_registry(home: Home, before: str, after: str) -> Iterator[None]:
    path = home.paths.devnet / "chains.toml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    try:
        yield
    finally:
        path.write_text(text)
