"""Payments through Across, from the command line to the real contracts and back."""

from __future__ import annotations

from typing import Any

import pytest

from l2send.core.address import Address
from l2send.devnet import solver_client, state
from l2send.devnet.node import Node
from l2send.devnet.relays import SETTLEMENT_SECONDS
from l2send.devnet.state import Devnet
from tests.conftest import Done, Home
from tests.support.addresses import new_address
from tests.support.contracts import send_unlocked

pytestmark = pytest.mark.lab

Payer = tuple[str, Address]


@pytest.fixture
def payer(home: Home) -> Payer:
    """A fresh account with 100 USDC and 1 ETH on dev1, and nothing elsewhere."""
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="100", ETH="1")
    return name, address


@pytest.fixture
def devnet(home: Home) -> Devnet:
    return state.require(home.paths.state)


def pay(home: Home, payer: Payer, amount: str, token: str, to: Address, *more: str) -> Done:
    words = (amount, token, f"dev4:{to}", "--via", "across", "--yes", "--json", "--account", payer[0])
    return home.run(*words, *more)


def relay_of(devnet: Devnet, payment: dict[str, Any]) -> dict[str, Any]:
    """What the devnet's relayer knows of a payment's deposit."""
    order_id = payment["legs"][0]["order_id"]
    return next(d for d in solver_client.deposits(devnet) if d["relay_hash"] == order_id)


def test_tokens_are_delivered(home: Home, payer: Payer, devnet: Devnet) -> None:
    to = new_address()
    done = pay(home, payer, "25", "USDC", to)
    assert done.status == 0, done
    (leg,) = done.json["legs"]
    assert (done.json["state"], leg["bridge"], leg["order_state"]) == ("delivered", "across", "filled")
    assert [tx["kind"] for tx in done.json["transactions"]] == ["approve", "open"]
    assert home.holds(to, "dev4") == 25_000_000
    assert home.holds(payer[1], "dev1") == 100_000_000 - int(leg["pays"]["base_units"])
    assert relay_of(devnet, done.json)["transactions"]["fill"] == leg["fill_tx"]


def test_native_coin_is_delivered(home: Home, payer: Payer) -> None:
    to = new_address()
    done = pay(home, payer, "0.1", "ETH", to)
    assert (done.status, done.json["state"]) == (0, "delivered")
    assert [tx["kind"] for tx in done.json["transactions"]] == ["open"]
    assert home.holds(to, "dev4", "ETH") == 10**17


@pytest.mark.parametrize(("amount", "token", "units"), [("25", "USDC", 25_000_000), ("0.1", "ETH", 10**17)])
def test_a_deposit_carries_the_integrators_id(
    home: Home, payer: Payer, devnet: Devnet, amount: str, token: str, units: int
) -> None:
    """Appended to what the real settler, or pool, takes as it always does."""
    to = new_address()
    words = (amount, token, f"dev4:{to}", "--via", "across", "--yes", "--json", "--account", payer[0])
    done = home.run(*words, ACROSS_INTEGRATOR_ID="0xdead")
    assert (done.status, done.json["state"], home.holds(to, "dev4", token)) == (0, "delivered", units)
    assert "for the integrator 0xdead" in done.stderr
    sent = Node(devnet.chain("dev1").rpc_url).call("eth_getTransactionByHash", done.json["transactions"][-1]["hash"])
    assert sent["input"].endswith("1dc0dedead")
    refused = home.run(*words, "--again", ACROSS_INTEGRATOR_ID="me")
    assert (refused.status, refused.error["sent"]) == (6, "no")
    assert "no integrator id of Across: that has two bytes" in refused.error["message"]


def test_a_contract_is_paid_the_wrapped_coin_and_that_is_said(home: Home, payer: Payer, devnet: Devnet) -> None:
    to = new_address()
    Node(devnet.chain("dev4").rpc_url).call("anvil_setCode", to, "0x6001600101")
    done = pay(home, payer, "0.1", "ETH", to)
    assert (done.status, done.json["state"]) == (0, "delivered")
    assert "pays it WETH, not ETH" in done.stderr
    assert (home.holds(to, "dev4", "ETH"), home.holds(to, "dev4", "WETH")) == (0, 10**17)


