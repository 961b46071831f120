"""One payment from several chains, from the command line to the chains and back."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from l2send.core.address import Address
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.solving import unfilled
from tests.support.terminal import Terminal

pytestmark = pytest.mark.lab

Payer = tuple[str, Address]

CHAINS = ("dev1", "dev2", "dev4")
"""Each holds 40 USDC; dev4 is the destination, so that one of three legs is direct."""


@pytest.fixture
def payer(home: Home) -> Payer:
    name, address = home.new_account()
    for chain in CHAINS:
        home.fund(address, chain, USDC="40", ETH="1")
    return name, address


def units(amount: dict[str, Any]) -> int:
    return int(amount["base_units"])


def spent_as_planned(home: Home, payer: Payer, paid: dict[str, Any]) -> None:
    """Every leg left its chain exactly once."""
    for leg in paid["legs"]:
        assert home.holds(payer[1], leg["source"]) == 40_000_000 - units(leg["pays"]), leg


def test_three_chains_pay_what_none_could_alone(home: Home, payer: Payer) -> None:
    to = new_address()
    paid = home.must("100", "USDC", f"dev4:{to}", "--yes", "--json", "--account", payer[0]).json
    assert (paid["state"], paid["exit"], units(paid["amount"])) == ("delivered", 0, 100_000_000)
    assert {leg["source"]: leg["state"] for leg in paid["legs"]} == dict.fromkeys(CHAINS, "delivered")
    assert [leg["bridge"] for leg in paid["legs"] if leg["source"] == "dev4"] == ["direct"]
    assert sum(units(leg["delivers"]) for leg in paid["legs"]) == units(paid["delivered"]) == 100_000_000
    assert {tx["chain"] for tx in paid["transactions"]} == set(CHAINS)
    assert all(leg["order_id"] and leg["order_state"] == "filled" for leg in paid["legs"] if leg["bridge"] != "direct")
    assert home.holds(to, "dev4") == 100_000_000
    spent_as_planned(home, payer, paid)


def test_native_coin_of_three_chains_is_one_payment(home: Home) -> None:
    name, address = home.new_account()
    for chain in CHAINS:
        home.fund(address, chain, ETH="1")
    to = new_address()
    paid = home.must("2.5", "ETH", f"dev4:{to}", "--yes", "--json", "--account", name).json
    assert paid["state"] == "delivered"
    assert {leg["source"] for leg in paid["legs"]} == set(CHAINS)
    assert home.holds(to, "dev4", "ETH") == 25 * 10**17


@pytest.mark.parametrize("bridge", ["eco", "across"])
@pytest.mark.parametrize(("amount", "token", "base_units"), [("100", "USDC", 100_000_000), ("2.5", "ETH", 25 * 10**17)])
def test_three_bridged_legs_by_one_bridge(
    home: Home, payer: Payer, bridge: str, amount: str, token: str, base_units: int
) -> None:
    to = new_address()
    words = (amount, token, f"dev3:{to}", "--yes", "--json", "--account", payer[0], "--via", bridge)
    paid = home.must(*words).json
    assert {(leg["source"], leg["bridge"]) for leg in paid["legs"]} == {(chain, bridge) for chain in CHAINS}
    assert home.holds(to, "dev3", token) == base_units


def test_it_is_one_payment_to_every_command(home: Home, payer: Payer) -> None:
    to = new_address()
    paid = home.must("100", "USDC", f"dev4:{to}", "--yes", "--json", "--account", payer[0]).json
    (listed,) = [p for p in home.must("history", "--json").json["payments"] if p["destination"] == f"dev4:{to}"]
    assert listed["id"] == paid["id"]
    for words in (paid["id"], paid["id"][:7], paid["legs"][1]["id"]):
        assert home.must("status", words, "--json").json["id"] == paid["id"]
    assert home.must("resume", paid["id"], "--json", ETH_PASSWORD="").json["state"] == "delivered"
    shown = home.must("status", paid["id"]).stdout
    assert "amount      100 USDC" in shown
    told = " ".join(shown.split())
    assert all(f" on {home.chain(leg['source']).name}" in told for leg in paid["legs"]), shown
    assert "3 chains" in home.must("history").stdout


def test_a_part_that_is_not_filled_is_named_and_comes_back(home: Home, payer: Payer, no_solver: None) -> None:
    """40 are on the destination and arrive at once; the other 20 are ignored, and refunded."""
    to = new_address()
    words = ("60", "USDC", f"dev4:{to}", "--yes", "--json", "--timeout", "3", "--account", payer[0])
    waiting = home.run(*words, "--from-chain", "dev2", "--from-chain", "dev4")
    assert (waiting.status, waiting.json["state"]) == (8, "partly_delivered")
    assert {leg["source"]: leg["state"] for leg in waiting.json["legs"]} == {"dev4": "delivered", "dev2": "bridging"}
    assert units(waiting.json["delivered"]) == home.holds(to, "dev4") == 40_000_000
    payment = waiting.json["id"]
    home.must("devnet", "advance", "7200")
    due = home.run("status", payment)
    assert due.status == 9
    assert "partly refund due. The recipient has a part of the money; the rest can be refunded" in due.stdout
    assert "40 of 60 USDC" in due.stdout
    assert f"l2send resume {payment}" in due.stdout
    back = home.run("resume", payment, "--account", payer[0])
    assert back.status == 9
    assert "partly paid" in back.stdout
    assert f"l2send 20 USDC dev4:{to}" in back.stdout
    assert home.holds(payer[1], "dev2") == 40_000_000
    assert home.holds(to, "dev4") == 40_000_000
    after = home.run("status", payment, "--json")
    assert (after.status, after.json["state"], after.json["open"]) == (9, "partly_paid", False)


@pytest.mark.lab
@pytest.mark.parametrize(
    "place", ["planned:1", "journaled:1", "journaled:3", "after_broadcast:2", "mined:2", "order_opened:1"]
)
def test_killed_between_legs_and_resumed_pays_each_once(home: Home, payer: Payer, tmp_path: Path, place: str) -> None:
    """kill -9 with some legs begun, some signed, some open and some not."""
    to, proof = new_address(), tmp_path / "proof"
    words = ("100", "USDC", f"dev4:{to}", "--yes", "--account", payer[0])
    with unfilled(home):  # a fill that is seen first leaves out that the order is open
        killed = home.run(*words, L2SEND_FAILPOINT=place, L2SEND_FAILPOINT_PROOF=str(proof))
    assert killed.status == -9
    assert proof.read_text() == f"{place}\n"
    payment = home.must("history", "--json").json["payments"][0]
    assert payment["destination"] == f"dev4:{to}"
    assert payment["open"]
    resumed = home.must("resume", payment["id"], "--json", "--account", payer[0]).json
    again = home.must("resume", payment["id"], "--json", "--account", payer[0]).json
    assert resumed["state"] == again["state"] == "delivered"
    assert home.holds(to, "dev4") == 100_000_000
    spent_as_planned(home, payer, resumed)


def test_nothing_is_opened_once_any_price_ran_out(home: Home, payer: Payer) -> None:
    """Begun and killed before the first signature; half an hour later the whole is cancelled, also its direct leg."""
    to = new_address()
    killed = home.run("100", "USDC", f"dev4:{to}", "--yes", "--account", payer[0], L2SEND_FAILPOINT="planned:1")
    assert killed.status == -9
    payment = home.must("history", "--json").json["payments"][0]
    home.must("devnet", "advance", "1800")
    refused = home.run("resume", payment["id"], "--json", "--account", payer[0])
    assert (refused.status, refused.error["sent"]) == (7, "no")
    assert "cancelled before anything was opened" in refused.error["message"]
    after = home.run("status", payment["id"], "--json")
    assert (after.status, after.json["state"]) == (7, "cancelled")
    assert home.holds(to, "dev4") == 0
    assert [home.holds(payer[1], chain) for chain in CHAINS] == [40_000_000] * 3


def test_nothing_is_opened_once_any_balance_is_gone(home: Home, payer: Payer) -> None:
    """What one leg needs was spent between the approval and the first signature."""
    to = new_address()
    words = ("100", "USDC", f"dev4:{to}", "--yes", "--account", payer[0])
    assert home.run(*words, L2SEND_FAILPOINT="planned:1").status == -9
    payment = home.must("history", "--json").json["payments"][0]
    home.must("39", "USDC", f"dev2:{new_address()}", "--yes", "--account", payer[0])
    refused = home.run("resume", payment["id"], "--json", "--account", payer[0])
    assert (refused.status, refused.error["sent"]) == (7, "no")
    assert "cancelled before anything was opened" in refused.error["message"]
    assert "would revert" in refused.error["message"]
    assert home.run("status", payment["id"], "--json").json["state"] == "cancelled"
    assert home.holds(to, "dev4") == 0
    assert [home.holds(payer[1], chain) for chain in CHAINS] == [40_000_000, 1_000_000, 40_000_000]


def test_an_idempotency_key_pays_the_whole_once(home: Home, payer: Payer) -> None:
    """The second time there is nothing left to plan it from."""
    to = new_address()
    words = ("100", "USDC", f"dev4:{to}", "--yes", "--json", "--account", payer[0], "--idempotency-key", f"inv-{to}")
    first, second = home.must(*words).json, home.must(*words).json
    assert first["id"] == second["id"]
    assert home.holds(to, "dev4") == 100_000_000
    other = home.run("40", *words[1:])
    assert (other.status, other.error["code"]) == (2, "usage_error")


def test_what_is_missing_is_said(home: Home, payer: Payer) -> None:
    """Of 120 that are held, 119.69 can arrive: fees take the rest."""
    done = home.run("121", "USDC", f"dev4:{new_address()}", "--yes", "--json", "--account", payer[0])
    assert (done.status, done.error["code"], done.error["sent"]) == (6, "cannot_pay", "no")
    assert "40 USDC on dev1, 40 USDC on dev2, 40 USDC on dev4" in done.error["message"]
    assert "USDC is missing" in done.error["message"]


def test_the_sender_narrows_the_choice(home: Home, payer: Payer) -> None:
    def sources(*words: str) -> set[str]:
        plan = home.must("plan", *words, "--json", "--account", payer[0]).json
        return {leg["source"] for leg in plan["legs"]}

    to = f"dev3:{new_address()}"
    assert sources("60", "USDC", to, "--from-chain", "dev1", "--from-chain", "dev4") == {"dev1", "dev4"}
    assert sources("30", "USDC", to, "--from-chain", "dev1") == {"dev1"}
    both = home.run("plan", "30", "USDC", to, "--fast", "--cheap", "--account", payer[0])
    assert both.status == 2
    capped = home.run("plan", "30", "USDC", to, "--max-fee", "0.01usd", "--account", payer[0])
    assert capped.status == 7
    assert "--max-fee" in capped.stderr
    unknown = home.run("plan", "30", "USDC", to, "--via", "teleport", "--account", payer[0])
    assert (unknown.status, "direct, eco" in unknown.stderr) == (2, True)


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_a_plan_fits_a_terminal_of_80_columns(home: Home, payer: Payer) -> None:
    with Terminal(home.environment | {"ETH_KEYSTORE_ACCOUNT": payer[0], "TERM": "xterm-256color"}) as terminal:
        terminal.start(sys.executable, "-m", "l2send", "plan", "100", "USDC", f"dev4:{new_address()}")
        status, shown = terminal.end()
    assert status == 0
    lines = shown.splitlines()
    heading = next(i for i, line in enumerate(lines) if line.split()[:3] == ["from", "by", "arrives"])
    assert [line.split()[0] for line in lines[heading + 1 : heading + 4]] == ["→", "+", "+"]
    assert "no chain can fund it alone; these 3 do it at the least cost" in shown
    assert "Dry run: nothing was signed and nothing was sent." in shown
