"""A due refund whose fees exceed its cap: asked about on a terminal, refused without one."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from l2send.core.address import Address
from l2send.devnet import faucet, solver_client, state
from l2send.devnet.modes import Mode
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.faultproxy import FaultProxy
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.lab, pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")]

DEAR = {"oldestBlock": "0x1", "baseFeePerGas": [hex(10**12)] * 2, "reward": [["0x1"]]}
"""A base fee of a thousand gwei. The blocks themselves take what they took before."""
SEND = "eth_sendRawTransaction"


@dataclass
class Due:
    """A payment whose money is due back, and a node that names a high fee."""

    home: Home
    account: Address
    name: str
    payment: str
    proxy: FaultProxy

    @property
    def environment(self) -> dict[str, str]:
        return {f"L2SEND_RPC_{self.home.chain('dev1').chain_id}": self.proxy.url}


@pytest.fixture
def due(home: Home) -> Iterator[Due]:
    name, account = home.new_account()
    home.fund(account, "dev1", USDC="60", ETH="1")
    devnet = state.require(home.paths.state)
    solver_client.set_mode(devnet, Mode.IGNORE)
    words = ("50", "USDC", f"dev2:{new_address()}", "--from-chain", "dev1", "--via", "eco")
    made = home.run(*words, "--yes", "--account", name, "--timeout", "3", "--json")
    payment = json.loads(made.stdout)["id"]
    faucet.advance(home.paths.state, 3 * 3600)
    with FaultProxy(home.chain("dev1").rpcs[0]) as proxy:
        proxy.lie("eth_feeHistory", DEAR)
        yield Due(home, account, name, payment, proxy)
    solver_client.set_mode(devnet, Mode.FILL)


def test_it_is_asked_about_on_a_terminal_and_refused_without_one(due: Due) -> None:
    held = due.home.holds(due.account, "dev1", "USDC")
    words = ("resume", due.payment, "--account", due.name)
    refused = due.home.run(*words, **due.environment)
    assert refused.status == 7
    assert "that are a tenth of the" in refused.stderr
    assert f"l2send resume {due.payment} --max-fee" in refused.stderr
    with Terminal(due.home.environment | due.environment | {"TERM": "xterm-256color"}) as terminal:
        for answer, status in (("no", 130), ("yes", 9)):
            terminal.start(sys.executable, "-m", "l2send", *words)
            terminal.wait_for("in fees to have the money back?")
            assert not due.proxy.sent(SEND)
            terminal.type(answer)
            terminal.press("Enter")
            assert terminal.end()[0] == status
    assert len(due.proxy.sent(SEND)) == 1
    assert due.home.holds(due.account, "dev1", "USDC") > held
