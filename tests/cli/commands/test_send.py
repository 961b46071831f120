"""The main job, from the command line to the chains and back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from l2send.core.address import Address
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.solving import unfilled

Payer = tuple[str, Address]


@pytest.fixture
def payer(home: Home) -> Payer:
    """A fresh account with 100 USDC and 1 ETH on dev1, and nothing elsewhere."""
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="100", ETH="1")
    return name, address


def test_money_on_the_chain_is_sent_directly(home: Home, payer: Payer) -> None:
    to = new_address()
    paid = home.must("25", "USDC", f"dev1:{to}", "--yes", "--json", "--account", payer[0]).json
    assert paid["schema"] == "l2send.payment/1"
    assert (paid["state"], paid["destination"], paid["token"]) == ("delivered", f"dev1:{to}", "USDC")
    assert (paid["amount"]["base_units"], paid["amount"]["human"]) == ("25000000", "25")
    assert [(leg["bridge"], leg["source"]) for leg in paid["legs"]] == [("direct", "dev1")]
    assert [tx["kind"] for tx in paid["transactions"]] == ["transfer"]
    assert home.holds(to, "dev1") == 25_000_000
    assert home.holds(payer[1], "dev1") == 75_000_000


def test_the_same_command_bridges_when_the_money_is_elsewhere(home: Home, payer: Payer) -> None:
    to = new_address()
    paid = home.must("25", "USDC", f"dev4:{to}", "--yes", "--json", "--account", payer[0]).json
    (leg,) = paid["legs"]
    assert (paid["state"], leg["bridge"], leg["source"], leg["order_state"]) == ("delivered", "eco", "dev1", "filled")
    assert [tx["kind"] for tx in paid["transactions"]] == ["approve", "open"]
    assert home.holds(to, "dev4") == 25_000_000
    assert home.holds(payer[1], "dev1") == 100_000_000 - int(leg["pays"]["base_units"])


def test_native_coin_is_sent_and_bridged(home: Home, payer: Payer) -> None:
    to = new_address()
    home.must("0.1", "ETH", f"dev1:{to}", "--yes", "--account", payer[0])
    assert home.holds(to, "dev1", "ETH") == 10**17
    home.must("0.1", "ETH", f"dev2:{to}", "--yes", "--account", payer[0])
    assert home.holds(to, "dev2", "ETH") == 10**17


def test_gas_must_be_there_too(home: Home) -> None:
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="100")
    done = home.run("25", "USDC", f"dev1:{new_address()}", "--yes", "--json", "--account", name)
    assert (done.status, done.error["sent"]) == (6, "no")
    assert "no ETH on Devnet 1 for gas" in done.error["message"]


def test_the_l1_data_fee_is_part_of_the_plan(home: Home) -> None:
    name, address = home.new_account()
    home.fund(address, "dev3", USDC="100", ETH="1")
    plan = home.must("25", "USDC", f"dev3:{new_address()}", "--dry-run", "--json", "--account", name).json
    fees = {fee["name"]: int(fee["amount"]["base_units"]) for fee in plan["legs"][0]["fees"]}
    assert fees["L1 data fee"] > 0


def test_a_dry_run_shows_the_plan_and_sends_nothing(home: Home, payer: Payer) -> None:
    to = new_address()
    plan = home.must("25", "USDC", f"dev4:{to}", "--dry-run", "--json", "--account", payer[0]).json
    assert plan["schema"] == "l2send.plan/1"
    assert any(str(to) in effect for effect in plan["effects"])
    assert home.holds(to, "dev4") == 0
    paid = [p["destination"] for p in home.must("history", "--json").json["payments"]]
    assert f"dev4:{to}" not in paid


def test_a_dry_run_needs_an_address_and_no_key(home: Home, payer: Payer) -> None:
    keyless = home.must(
        "25", "USDC", f"dev4:{new_address()}", "--dry-run", "--json", "--from", payer[1], ETH_PASSWORD=""
    )
    assert keyless.json["sender"] == payer[1]


@pytest.mark.lab
def test_an_ignored_order_is_not_final_then_refunded(home: Home, payer: Payer) -> None:
    to = new_address()
    home.must("devnet", "solver", "--mode", "ignore")
    try:
        words = ("10", "USDC", f"dev4:{to}", "--yes", "--json", "--timeout", "2", "--account", payer[0])
        waiting = home.run(*words)
        assert (waiting.status, waiting.json["state"]) == (8, "bridging")
        payment = waiting.json["id"]
        assert home.run("status", payment, "--json").json["legs"][0]["order_state"] == "open"
        assert home.holds(payer[1], "dev1") < 90_000_000
        home.must("devnet", "advance", "7200")
        due = home.run("status", payment, "--json")
        assert (due.status, due.json["state"]) == (9, "refund_due")
        back = home.run("resume", payment, "--json", "--account", payer[0])
        assert (back.status, back.json["state"]) == (9, "refunded")
    finally:
        home.must("devnet", "solver", "--mode", "fill")
    assert home.holds(payer[1], "dev1") == 100_000_000
    assert home.holds(to, "dev4") == 0


@pytest.mark.lab
def test_a_fill_of_less_is_not_taken_for_delivery(home: Home, payer: Payer) -> None:
    """The solver pays a look-alike order with a smaller amount: a true event of the Portal, of another order."""
    to = new_address()
    home.must("devnet", "solver", "--mode", "underfill")
    try:
        waiting = home.run("10", "USDC", f"dev4:{to}", "--yes", "--json", "--timeout", "4", "--account", payer[0])
        received = home.holds(to, "dev4")
    finally:
        home.must("devnet", "solver", "--mode", "fill")
    assert 0 < received < 10_000_000, "the solver did not underfill, so this test showed nothing"
    assert (waiting.status, waiting.json["state"]) == (8, "bridging")


def test_a_bridge_that_takes_too_much_is_refused_unless_allowed(home: Home, payer: Payer) -> None:
    words = ("0.1", "USDC", f"dev4:{new_address()}", "--dry-run", "--json", "--account", payer[0])
    refused = home.run(*words)
    assert (refused.status, refused.error["code"], refused.error["sent"]) == (7, "refused", "no")
    assert "--max-fee" in refused.error["hint"]
    home.must(*words, "--max-fee", "1000")


def test_the_same_payment_twice_is_refused_while_it_is_open(home: Home, payer: Payer) -> None:
    to = new_address()
    words = ("10", "USDC", f"dev4:{to}", "--yes", "--json", "--account", payer[0])
    home.must("devnet", "solver", "--mode", "ignore")
    try:
        first = home.run(*words, "--timeout", "1")
        second = home.run(*words)
    finally:
        home.must("devnet", "solver", "--mode", "fill")
    assert first.status == 8
    assert second.status == 7
    assert first.json["id"] in second.error["message"]


def test_an_idempotency_key_pays_once(home: Home, payer: Payer) -> None:
    to = new_address()
    words = ("10", "USDC", f"dev1:{to}", "--yes", "--json", "--account", payer[0], "--idempotency-key", f"inv-{to}")
    first, second = home.must(*words).json, home.must(*words).json
    assert first["id"] == second["id"]
    assert home.holds(to, "dev1") == 10_000_000
    other = home.run("11", *words[1:])
    assert (other.status, other.error["code"]) == (2, "usage_error")


@pytest.mark.lab
@pytest.mark.parametrize(
    ("place", "destination"),
    [("journaled", "dev1"), ("after_broadcast", "dev1"), ("journaled:2", "dev4"), ("order_opened", "dev4")],
)
def test_killed_and_resumed_pays_once(home: Home, payer: Payer, tmp_path: Path, place: str, destination: str) -> None:
    """kill -9 between journal and broadcast, after the broadcast, and between `open` and fill."""
    to, proof = new_address(), tmp_path / "proof"
    words = ("25", "USDC", f"{destination}:{to}", "--yes", "--account", payer[0])
    with unfilled(home):  # a fill that is seen first leaves out that the order is open
        killed = home.run(*words, L2SEND_FAILPOINT=place, L2SEND_FAILPOINT_PROOF=str(proof))
    assert killed.status == -9
    assert proof.read_text() == f"{place}\n"
    payment = home.must("history", "--json").json["payments"][0]
    assert payment["destination"] == f"{destination}:{to}"
    assert payment["open"]
    resumed = home.must("resume", payment["id"], "--json", "--account", payer[0]).json
    again = home.must("resume", payment["id"], "--json", "--account", payer[0]).json
    assert resumed["state"] == again["state"] == "delivered"
    assert home.holds(to, destination) == 25_000_000
    spent = 100_000_000 - int(resumed["legs"][0]["pays"]["base_units"])
    assert home.holds(payer[1], "dev1") == spent


def test_files_are_for_their_owner_alone(home: Home, payer: Payer) -> None:
    home.must("1", "USDC", f"dev1:{new_address()}", "--yes", "--account", payer[0])
    loose = [
        path
        for folder in (home.paths.config, home.paths.state)
        for path in folder.rglob("*")
        if os.stat(path).st_mode & 0o077
    ]
    assert not loose
