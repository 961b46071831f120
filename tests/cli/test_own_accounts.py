"""An own account's name is refused as a destination, with the line to type; the review says whose an address is."""

from __future__ import annotations

import json

import pytest

from l2send.cli.own_accounts import whose
from l2send.core.address import Address
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.inside import Inside, inside
from tests.support.schemas import check

__all__ = ["inside"]


@pytest.fixture
def rob(inside: Inside) -> Address:
    """The address of a keystore called rob, whose key is never needed."""
    address = new_address()
    inside.paths.keystores.mkdir(parents=True, mode=0o700)
    (inside.paths.keystores / "rob.json").write_text(
        json.dumps({"name": "rob", "crypto": {}, "address": address[2:].lower()})
    )
    return address


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("25 USDC base:rob", "l2send 25 USDC base:{}"),
        ("25 USDC rob@base", "l2send 25 USDC base:{}"),
        ("25 USDC to rob on base", "l2send 25 USDC base:{}"),
        ("25 USDC optimism rob", "l2send 25 USDC oeth:{}"),
        ("25 USDC rob", "l2send 25 USDC CHAIN:{}"),
        ("max ETH base:rob --dry-run", "l2send max ETH base:{} --dry-run"),
        ("plan 25 USDC base:rob", "l2send plan 25 USDC base:{}"),
        ("25 udsc base:rob --account ann", "l2send 25 USDC base:{} --account ann"),
        ("prepare 25 USDC base:rob -o pay.json --yes", "l2send prepare 25 USDC base:{} -o pay.json --yes"),
    ],
)
def test_its_name_is_no_destination(inside: Inside, rob: Address, typed: str, line: str) -> None:
    done = inside.run(*typed.split())
    said = " ".join(done.stderr.split())
    assert (done.status, "rob is an account of yours, and no contact" in said) == (2, True), done
    assert f"Write: {line.format(rob)}" in said


def test_it_can_be_looked_at_by_its_name(inside: Inside, rob: Address) -> None:
    for words in (("resolve", "base:rob"), ("resolve", "rob@base")):
        said = inside.must(*words).stdout
        assert f"base:{rob}" in said
        assert "rob, an account of yours" in said
    assert rob in inside.run("resolve", "rob").stderr, "an address exists on every chain"
    assert inside.run("resolve", "base:bob").status == 2
    inside.must("contacts", "add", "shop", "base:rob")
    assert inside.must("resolve", "shop", "--json").json["address"] == rob


def test_a_contact_of_that_name_comes_first(inside: Inside, rob: Address) -> None:
    inside.must("contacts", "add", "rob", f"base:{new_address()}")
    done = inside.run("25", "USDX", "rob")
    assert "'USDX' is not a token l2send knows on Base." in done.stderr
    assert rob not in done.stderr


def test_the_review_says_whose_an_address_is(inside: Inside, rob: Address) -> None:
    assert whose(rob, inside.paths) == "rob, an account of yours"
    assert whose(new_address(), inside.paths) == ""


def test_a_dry_run_says_whose_the_account_is_and_that_it_was_paid_before(home: Home) -> None:
    (name, own), (other, address) = home.new_account(), home.new_account()
    home.fund(own, "dev1", USDC="10", ETH="1")
    line = ("2", "USDC", f"dev1:{address}", "--account", name)
    assert f"{other}, an account of yours" in home.must(*line, "--yes").stderr
    said = " ".join(home.must(*line, "--dry-run").stderr.split())
    assert "You paid exactly this before (p-" in said
    assert "To pay it a second time needs --again, or your yes." in said
    document = home.must(*line, "--dry-run", "--json").json
    check(document)
    assert document["repeats"].startswith("p-")
    assert "exactly this" not in home.must(*line, "--dry-run", "--again").stderr