@pytest.mark.parametrize(("amount", "token", "back"), [("20", "USDC", "USDC"), ("0.1", "ETH", "WETH")])
def test_what_is_not_filled_is_refund_due_then_refunded(
    home: Home, payer: Payer, devnet: Devnet, amount: str, token: str, back: str
) -> None:
    to, before = new_address(), home.holds(payer[1], "dev1", back)
    home.must("devnet", "solver", "--mode", "ignore")
    try:
        waiting = pay(home, payer, amount, token, to, "--timeout", "2")
        assert (waiting.status, waiting.json["state"]) == (8, "bridging")
        payment = waiting.json["id"]
        paid = int(waiting.json["legs"][0]["pays"]["base_units"])
        past_deadline(home, devnet, waiting.json)
        due = home.run("status", payment, "--json")
        assert (due.status, due.json["state"]) == (9, "refund_due")
        assert "pays the money back to its sender" in str(due.json)
        asked = home.run("resume", payment, "--account", payer[0], ETH_PASSWORD="")
        assert asked.status == 9, "no password is needed where nothing is signed"
        assert "refund due. The recipient got nothing; across pays the money back by itself." in asked.stdout
        assert "You have nothing to sign." in " ".join(asked.stdout.split())
        assert f"l2send status {payment}" in asked.stdout
        assert home.run("status", payment, "--json").json["state"] == "refund_due", "expired is not refunded"
        home.must("devnet", "advance", str(SETTLEMENT_SECONDS))
        settled(devnet, waiting.json, "refunded")
        refunded = home.run("status", payment, "--json")
        assert (refunded.status, refunded.json["state"]) == (9, "refunded")
    finally:
        home.must("devnet", "solver", "--mode", "fill")
    assert relay_of(devnet, waiting.json)["transactions"]["refund"] in str(refunded.json)
    assert home.holds(payer[1], "dev1", back) == before + (paid if back == "WETH" else 0)
    assert home.holds(to, "dev4", token) == 0


def test_what_is_too_late_to_be_signed_asks_for_no_password(home: Home, payer: Payer) -> None:
    words = ("20", "USDC", f"dev4:{new_address()}", "--via", "across", "--yes", "--account", payer[0])
    assert home.run(*words, L2SEND_FAILPOINT="planned").status == -9
    payment = home.must("history", "-n", "1", "--json").json["payments"][0]["id"]
    home.must("devnet", "advance", "2h")
    late = home.run("resume", payment, "--account", payer[0], ETH_PASSWORD="")
    assert (late.status, late.stderr.count("was cancelled")) == (7, 1), late
    assert home.run("status", payment, "--json").json["state"] == "cancelled"


def test_a_fill_of_less_and_a_spoofed_event_are_not_delivery(home: Home, payer: Payer, devnet: Devnet) -> None:
    """The pool's own event of a look-alike with our deposit id, and our very event from another contract."""
    to, chain = new_address(), devnet.chain("dev4")
    home.must("devnet", "solver", "--mode", "underfill")
    try:
        waiting = pay(home, payer, "20", "USDC", to, "--timeout", "3")
        assert (waiting.status, waiting.json["state"]) == (8, "bridging")
        received = home.holds(to, "dev4")
        node = Node(chain.rpc_url)
        receipt = node.call("eth_getTransactionReceipt", relay_of(devnet, waiting.json)["transactions"]["underfill"])
        (truly,) = (log for log in receipt["logs"] if log["address"].lower() == chain.spoke_pool.lower())
        spoofed = emit(node, chain.issuer, truly["topics"], exact(truly["data"]))
        status = home.run("status", waiting.json["id"], "--json")
    finally:
        home.must("devnet", "solver", "--mode", "fill")
    assert received == 10_000_000, "the relayer did not underfill, so this test showed nothing"
    assert spoofed["topics"] == truly["topics"], "no event was spoofed, so this test showed nothing"
    assert (status.status, status.json["state"], status.json["legs"][0]["order_state"]) == (8, "bridging", "open")


def exact(data: str) -> bytes:
    """A FilledRelay's data with the amounts of the real order: the look-alike paid half."""
    raw = bytearray.fromhex(data[2:])
    for word in (3, 13):  # outputAmount, updatedOutputAmount
        assert int.from_bytes(raw[32 * word : 32 * word + 32], "big") == 10_000_000
        raw[32 * word : 32 * word + 32] = (20_000_000).to_bytes(32, "big")
    return bytes(raw)


# LOG4 of the calldata: four topics, then the data.
_EMITTER = "0x608036038060805f376060356040356020355f35845fa400"


def emit(node: Node, sender: str, topics: list[str], data: bytes) -> dict[str, Any]:
    """The event that a foreign contract emits, as the chain has it."""
    contract = new_address()
    node.call("anvil_setCode", contract, _EMITTER)
    words = b"".join(bytes.fromhex(topic[2:]) for topic in topics)
    (log,) = send_unlocked(node, sender, contract, words + data)["logs"]
    assert bytes.fromhex(log["data"][2:]) == data
    return dict(log)


def past_deadline(home: Home, devnet: Devnet, payment: dict[str, Any]) -> None:
    """Move every clock until the order is past its deadline by both chains: tests before have moved them apart, and the
    order's time to be filled begins at the one that is ahead.
    """
    latest = [
        Node(devnet.chain(chain).rpc_url).call("eth_getBlockByNumber", "latest", False) for chain in ("dev1", "dev4")
    ]
    behind = min(int(block["timestamp"], 16) for block in latest)
    home.must("devnet", "advance", str(payment["legs"][0]["refund_after"] - behind + 60))


def settled(devnet: Devnet, payment: dict[str, Any], wanted: str) -> None:
    for _ in range(200):
        if relay_of(devnet, payment)["state"] == wanted:
            return
        Node(devnet.chain("dev1").rpc_url).call("evm_mine")
    raise AssertionError(relay_of(devnet, payment))
