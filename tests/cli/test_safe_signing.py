"""A Safe's payment from three homes, one of them without a network; and killed at every step while it is sent."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from l2send.core.safe_signatures import pack_signatures
from l2send.devnet.node import Node
from tests.conftest import Home, make_home
from tests.support.addresses import new_address
from tests.support.contracts import send_unlocked
from tests.support.kills import Kills, kills
from tests.support.owners import Row, Team, written
from tests.support.safes import new_safe
from tests.support.solving import unfilled
from tests.support.vault import Vault, vault

pytestmark = pytest.mark.lab

__all__ = ["kills", "vault"]

KILLED = "what several owners of a Safe signed"

USDC = 10**6
STEPS = ["locked", "nonce_chosen", "signed", "journaled", "after_broadcast", "broadcast", "mined", "final"]


@pytest.fixture
def laptop(home: Home, tmp_path: Path) -> Home:
    """A second home with the registry of the devnet."""
    made = make_home(tmp_path / "laptop")
    made.paths.devnet.mkdir(parents=True, mode=0o700)
    made.paths.state.chmod(0o700)
    shutil.copy(home.paths.devnet / "chains.toml", made.paths.devnet)
    return made


@pytest.mark.parametrize(("amount", "token", "units"), [("25", "USDC", 25 * USDC), ("0.5", "ETH", 5 * 10**17)])
def test_three_homes_one_without_a_network(
    home: Home, laptop: Home, vault: Vault, tmp_path: Path, amount: str, token: str, units: int
) -> None:
    """The file alone goes from one to the other. Who prepared it and who signed it see how it ends."""
    (_, one), (bob, two), (carol, three) = home.new_account(), laptop.new_account(), vault.new_account()
    executor, address = home.new_account()
    home.fund(address, "dev1", ETH="1")
    safe, to = new_safe(home, [one, two, three], 2), new_address()
    home.fund(safe.address, "dev1", USDC="100", ETH="1")
    prepared, by_two, by_three, joined = (str(tmp_path / f"{n}.json") for n in ("pay", "two", "three", "joined"))
    home.must("prepare", amount, token, f"dev1:{to}", "--safe", safe.place, "--yes", "-o", prepared)
    laptop.must("sign", prepared, "--account", bob, "--yes", "-o", by_two)
    early = home.run("broadcast", by_two, "--account", executor, "--json")
    assert (early.status, early.error["sent"]) == (7, "no")
    assert three in early.error["message"]
    vault.must("sign", prepared, "--account", carol, "--yes", "-o", by_three)
    stranger = vault.run("sign", by_three, "--account", vault.new_account()[0], "--yes", "-o", joined, "--json")
    assert (stranger.status, stranger.error["sent"]) == (7, "no")
    home.must("merge", by_two, by_three, "-o", joined)
    done = home.must("broadcast", joined, "--account", executor, "--json").json
    assert (done["state"], done["legs"][0]["proposal"]["state"]) == ("delivered", "final")
    seen = laptop.must("status", done["id"], "--json").json
    assert (seen["state"], seen["transactions"]) == ("delivered", [])
    home.must("broadcast", joined, "--account", executor)
    assert home.holds(to, "dev1", token) == units
    assert safe.node.quantity("eth_getTransactionCount", address, "latest") == 1


@pytest.mark.parametrize("step", STEPS)
def test_killed_while_it_is_sent_it_pays_exactly_once(home: Home, tmp_path: Path, kills: Kills, step: str) -> None:
    team, to, proof = Team(home, tmp_path), new_address(), tmp_path / "proof"
    file = str(written(team.sign(team.prepare("5", f"dev1:{to}")), tmp_path / "pay.json"))
    name, address = home.new_account()
    home.fund(address, "dev1", ETH="1")
    kill = {"L2SEND_FAILPOINT": step, "L2SEND_FAILPOINT_PROOF": str(proof)}
    with kills.of(proof):
        with unfilled(home):  # a fill that is seen first leaves out that the order is open
            assert home.run("broadcast", file, "--account", name, "--yes", **kill).status == -9
        assert proof.read_text() == f"{step}\n", "nothing was killed, so this test showed nothing"
        done = home.must("broadcast", file, "--account", name, "--yes", "--json")
        assert done.json["state"] == "delivered"
        assert home.holds(to, "dev1") == 5 * USDC
        assert Node(home.chain("dev1").rpcs[0]).quantity("eth_getTransactionCount", address, "latest") == 1


@pytest.mark.parametrize("step", ["journaled", "after_broadcast", "mined"])
def test_killed_while_several_payments_are_sent_all_are_paid_exactly_once(
    home: Home, tmp_path: Path, kills: Kills, step: str
) -> None:
    team, to, proof = Team(home, tmp_path), [new_address() for _ in range(3)], tmp_path / "proof"
    rows = [Row("5", "USDC", f"dev1:{who}") for who in to]
    file = str(written(team.sign(team.prepare_file(rows)), tmp_path / "pay.json"))
    name, address = home.new_account()
    home.fund(address, "dev1", ETH="1")
    kill = {"L2SEND_FAILPOINT": step, "L2SEND_FAILPOINT_PROOF": str(proof)}
    with kills.of(proof):
        assert home.run("broadcast", file, "--account", name, "--yes", **kill).status == -9
        assert proof.read_text() == f"{step}\n", "nothing was killed, so this test showed nothing"
        done = home.must("broadcast", file, "--account", name, "--yes", "--json")
        assert done.json["state"] == "delivered"
        assert [home.holds(who, "dev1") for who in to] == [5 * USDC] * 3
        assert Node(home.chain("dev1").rpcs[0]).quantity("eth_getTransactionCount", address, "latest") == 1


def test_killed_and_then_sent_by_a_stranger_it_pays_exactly_once(home: Home, tmp_path: Path) -> None:
    """It was signed here and not broadcast, and another account sent it first. What was signed here is never sent."""
    team, to = Team(home, tmp_path), new_address()
    bundle = team.sign(team.prepare("5", f"dev1:{to}"))
    file = str(written(bundle, tmp_path / "pay.json"))
    name, address = home.new_account()
    home.fund(address, "dev1", ETH="1")
    assert home.run("broadcast", file, "--account", name, "--yes", L2SEND_FAILPOINT="journaled").status == -9
    stranger = new_address()
    team.node.call("anvil_setBalance", stranger, hex(10**18))
    team.node.call("anvil_impersonateAccount", stranger)
    tx = bundle.safe_tx.execution(pack_signatures(bundle.signatures))
    send_unlocked(team.node, stranger, tx.to, tx.data)
    done = home.must("broadcast", file, "--account", name, "--yes", "--json")
    assert done.json["state"] == "delivered"
    assert home.holds(to, "dev1") == 5 * USDC
    assert team.node.quantity("eth_getTransactionCount", address, "latest") == 0
    home.must("0.1", "ETH", f"dev1:{new_address()}", "--account", name, "--yes")
    assert team.node.quantity("eth_getTransactionCount", address, "latest") == 1, "its nonce is free, and taken next"


@pytest.mark.parametrize("step", ["journaled", "after_broadcast", "order_opened"])
def test_killed_while_an_order_of_the_safe_is_sent_it_pays_exactly_once(
    home: Home, tmp_path: Path, kills: Kills, step: str
) -> None:
    team, to, proof = Team(home, tmp_path), new_address(), tmp_path / "proof"
    bundle = team.sign(team.prepare("20", f"dev4:{to}", via="eco"))
    file = str(written(bundle, tmp_path / "pay.json"))
    name, address = home.new_account()
    home.fund(address, "dev1", ETH="1")
    kill = {"L2SEND_FAILPOINT": step, "L2SEND_FAILPOINT_PROOF": str(proof)}
    with kills.of(proof):
        assert home.run("broadcast", file, "--account", name, "--yes", **kill).status == -9
        assert proof.read_text() == f"{step}\n", "nothing was killed, so this test showed nothing"
        done = home.must("broadcast", file, "--account", name, "--yes", "--json")
        assert done.json["state"] == "delivered"
        assert (home.holds(to, "dev4"), home.holds(team.safe.address, "dev1")) == (
            20 * USDC,
            100 * USDC - paid(done.json),
        )
        assert Node(home.chain("dev1").rpcs[0]).quantity("eth_getTransactionCount", address, "latest") == 1


def paid(payment: dict[str, Any]) -> int:
    return int(payment["legs"][0]["pays"]["base_units"])


def test_a_file_that_cancels_another_payment_than_it_says_is_not_signed(
    home: Home, laptop: Home, tmp_path: Path
) -> None:
    """The file shows another machine's payment, and would use the nonce of a payment in this journal."""
    (_, one), (bob, two) = home.new_account(), home.new_account()
    safe = new_safe(home, [one, two], 2)
    home.fund(safe.address, "dev1", USDC="100")
    files = [str(tmp_path / f"{name}.json") for name in ("mine", "theirs", "cancel", "signed")]
    words = ("--safe", safe.place, "--yes", "-o")
    home.must("prepare", "25", "USDC", f"dev1:{new_address()}", *words, files[0])
    theirs = laptop.must("prepare", "1", "USDC", f"dev1:{new_address()}", *words, files[1], "--json").json["id"]
    laptop.must("cancel", theirs, "-o", files[2])
    done = home.run("sign", files[2], "--account", bob, "--yes", "-o", files[3], "--json")
    assert (done.status, done.error["sent"]) == (7, "no")
    assert "is that of another payment of this journal" in done.error["message"]
    assert not Path(files[3]).exists()
