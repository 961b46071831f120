"""Ctrl-C while nodes are silent or busy: the command ends before it queries one again, and says what was sent."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import Home, make_home
from tests.support.socket_server import SocketServer

A = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
_BOUND = 10.0
"""Seconds: a busy machine. A silent node is waited for longer than that."""

_QUIET = 0.5


class Nodes(SocketServer):
    """Every chain's node: it never answers, or says each time that it is too busy."""

    def __init__(self, *, busy: bool) -> None:
        super().__init__()
        self._busy, self.asked = busy, 0

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        if not self._busy:
            await asyncio.Event().wait()
        writer.write(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        return False

    def until_quiet(self, process: subprocess.Popen[str]) -> int:
        """How often they were asked, once they are; silent ones once they are not asked more for half a second."""
        seen, since, until = 0, time.monotonic(), time.monotonic() + 60
        while not seen or (not self._busy and time.monotonic() - since < _QUIET):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            if self.asked != seen:
                seen, since = self.asked, time.monotonic()
            time.sleep(0.02)
        return seen


@pytest.fixture(scope="module")
def someone(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with an account, on the chains that l2send knows."""
    home = make_home(tmp_path_factory.mktemp("interrupted") / "home")
    name, _ = home.new_account()
    (home.path / "payroll.csv").write_text(f"ref,to,amount,token\n1,base:{A},25,USDC\n")
    return Home(home.path, home.environment | {"ETH_KEYSTORE_ACCOUNT": name})


COMMANDS = [
    f"25 USDC base:{A} --yes",
    f"max USDC base:{A} --yes",
    "25 USDC base:alice.eth --yes",
    f"plan 25 USDC base:{A}",
    f"balances {A}",
    f"balances {A} --watch",
    "receive --chain base --token USDC --amount 25 --wait",
    "resolve alice.eth@base",
    "contacts add alice base:alice.eth",
    "batch {home}/payroll.csv --yes",
    "chains check base",
    "doctor",
]


@pytest.mark.lab
@pytest.mark.parametrize("busy", [False, True], ids=["silent", "busy"])
@pytest.mark.parametrize(
    "command", COMMANDS, ids=[command.split(" ")[0] + str(at) for at, command in enumerate(COMMANDS)]
)
def test_ctrl_c_ends_before_a_node_is_asked_again(someone: Home, command: str, busy: bool) -> None:
    with Nodes(busy=busy) as nodes:
        urls = {f"L2SEND_RPC_{chain.chain_id}": nodes.url for chain in someone.registry}
        words = command.replace("{home}", str(someone.path)).split()
        with subprocess.Popen(
            [sys.executable, "-m", "l2send", *words],
            env=someone.environment | urls,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            asked = nodes.until_quiet(process)
            started = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
            took = time.monotonic() - started
        assert process.returncode == 130
        assert "l2send: interrupted" in said
        assert took < _BOUND
        assert busy or nodes.asked == asked
