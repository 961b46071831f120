"""`--safe`: killed at every step, sped up and cancelled, a payment from a Safe happens exactly once or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from l2send.core.address import Address
from l2send.devnet.node import Node
from tests.conftest import Home, make_home
from tests.support.addresses import new_address
from tests.support.safes import TestSafe, new_safe

pytestmark = pytest.mark.lab

USDC = 10**6
STEPS = {
    "dev1": ["signed", "journaled", "after_broadcast", "mined"],
    "dev4": ["journaled", "after_broadcast", "order_opened"],
}


def payer(home: Home) -> tuple[str, Address, TestSafe]:
    """An account with gas alone, its address, and its Safe on dev1 with 100 USDC."""
    name, address = home.new_account()
    home.fund(address, "dev1", ETH="1")
    safe = new_safe(home, [address, new_address()])
    home.fund(safe.address, "dev1", USDC="100")
    return name, address, safe


@pytest.mark.parametrize(("chain", "step"), [(chain, step) for chain, steps in STEPS.items() for step in steps])
def test_killed_at_any_step_it_pays_exactly_once(home: Home, tmp_path: Path, chain: str, step: str) -> None:
    (name, address, safe), to, proof = payer(home), new_address(), tmp_path / "proof"
    kill = {"L2SEND_FAILPOINT": step, "L2SEND_FAILPOINT_PROOF": str(proof)}
    words = ["20", "USDC", f"{chain}:{to}", "--safe", safe.place, "--account", name, "--yes"]
    words += ["--via", "eco"] if chain != "dev1" else []
    assert home.run(*words, **kill).status == -9
    assert proof.read_text() == f"{step}\n", "nothing was killed, so this test showed nothing"
    payment = next(p for p in home.must("history", "--json").json["payments"] if p["destination"] == f"{chain}:{to}")
    done = home.run("resume", payment["id"], "--account", name, "--json")
    assert done.status == 0, done
    assert home.holds(to, chain) == 20 * USDC
    assert 79 * USDC < home.holds(safe.address, "dev1") <= 80 * USDC
    assert Node(home.chain("dev1").rpcs[0]).quantity("eth_getTransactionCount", address, "latest") == 1


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A devnet of its own, whose chain mines only when it is told to, once `stop` was called."""
    made = make_home(tmp_path_factory.mktemp("still"))
    made.must("devnet", "up", "--chains", "1")
    yield made
    made.run("devnet", "down")


def stop(home: Home, *, mining: bool) -> Node:
    node = Node(home.chain("dev1").rpcs[0])
    node.call("evm_setAutomine", mining)
    node.call("evm_setIntervalMining", 1 if mining else 0)
    return node


@pytest.mark.parametrize("command", ["speedup", "cancel"])
def test_what_waits_is_sped_up_or_cancelled(still: Home, command: str) -> None:
    stop(still, mining=True)
    (name, address, safe), to = payer(still), new_address()
    node = stop(still, mining=False)
    words = ["20", "USDC", f"dev1:{to}", "--safe", safe.place, "--account", name, "--yes", "--json", "--timeout", "2"]
    waiting = still.run(*words)
    assert waiting.status == 8, waiting
    again = still.run(command, waiting.json["id"], "--account", name, "--yes", "--json", "--timeout", "2")
    assert again.status == 8, again
    for _ in range(3):
        node.call("anvil_mine", "0x1")
    done = still.run("resume", waiting.json["id"], "--account", name, "--json")
    assert (done.status, done.json["state"]) == ((0, "delivered") if command == "speedup" else (7, "cancelled"))
    assert still.holds(to, "dev1") == (20 * USDC if command == "speedup" else 0)
    assert node.quantity("eth_getTransactionCount", address, "latest") == 1


def test_a_contact_names_the_safe(home: Home) -> None:
    name, _, safe = payer(home)
    home.must("contacts", "add", "treasury", safe.place)
    to = new_address()
    home.must("5", "USDC", f"dev1:{to}", "--safe", "treasury", "--account", name, "--yes")
    assert home.holds(to, "dev1") == 5 * USDC
