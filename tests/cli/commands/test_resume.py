"""`watch`, `resume` without a key, `resume --all`, and keys given in other ways."""

from __future__ import annotations

import os

import pytest

from l2send.core.address import Address
from tests.conftest import PASSWORD, Home
from tests.support.addresses import new_address


@pytest.fixture(scope="module")
def home(fresh_home: Home) -> Home:
    return fresh_home


@pytest.fixture(scope="module")
def payer(home: Home) -> tuple[str, Address]:
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="100", ETH="1")
    return name, address


def open_order(home: Home, payer: tuple[str, Address], to: Address) -> str:
    done = home.run("10", "USDC", f"dev4:{to}", "--yes", "--json", "--timeout", "1", "--account", payer[0])
    assert (done.status, done.json["state"]) == (8, "bridging"), done
    return str(done.json["id"])


def test_watching_needs_no_key_and_sees_the_fill(home: Home, payer: tuple[str, Address], no_solver: None) -> None:
    payment = open_order(home, payer, new_address())
    waiting = home.run("watch", payment, "--timeout", "1", "--json", ETH_PASSWORD="")
    assert (waiting.status, waiting.error["code"]) == (8, "not_final")
    home.must("devnet", "solver", "--mode", "fill")
    seen = home.must("watch", payment, "--json", ETH_PASSWORD="").json
    assert seen["state"] == "delivered"


def test_resuming_what_only_waits_needs_no_password(home: Home, payer: tuple[str, Address], no_solver: None) -> None:
    payment = open_order(home, payer, new_address())
    home.must("devnet", "solver", "--mode", "fill")
    assert home.must("resume", payment, "--json", ETH_PASSWORD="").json["state"] == "delivered"


def test_resume_all_finishes_what_is_open(home: Home, payer: tuple[str, Address], no_solver: None) -> None:
    payments = {open_order(home, payer, new_address()), open_order(home, payer, new_address())}
    home.must("devnet", "solver", "--mode", "fill")
    done = home.run("resume", "--all", "--json")
    assert done.stdout, done
    states = {p["id"]: p["state"] for p in done.json["payments"]}
    assert {states[payment] for payment in payments} == {"delivered"}
    assert not [p for p in home.must("history", "--json").json["payments"] if p["open"]]


def test_resume_all_carries_on_what_it_can_where_one_payment_cannot_be(
    home: Home, payer: tuple[str, Address], no_solver: None
) -> None:
    waiting = open_order(home, payer, new_address())
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="5", ETH="1")
    words = ("1", "USDC", f"dev1:{new_address()}", "--yes", "--account", name)
    assert home.run(*words, L2SEND_FAILPOINT="planned").status == -9
    (home.paths.keystores / f"{name}.json").unlink()
    home.must("devnet", "solver", "--mode", "fill")
    done = home.run("resume", "--all", "--json")
    states = {p["id"]: p["state"] for p in done.json["payments"]}
    (planned,) = (payment for payment, state in states.items() if state == "planned")
    assert states[waiting] == "delivered"
    assert (done.status, done.error["sent"]) == (3, "no")
    assert planned in done.stderr
    said = f"{planned}: 1 USDC to 0x"
    assert said in done.stderr, "which payment a password would be asked for"
    assert done.stderr.index(said) < done.stderr.index("was not resumed")
    once = home.run("resume", "--all")
    assert once.stderr.count("has no keystore here") == 1, "of a single payment its error is told once"
    assert home.run("cancel", planned, "--yes").status == 7


def test_resume_wants_one_payment_or_all(home: Home) -> None:
    assert home.run("resume", "p-x", "--all").status == 2


def test_the_password_may_come_from_a_descriptor(home: Home, payer: tuple[str, Address]) -> None:
    reader, writer = os.pipe()
    os.write(writer, PASSWORD.encode())
    os.close(writer)
    words = ("1", "USDC", f"dev1:{new_address()}", "--yes", "--account", payer[0], "--password-fd", str(reader))
    done = home.run_passing((reader,), *words, ETH_PASSWORD="")
    os.close(reader)
    assert done.status == 0, done


def test_a_private_key_in_argv_is_warned_about(home: Home) -> None:
    key = "0x" + "42" * 32
    sender = Address("0x17c5185167401eD00cF5F5b2fc97D9BBfDb7D025")
    home.fund(sender, "dev1", USDC="5", ETH="1")
    to = new_address()
    done = home.must("5", "USDC", f"dev1:{to}", "--yes", "--private-key", key)
    assert "can be read by other programs" in done.stderr
    assert "42" * 32 not in done.stderr + done.stdout
    assert home.holds(to, "dev1") == 5_000_000
