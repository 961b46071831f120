"""`l2send max`: the balance, less the cost of sending it, to the wei where the chain allows that."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import pytest

from l2send.core.address import Address
from l2send.core.calldata import Function
from l2send.devnet.node import Node
from l2send.devnet.opstack import GAS_PRICE_ORACLE
from l2send.wallet.journal.sqlite import SqliteJournal
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.terminal import Terminal

pytestmark = pytest.mark.lab

GET_L1_FEE = Function("getL1Fee(bytes)", "uint256")


def node(home: Home, chain: str) -> Node:
    return Node(home.chain(chain).rpcs[0])


def account(home: Home, **amounts: dict[str, str]) -> tuple[str, Address]:
    """A fresh account that holds these tokens: `dev1={"USDC": "5"}`."""
    name, address = home.new_account()
    for chain, tokens in amounts.items():
        home.fund(address, chain, **tokens)
    return name, address


def l1_fee(home: Home, length: int = 110) -> int:
    """What dev3 charges for that many bytes that do not compress."""
    answer: int = GET_L1_FEE.decode_result(
        node(home, "dev3").eth_call(GAS_PRICE_ORACLE, GET_L1_FEE.encode(b"\xff" * length))
    )[0]
    return answer


def test_a_whole_token_balance_is_sent_directly(home: Home) -> None:
    name, sender = account(home, dev1={"USDC": "12.345678", "ETH": "1"})
    to = new_address()
    paid = home.must("max", "USDC", f"dev1:{to}", "--yes", "--json", "--account", name).json
    assert paid["schema"] == "l2send.payment/1"
    assert (paid["state"], paid["amount"]["human"]) == ("delivered", "12.345678")
    assert [leg["bridge"] for leg in paid["legs"]] == ["direct"]
    assert home.holds(to, "dev1") == 12_345_678
    assert home.holds(sender, "dev1") == 0


@pytest.mark.parametrize("chain", ["dev1", "dev2"])
@pytest.mark.parametrize("word", ["max", "ALL"])
def test_native_coin_is_sent_to_the_last_wei(home: Home, chain: str, word: str) -> None:
    name, sender = account(home, **{chain: {"ETH": "0.123456789012345678"}})
    to = new_address()
    done = home.must(word, "ETH", f"{chain}:{to}", "--yes", "--account", name)
    assert home.holds(sender, chain, "ETH") == 0
    assert "is left with exactly 0 ETH" in done.stderr
    payment = home.must("history", "--json").json["payments"][0]
    assert home.holds(to, chain, "ETH") == int(payment["amount"]["base_units"])
    receipt = node(home, chain).call("eth_getTransactionReceipt", payment["transactions"][0]["hash"])
    fee = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    assert home.holds(to, chain, "ETH") + fee == 123_456_789_012_345_678


def test_what_was_shown_is_what_is_signed(home: Home) -> None:
    """One figure: the price in the journal's step is that of the plan, and of the mined transaction."""
    name, _ = account(home, dev1={"ETH": "0.5"})
    paid = home.must("max", "ETH", f"dev1:{new_address()}", "--yes", "--json", "--account", name).json
    journal = SqliteJournal(home.paths.journal)
    step = journal.get(paid["id"]).transactions[0].step
    journal.close()
    assert step.price is not None
    assert (step.gas, step.price.tip) == (21_000, step.price.max_fee_per_gas)
    mined = node(home, "dev1").call("eth_getTransactionByHash", paid["transactions"][0]["hash"])
    assert int(mined["maxFeePerGas"], 16) == int(mined["maxPriorityFeePerGas"], 16) == step.price.max_fee_per_gas
    assert int(paid["legs"][0]["fees"][0]["amount"]["base_units"]) == 21_000 * step.price.max_fee_per_gas


