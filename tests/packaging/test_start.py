"""What a command imports at its start: counted in modules, since times depend on the machine."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from l2send.core.chains import load_registry
from l2send.core.paths import Paths
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.socket_server import SocketServer

_SIGNING = {"eth_account", "eth_keyfile", "eth_keys", "py_ecc"}
_SLOW = {*_SIGNING, "aiohttp", "prompt_toolkit", "pydantic", "questionary", "segno", "web3"}
_NETWORK = {"anyio", "eth_abi", "httpx"}
_PROGRAM = """
import gc, sys
from l2send.cli.main import run, start_lightly
start_lightly()
at_first = []
def connecting(event, _):
    if event == "socket.connect" and not at_first:
        at_first.extend(sys.modules)
sys.addaudithook(connecting)
before = gc.get_stats()[0]["collections"]
status = run(sys.argv[1:])
collections = gc.get_stats()[0]["collections"] - before
own = sum(name.startswith("l2send") for name in sys.modules)
names = [*sys.modules]
print(*(name for name in at_first if name.startswith("l2send") or "." not in name), file=sys.stderr)
print(status, len(names), own, collections, *{name.partition(".")[0] for name in names}, file=sys.stderr)
"""


class _Refusing(SocketServer):
    """A node of every chain that knows no method: what asks a network loads all of it, and ends at once."""

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        asked = json.loads(await reader.readexactly(length))
        error = {"code": -32601, "message": "the method does not exist"}
        answers = [{"jsonrpc": "2.0", "id": one["id"], "error": error} for one in asked if isinstance(one, dict)]
        body = json.dumps(answers if isinstance(asked, list) else {"jsonrpc": "2.0", "id": asked["id"], "error": error})
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        return True


@pytest.fixture(scope="module")
def nodes() -> Iterator[dict[str, str]]:
    """Variables of the environment: every chain at the same node."""
    with _Refusing() as node:
        yield {f"L2SEND_RPC_{chain.chain_id}": node.url for chain in load_registry(Paths.under(Path("/nowhere")))}


@dataclass(frozen=True)
class Loaded:
    """What one command line loaded."""

    status: int
    modules: int
    own: int
    collections: int
    """How often garbage was looked for."""
    packages: frozenset[str]
    at_first_request: frozenset[str]
    """The packages, and l2send's own modules, that were loaded when the first connection was opened."""


def loaded(home: Path, *words: str, nodes: Mapping[str, str] | None = None) -> Loaded:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *words],
        env={"L2SEND_HOME": str(home), "PATH": "/usr/bin:/bin", **(nodes or {})},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    at_first, last = done.stderr.splitlines()[-2:]
    status, modules, own, collections, *packages = last.split()
    return Loaded(
        int(status), int(modules), int(own), int(collections), frozenset(packages), frozenset(at_first.split())
    )


@pytest.mark.parametrize("words", [("--version",), ("--help",)])
def test_version_and_help_load_next_to_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    found = loaded(tmp_path, *words)
    assert found.status == 0
    assert not found.packages & {*_SLOW, *_NETWORK, "rich", "platformdirs"}
    assert (found.modules <= 168, found.own <= 17) == (True, True), found


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("send", "--help"), 0),
        (("wallet", "list"), 0),
        (("config", "show"), 0),
        (("contacts", "list"), 0),
        (("balances", "--from", "nonsense"), 2),
        (("1", "USDC", "bsae:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), 2),
        (("blance",), 2),
    ],
)
def test_what_asks_no_network_loads_nothing_slow(tmp_path: Path, words: tuple[str, ...], status: int) -> None:
    found = loaded(tmp_path, *words)
    assert found.status == status
    assert not found.packages & _SLOW


_ACCOUNT = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.mark.parametrize(
    ("words", "modules", "own", "without"),
    [
        (("wallet", "list", "--json"), 350, 72, {*_SLOW, *_NETWORK, "rich"}),
        (("balances", "--from", _ACCOUNT, "--json"), 549, 93, {*_SIGNING, "cffi", "cytoolz", "pydantic", "rich"}),
        (("history", "--json"), 608, 262, {*_SIGNING, "eth_abi", "pydantic"}),
        (("1", "USDC", f"base:{_ACCOUNT}", "--from", _ACCOUNT, "--dry-run"), 772, 285, {*_SIGNING, "pydantic"}),
    ],
)
def test_each_command_stays_within_its_budget(
    tmp_path: Path, nodes: Mapping[str, str], words: tuple[str, ...], modules: int, own: int, without: set[str]
) -> None:
    found = loaded(tmp_path, *words, nodes=nodes)
    assert not found.packages & without
    assert (found.modules <= modules, found.own <= own, found.collections <= 20) == (True, True, True), found


@pytest.mark.lab
def test_a_direct_payment_stays_within_its_budget(home: Home) -> None:
    """From the command line to the proof of its end, with a key from a keystore.

    Its first requests wait neither for what signs nor for the bridges: those load while the network is waited for.
    """
    name, account = home.new_account()
    home.fund(account, "dev1", USDC="1", ETH="1")
    words = ("1", "USDC", f"dev1:{new_address()}", "--yes", "--json", "--account", name)
    found = loaded(home.path, *words, nodes=home.environment)
    assert found.status == 0
    assert not found.packages & {"aiohttp", "cffi", "cytoolz", "questionary", "web3"}
    early, bridges = found.at_first_request, {f"l2send.bridges.{name}.bridge" for name in ("eco", "across", "oif")}
    assert not early & {*_SIGNING, *bridges, "pydantic"}
    assert sum(name.startswith("l2send") for name in early) <= 248, sorted(early)
    assert (found.modules <= 953, found.own <= 287, found.collections <= 20) == (True, True, True), found
