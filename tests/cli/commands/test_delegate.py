"""`l2send wallet delegate` and `undelegate`: what is shown, asked and refused."""

from __future__ import annotations

import pytest

from l2send.core.address import Address
from l2send.core.errors import NodeError
from l2send.devnet.node import Node
from tests.conftest import Home
from tests.support.addresses import new_address

CODE = "0xe6Cae83BdE06E4c305530e199D7217f42808555B"


def funded(home: Home) -> tuple[str, Address]:
    name, address = home.new_account()
    home.fund(address, "dev1", ETH="1")
    return name, address


def test_an_account_is_delegated_shown_and_freed(home: Home) -> None:
    name, address = funded(home)
    done = home.must("wallet", "delegate", name, "--chain", "dev1", "--yes")
    assert "The account runs what was asked for." in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["account", "made", "cost", "see"]
    for words in ("can move all that the account has", "its hash is pinned: 0x", "for this chain and this nonce alone"):
        assert words in done.stderr
    shown = home.must("wallet", "show", name, "--chain", "dev1", "--json").json
    assert (shown["address"], shown["delegation"]["name"]) == (address, "simple7702account")
    assert f"runs {CODE}" in home.must("wallet", "show", name, "--chain", "dev1").stdout
    chains = ("--chain", "dev1", "--chain", "dev2", "--token", "ETH")
    held = home.must("balances", address, *chains, "--json").json["chains"]
    assert [(chain["account_is"], chain["delegates_to"]) for chain in held] == [("delegated", CODE), ("key", None)]
    words = f"on dev1: it delegates to the code simple7702account ({CODE}) (EIP-7702)"
    assert words in " ".join(home.must("balances", address, *chains, COLUMNS="200").stderr.split())
    home.must("wallet", "undelegate", name, "--chain", "dev1", "--yes")
    assert "delegates" not in home.must("balances", address, *chains).stderr
    shown = home.must("wallet", "show", name, "--chain", "dev1", "--json").json
    assert shown["delegation"] == {"chain": "dev1", "code": None, "name": None}


def test_what_cannot_be_done_is_said_before_anything_is_signed(home: Home) -> None:
    name, address = funded(home)
    unasked = home.run("wallet", "delegate", name, "--chain", "dev1", "--json")
    assert (unasked.status, unasked.error["sent"]) == (2, "no")
    unknown = home.run("wallet", "delegate", name, "--chain", "dev1", "--to", "other", "--yes", "--json")
    assert (unknown.status, unknown.error["sent"]) == (7, "no")
    assert "simple7702account" in unknown.error["message"]
    free = home.run("wallet", "undelegate", name, "--chain", "dev1", "--yes", "--json")
    assert (free.status, free.error["message"]) == (7, f"{address} delegates to nothing on Devnet 1 already.")


def test_foreign_code_is_named_refused_and_ended(home: Home) -> None:
    name, address = funded(home)
    node, foreign = Node(home.chain("dev1").rpcs[0]), new_address()
    node.call("anvil_setCode", address, "0xef0100" + foreign[2:])
    paid = home.run("0.1", "ETH", f"dev1:{new_address()}", "--yes", "--json", "--account", name)
    assert (paid.status, paid.error["sent"]) == (7, "no")
    assert f"delegates to {foreign}" in paid.error["message"]
    assert "wallet undelegate" in paid.error["hint"]
    over = home.run("wallet", "delegate", name, "--chain", "dev1", "--yes", "--json")
    assert (over.status, over.error["hint"]) == (7, "Nothing was signed. To take its place: --over-foreign")
    seen = " ".join(home.must("balances", address, "--chain", "dev1", COLUMNS="200").stderr.split())
    assert f"on dev1: it delegates to the code {foreign}, which l2send does not know (EIP-7702)" in seen
    found = home.run("doctor", "--json").json["findings"]
    assert any(f["name"] == "delegation" and f["health"] == "wrong" and foreign in f["says"] for f in found)
    home.must("wallet", "undelegate", name, "--chain", "dev1", "--yes")
    assert node.call("eth_getCode", address, "latest") == "0x"


def test_a_device_is_refused_before_anything_is_written_down(home: Home) -> None:
    name, _ = funded(home)
    before = home.must("history", "--json").json["payments"]
    refused = home.run("wallet", "delegate", name, "--chain", "dev1", "--ledger", "--yes", "--json")
    assert (refused.status, refused.error["sent"]) == (2, "no")
    assert home.must("history", "--json").json["payments"] == before


def test_foreign_code_that_refuses_every_call_is_ended(home: Home) -> None:
    """The account cannot be called while it delegates: an empty transaction to itself would revert."""
    name, address = funded(home)
    node, foreign = Node(home.chain("dev1").rpcs[0]), new_address()
    node.call("anvil_setCode", foreign, "0x60006000fd")
    node.call("anvil_setCode", address, "0xef0100" + foreign[2:])
    with pytest.raises(NodeError, match="revert"):
        node.call("eth_estimateGas", {"from": address, "to": address})
    home.must("wallet", "delegate", name, "--chain", "dev1", "--over-foreign", "--yes")
    node.call("anvil_setCode", address, "0xef0100" + foreign[2:])
    home.must("wallet", "undelegate", name, "--chain", "dev1", "--yes")
    assert node.call("eth_getCode", address, "latest") == "0x"