def test_on_an_op_stack_chain_only_the_margin_of_the_l1_fee_is_left(home: Home) -> None:
    name, sender = account(home, dev3={"ETH": "0.5"})
    to = new_address()
    done = home.must("max", "ETH", f"dev3:{to}", "--yes", "--account", name)
    left = home.holds(sender, "dev3", "ETH")
    assert 0 < left < l1_fee(home) * 125 // 100
    assert "the L1 data fee moves" in done.stderr
    gone = 5 * 10**17 - left - home.holds(to, "dev3", "ETH")
    payment = home.must("history", "--json").json["payments"][0]
    receipt = node(home, "dev3").call("eth_getTransactionReceipt", payment["transactions"][0]["hash"])
    gas = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    assert 0 < gone - gas <= l1_fee(home), "the L1 fee was not charged"


def test_a_contract_that_uses_more_gas_is_paid_and_the_rest_is_stated(home: Home) -> None:
    name, sender = account(home, dev1={"ETH": "0.5"})
    to = new_address()
    node(home, "dev1").call("anvil_setCode", to, "0x5f545f555f5000")  # reads and writes a slot
    done = home.must("max", "ETH", f"dev1:{to}", "--yes", "--account", name)
    assert "fees that may not be used up" in done.stderr
    assert 0 < home.holds(sender, "dev1", "ETH") < 10**15


def test_a_base_fee_that_rose_meanwhile_is_refused_before_signing(home: Home) -> None:
    """The plan is made, the fee rises while a person reads it: nothing is sent, and it says why."""
    name, sender = account(home, dev1={"ETH": "0.5"})
    to = new_address()
    home.run("max", "ETH", f"dev1:{to}", "--yes", "--account", name, L2SEND_FAILPOINT="planned")
    payment = home.must("history", "--json").json["payments"][0]
    assert payment["destination"] == f"dev1:{to}"
    chain = node(home, "dev1")
    chain.batch([("anvil_setNextBlockBaseFeePerGas", [hex(10**12)]), ("evm_mine", [])])
    try:
        done = home.run("resume", payment["id"], "--json", "--account", name)
    finally:
        chain.batch([("anvil_setNextBlockBaseFeePerGas", ["0x1"]), ("evm_mine", [])])
    assert (done.status, done.error["code"], done.error["sent"]) == (7, "refused", "no")
    assert "base fee" in done.error["message"]
    assert home.holds(to, "dev1", "ETH") == 0
    assert home.must("resume", payment["id"], "--json", "--account", name).json["state"] == "delivered"
    assert home.holds(sender, "dev1", "ETH") == 0


def test_through_a_bridge_nearly_everything_arrives_and_never_more_is_paid(home: Home) -> None:
    name, sender = account(home, dev1={"USDC": "100", "ETH": "1"})
    to = new_address()
    done = home.must("max", "USDC", f"dev4:{to}", "--yes", "--json", "--account", name)
    (leg,) = done.json["legs"]
    assert (done.json["state"], leg["bridge"], leg["source"]) == ("delivered", "eco", "dev1")
    left = home.holds(sender, "dev1")
    assert left == 100_000_000 - int(leg["pays"]["base_units"])
    assert 0 <= left <= 2_000, "more than 0.002 USDC was left behind"
    assert home.holds(to, "dev4") == int(done.json["amount"]["base_units"]) > 99_000_000
    if left:
        assert f"0.{left:06}".rstrip("0") + " USDC stays on Devnet 1" in done.stderr


def test_native_coin_through_a_bridge_leaves_room_for_its_gas(home: Home) -> None:
    name, sender = account(home, dev1={"ETH": "1"})
    to = new_address()
    done = home.must("max", "ETH", f"dev2:{to}", "--yes", "--json", "--account", name)
    assert done.json["state"] == "delivered"
    assert home.holds(to, "dev2", "ETH") == int(done.json["amount"]["base_units"]) > 99 * 10**16
    assert 0 < home.holds(sender, "dev1", "ETH") < 10**16
    assert "stays on Devnet 1" in done.stderr


