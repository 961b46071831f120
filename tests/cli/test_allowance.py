"""An allowance that a payment gave its bridge and did not use: `l2send cancel` revokes it on the chain."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys

import pytest

from l2send.core.address import Address
from l2send.core.calldata import ALLOWANCE
from l2send.core.rpc import Call, open_rpcs
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.terminal import Terminal

pytestmark = pytest.mark.lab


def allowance(home: Home, owner: Address, spender: str) -> int:
    """Base units of USDC on dev1."""

    async def look() -> int:
        async with open_rpcs(home.registry) as rpcs:
            usdc = home.chain("dev1").token("USDC").address
            assert usdc
            call = Call(usdc, ALLOWANCE, (owner, spender))
            return int((await rpcs.on(home.chain("dev1").chain_id).eth_call(call))[0])

    return asyncio.run(look())


@pytest.mark.parametrize(("bridge", "names"), [("eco", ["portal"]), ("across", ["spoke_pool", "origin_settler"])])
def test_cancelled_after_the_approval(home: Home, bridge: str, names: list[str]) -> None:
    account, sender = home.new_account()
    home.fund(sender, "dev1", USDC="100", ETH="1")
    words = ("25", "USDC", f"dev4:{new_address()}", "--via", bridge, "--yes", "--account", account)
    assert home.run(*words, L2SEND_FAILPOINT="broadcast:1").status == -9
    payment = home.must("history", "--json").json["payments"][0]
    spenders = [home.chain("dev1").settlers[bridge].contracts[name] for name in names]
    assert any(allowance(home, sender, spender) for spender in spenders)
    done = home.run("cancel", payment["id"], "--yes", "--json", "--account", account)
    assert (done.status, done.json["state"]) == (7, "cancelled"), done
    kinds = [(tx["kind"], tx["state"]) for tx in done.json["transactions"]]
    assert kinds[-1] == ("revoke", "final")
    assert [allowance(home, sender, spender) for spender in spenders] == [0] * len(spenders)
    assert home.holds(sender, "dev1") == 100_000_000
    assert "may be left" not in home.run("status", payment["id"]).stdout


def test_after_a_delivery_by_across_nothing_is_allowed(home: Home) -> None:
    account, sender = home.new_account()
    home.fund(sender, "dev1", USDC="100", ETH="1")
    home.must("25", "USDC", f"dev4:{new_address()}", "--via", "across", "--yes", "--account", account)
    settlers = home.chain("dev1").settlers["across"].contracts
    assert [allowance(home, sender, settlers[name]) for name in ("spoke_pool", "origin_settler")] == [0, 0]


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_the_allowance_of_a_cancelled_payment_is_asked_about_as_what_it_is(home: Home) -> None:
    """Killed between the cancellation and the revocation: what is left to be signed is no cancellation."""
    account, sender = home.new_account()
    home.fund(sender, "dev1", USDC="100", ETH="1")
    words = ("25", "USDC", f"dev4:{new_address()}", "--via", "eco", "--yes", "--account", account)
    assert home.run(*words, L2SEND_FAILPOINT="broadcast:1").status == -9
    payment = home.must("history", "-n", "1", "--json").json["payments"][0]["id"]
    cancel = ("cancel", payment, "--account", account)
    assert home.run(*cancel, "--yes", L2SEND_FAILPOINT="nonce_chosen").status == -9
    assert home.run("status", payment, "--json").json["state"] == "cancelled"
    with Terminal(home.environment | {"TERM": "xterm-256color"}) as terminal:
        terminal.start(sys.executable, "-m", "l2send", *cancel)
        shown = " ".join(terminal.wait_for("(yes, no)").split())
        assert re.search(r"Revoke the allowance of 25\.\d+ USDC to eco on Devnet 1, gas at most \$0\.\d+\?", shown), (
            shown
        )
        assert "Cancel the payment" not in shown
        terminal.type("yes")
        terminal.press("Enter")
        assert terminal.end()[0] == 7
    assert allowance(home, sender, home.chain("dev1").settlers["eco"].contracts["portal"]) == 0
    again = home.run(*cancel, "--yes")
    assert again.status == 7