def test_several_chains_deliver_together(home: Home) -> None:
    name, _ = account(home, dev1={"USDC": "50", "ETH": "1"}, dev2={"USDC": "60", "ETH": "1"}, dev4={"USDC": "1"})
    words = ("max", "USDC", f"dev4:{new_address()}", "--dry-run", "--json", "--account", name)
    plan = home.must(*words).json
    assert [leg["source"] for leg in plan["legs"]] == ["dev1", "dev2"]
    assert [int(leg["pays"]["base_units"]) for leg in plan["legs"]] == [50_000_000, 60_000_000]
    assert any(line.startswith("dev4 by direct: ") for line in plan["rejected"])
    here = home.run(*words, "--via", "direct")
    assert here.error["message"].startswith("no ETH on Devnet 4 for gas"), "dev4 has no coin for gas"
    narrowed = home.must(*words, "--from-chain", "dev1").json
    assert [leg["source"] for leg in narrowed["legs"]] == ["dev1"]


def test_nothing_is_nothing(home: Home) -> None:
    name, _ = account(home, dev1={"ETH": "0.000000000000000001"})
    for token in ("USDC", "ETH"):
        done = home.run("max", token, f"dev1:{new_address()}", "--yes", "--json", "--account", name)
        assert (done.status, done.error["code"], done.error["sent"]) == (6, "cannot_pay", "no")


def test_a_fee_above_the_limit_is_refused(home: Home) -> None:
    name, _ = account(home, dev1={"USDC": "1", "ETH": "1"})
    words = ("max", "USDC", f"dev4:{new_address()}", "--dry-run", "--json", "--account", name)
    assert home.run(*words).error["code"] == "refused"
    home.must(*words, "--max-fee", "90%")


def test_an_idempotency_key_pays_once_although_the_amount_changes(home: Home) -> None:
    name, sender = account(home, dev1={"ETH": "0.5"})
    to = new_address()
    words = ("max", "ETH", f"dev1:{to}", "--yes", "--json", "--account", name, "--idempotency-key", f"sweep-{to}")
    first = home.must(*words).json
    home.fund(sender, "dev1", ETH="0.5")
    assert home.must(*words).json["id"] == first["id"]
    assert home.holds(sender, "dev1", "ETH") == 5 * 10**17
    other = home.run("max", "ETH", f"dev1:{new_address()}", *words[3:])
    assert (other.status, other.error["code"]) == (2, "usage_error")


def test_planning_needs_an_address_and_no_key(home: Home) -> None:
    _, sender = account(home, dev1={"USDC": "7", "ETH": "1"})
    words = ("max", "USDC", f"dev1:{new_address()}", "--dry-run", "--json", "--from", sender)
    plan = home.must(*words, ETH_PASSWORD="").json
    assert (plan["sender"], plan["amount"]["human"]) == (sender, "7")


@pytest.fixture
def terminal(home: Home) -> Iterator[Terminal]:
    if not shutil.which("tmux"):
        pytest.skip("tmux is not installed")
    name, _ = account(home, dev1={"USDC": "7", "ETH": "1"})
    with Terminal(home.environment | {"ETH_KEYSTORE_ACCOUNT": name, "TERM": "xterm-256color"}) as made:
        yield made


def test_max_can_be_typed_where_the_amount_is_asked_for(home: Home, terminal: Terminal) -> None:
    to = new_address()
    terminal.start(sys.executable, "-m", "l2send")
    terminal.wait_for("Pay to")
    terminal.type(f"dev1:{to}")
    terminal.press("Enter")
    terminal.wait_for("Token")
    terminal.press("Down", "Enter")
    terminal.wait_for("or max")
    terminal.type("max")
    terminal.press("Enter")
    terminal.wait_for("? A memo")
    terminal.press("Enter")
    terminal.wait_for("Pay 7 USDC to")
    terminal.type("yes")
    terminal.press("Enter")
    terminal.wait_for("What next?")
    terminal.press("Enter")
    assert terminal.end()[0] == 0
    assert home.holds(to, "dev1") == 7_000_000
