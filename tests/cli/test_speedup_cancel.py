"""Payments on chains that mine nothing: sped up, cancelled, killed, and short of the L1 fee by one wei."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from l2send.core.address import Address
from l2send.core.errors import Refused
from l2send.core.fees import gas_price, l1_fee
from l2send.core.plan import Step, StepKind, UnsignedTx
from l2send.core.rpc import open_rpcs
from l2send.core.units import ChainId, Gas, Wei
from l2send.devnet.node import Node
from l2send.guard import Guard
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.replacement import cancel_tx
from tests.conftest import Done, Home, make_home
from tests.support.addresses import new_address
from tests.support.terminal import Terminal

pytestmark = pytest.mark.lab

Payer = tuple[str, Address]
FUNDS, AMOUNT = 10**18, 10**17


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A devnet of its own, whose chains mine only when they are told to."""
    made = make_home(tmp_path_factory.mktemp("still"))
    made.must("devnet", "up", "--chains", "3")
    for chain in ("dev1", "dev2", "dev3"):
        node(made, chain).call("evm_setAutomine", False)
        node(made, chain).call("evm_setIntervalMining", 0)
    yield made
    made.run("devnet", "down")


@pytest.fixture
def payer(still: Home) -> Payer:
    name, address = still.new_account()
    for chain in ("dev1", "dev3"):
        still.fund(address, chain, ETH="1")
    return name, address


def node(home: Home, chain: str) -> Node:
    return Node(home.chain(chain).rpcs[0])


def mine(home: Home, chain: str = "dev1", blocks: int = 1) -> None:
    node(home, chain).call("anvil_mine", hex(blocks))


def record(home: Home, payment: str) -> PaymentRecord:
    journal = SqliteJournal(home.paths.journal)
    try:
        return journal.get(payment)
    finally:
        journal.close()


def waiting(home: Home, payer: Payer, to: Address) -> str:
    """The id of a payment of 0.1 ETH that a node has and no block."""
    words = ("0.1", "ETH", f"dev1:{to}", "--yes", "--json", "--timeout", "0.5", "--account", payer[0])
    done = home.run(*words)
    assert (done.status, done.json["state"]) == (8, "sending"), done
    return str(done.json["id"])


def outbid(home: Home, word: str, payment: str, payer: Payer, **environment: str) -> Done:
    words = (word, payment, "--yes", "--json", "--timeout", "0.5", "--account", payer[0])
    return home.run(*words, **environment)


def test_a_payment_is_made_faster(still: Home, payer: Payer) -> None:
    to = new_address()
    payment = waiting(still, payer, to)
    done = outbid(still, "speedup", payment, payer)
    assert (done.status, done.json["schema"], done.json["state"]) == (8, "l2send.payment/1", "sending")
    assert "the same transfer again" in done.stderr
    assert "before: " in done.stderr
    mine(still)
    paid = still.must("resume", payment, "--json").json
    assert [(tx["kind"], tx["state"]) for tx in paid["transactions"]] == [("transfer", "void"), ("transfer", "final")]
    assert paid["transactions"][1]["replaces"] == paid["transactions"][0]["hash"]
    assert still.holds(to, "dev1", "ETH") == AMOUNT
    shown = still.must("status", payment).stdout
    assert paid["transactions"][1]["hash"] in shown
    assert paid["transactions"][0]["hash"] not in shown, "a payment that was sped up is one line"
    late = outbid(still, "speedup", payment, payer)
    assert (late.status, late.error["code"], late.error["sent"]) == (7, "refused", "yes")
    assert "mined already" in late.error["message"]


def test_a_payment_is_cancelled(still: Home, payer: Payer) -> None:
    to = new_address()
    payment = waiting(still, payer, to)
    done = outbid(still, "cancel", payment, payer)
    assert (done.status, done.json["state"]) == (8, "sending")
    assert "a transfer of nothing to yourself" in done.stderr
    mine(still)
    gone = still.run("resume", payment, "--json")
    assert (gone.status, gone.json["state"], gone.json["open"]) == (7, "cancelled", False)
    assert [tx["kind"] for tx in gone.json["transactions"]] == ["transfer", "cancel"]
    assert still.holds(to, "dev1", "ETH") == 0
    assert FUNDS - still.holds(payer[1], "dev1", "ETH") < 10**15
    assert still.run("status", payment, "--json").status == 7


def test_what_was_never_signed_is_cancelled_without_a_signature(still: Home, payer: Payer) -> None:
    to = new_address()
    words = ("0.1", "ETH", f"dev1:{to}", "--yes", "--account", payer[0])
    assert still.run(*words, L2SEND_FAILPOINT="planned").status == -9
    payment = still.must("history", "--json").json["payments"][0]["id"]
    done = still.run("cancel", payment, "--yes", "--json", ETH_PASSWORD="")
    assert (done.status, done.json["state"], done.json["transactions"]) == (7, "cancelled", [])
    assert "Nothing needs to be sent" in done.stderr
    assert still.run("resume", payment, "--json").status == 7
    assert node(still, "dev1").quantity("eth_getTransactionCount", payer[1], "pending") == 0


@pytest.mark.parametrize("word", ["speedup", "cancel"])
def test_killed_between_journal_and_broadcast_then_resumed(
    still: Home, payer: Payer, tmp_path: Path, word: str
) -> None:
    to, proof = new_address(), tmp_path / "proof"
    payment = waiting(still, payer, to)
    killed = outbid(still, word, payment, payer, L2SEND_FAILPOINT="journaled", L2SEND_FAILPOINT_PROOF=str(proof))
    assert (killed.status, proof.read_text()) == (-9, "journaled\n")
    assert len(record(still, payment).transactions) == 2
    still.run("resume", payment, "--json", "--timeout", "0.5")
    mine(still)
    ended = still.run("resume", payment, "--json").json
    assert ended["state"] == {"speedup": "delivered", "cancel": "cancelled"}[word]
    assert still.holds(to, "dev1", "ETH") == {"speedup": AMOUNT, "cancel": 0}[word]
    assert node(still, "dev1").quantity("eth_getTransactionCount", payer[1], "latest") == 1


def test_each_part_of_a_payment_from_several_chains_is_cancelled_by_its_own_id(still: Home, payer: Payer) -> None:
    to = new_address()
    for chain in ("dev1", "dev2"):
        still.fund(payer[1], chain, ETH="1")
        give_usdc(still, payer[1], chain)
    words = ("15", "USDC", f"dev3:{to}", "--yes", "--json", "--timeout", "0.5", "--account", payer[0])
    begun = still.run(*words)
    assert begun.status == 8, begun
    payment, parts = begun.json["id"], [leg["id"] for leg in begun.json["legs"]]
    assert parts == [f"{payment}.1", f"{payment}.2"]
    whole = outbid(still, "cancel", payment, payer)
    assert (whole.status, whole.error["code"]) == (2, "usage_error")
    assert parts[0] in whole.error["hint"]
    for part in parts:
        outbid(still, "cancel", part, payer)
    for chain in ("dev1", "dev2"):
        mine(still, chain, 3)
    ended = still.run("status", payment, "--json")
    assert (ended.status, ended.json["state"], ended.json["open"]) == (7, "cancelled", False)
    kinds = [(tx["kind"], tx["state"]) for tx in ended.json["transactions"]]
    assert kinds == [("approve", "void"), ("cancel", "final")] * 2
    assert still.holds(to, "dev3") == 0
    assert [still.holds(payer[1], chain) for chain in ("dev1", "dev2")] == [10_000_000] * 2


def give_usdc(home: Home, account: Address, chain: str) -> None:
    """Minting is a transaction too: for once the chain mines at once."""
    node(home, chain).call("evm_setAutomine", True)
    home.fund(account, chain, USDC="10")
    node(home, chain).call("evm_setAutomine", False)


def test_no_terminal_to_ask_on_is_no_yes(still: Home, payer: Payer) -> None:
    payment = waiting(still, payer, new_address())
    for word in ("speedup", "cancel"):
        done = still.run(word, payment, "--json", "--account", payer[0])
        assert (done.status, done.error["code"]) == (2, "needs_confirmation")
    assert len(record(still, payment).transactions) == 1
    mine(still)
    still.must("resume", payment)


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
@pytest.mark.parametrize(
    ("command", "question"), [("cancel", "Cancel the payment of {}?"), ("speedup", "Sign the payment of {} again")]
)
def test_a_person_sees_the_payment_and_both_fees_and_may_say_no(
    still: Home, payer: Payer, command: str, question: str
) -> None:
    to = new_address()
    payment = waiting(still, payer, to)
    with Terminal(still.environment | {"ETH_KEYSTORE_ACCOUNT": payer[0], "TERM": "xterm-256color"}) as terminal:
        terminal.start(sys.executable, "-m", "l2send", command, payment)
        terminal.wait_for("(yes, no)")
        shown = " ".join(terminal.screen().split())
        paid = f"0.1 ETH to {to[:6]}…{to[-4:]} on Devnet 1"
        assert f"{payment}, {paid}" in shown
        assert question.format(paid) in shown
        assert "before:" in shown
        terminal.type("no")
        terminal.press("Enter")
        assert terminal.end()[0] == 130
    assert len(record(still, payment).transactions) == 1
    mine(still)
    still.must("resume", payment)


def test_a_whole_balance_cannot_be_made_faster_and_can_be_cancelled(still: Home, payer: Payer) -> None:
    """Its fee is all that is left: a higher one does not fit, but does once nothing is sent."""
    to = new_address()
    words = ("max", "ETH", f"dev1:{to}", "--from-chain", "dev1", "--yes", "--json", "--timeout", "0.5")
    words += ("--account", payer[0])
    begun = still.run(*words)
    assert begun.status == 8, begun
    payment = begun.json["id"]
    faster = outbid(still, "speedup", payment, payer)
    assert (faster.status, faster.error["code"], faster.error["sent"]) == (6, "cannot_pay", "maybe"), faster
    assert outbid(still, "cancel", payment, payer).json["state"] == "sending"
    mine(still)
    assert still.run("resume", payment, "--json").json["state"] == "cancelled"
    assert still.holds(to, "dev1", "ETH") == 0


def test_the_guard_of_a_cancellation_lets_exactly_that_pass(still: Home, payer: Payer) -> None:
    payment = record(still, waiting(still, payer, new_address()))
    tx = payment.transactions[0]
    guard, nothing, sender = Guard(still.registry), cancel_tx(tx), tx.sender
    of_cancel = partial(guard.check, payment, replace(tx, step=Step(StepKind.CANCEL, nothing, Gas(21_000))))
    of_speedup = partial(guard.check, payment, tx)
    of_cancel(nothing)
    of_speedup(tx.step.tx)
    others = [
        tx.step.tx,
        UnsignedTx(tx.chain_id, sender, Wei(1), b""),
        UnsignedTx(tx.chain_id, sender, Wei(0), b"\0"),
        UnsignedTx(tx.chain_id, new_address(), Wei(0), b""),
        UnsignedTx(ChainId(tx.chain_id + 1), sender, Wei(0), b""),
    ]
    for other in others:
        with pytest.raises(Refused):
            of_cancel(other)
    for other in [*others[1:], nothing]:
        with pytest.raises(Refused):
            of_speedup(other)
    mine(still)
    still.must("resume", payment.id)


def test_a_balance_short_by_the_l1_fee_is_refused_before_signing(still: Home, payer: Payer) -> None:
    """On the OP stack the data fee stands beside the gas: one wei less than both is too little."""
    to = new_address()
    words = ("0.1", "ETH", f"dev3:{to}", "--yes", "--account", payer[0])
    assert still.run(*words, L2SEND_FAILPOINT="planned").status == -9
    payment = still.must("history", "--json").json["payments"][0]["id"]
    gas_fee, data_fee = fees(still, record(still, payment))
    assert data_fee > 0
    for balance in (AMOUNT + gas_fee, AMOUNT + gas_fee + data_fee - 1):
        node(still, "dev3").call("anvil_setBalance", payer[1], hex(balance))
        done = still.run("resume", payment, "--json", "--timeout", "0.5", "--account", payer[0])
        assert (done.status, done.error["code"], done.error["sent"]) == (6, "cannot_pay", "no")
        assert record(still, payment).transactions[0].raw == b""
    node(still, "dev3").call("anvil_setBalance", payer[1], hex(AMOUNT + gas_fee + data_fee))
    assert still.run("resume", payment, "--json", "--timeout", "0.5", "--account", payer[0]).status == 8
    mine(still, "dev3", 3)
    assert still.must("resume", payment, "--json").json["state"] == "delivered"
    assert still.holds(to, "dev3", "ETH") == AMOUNT


def fees(home: Home, payment: PaymentRecord) -> tuple[int, int]:
    """The most that gas costs now, and the L1 data fee with its margin. The chain stands still: they stay so."""
    step = payment.transactions[0].step

    async def ask() -> tuple[int, int]:
        async with open_rpcs(home.registry) as rpcs:
            rpc = rpcs.on(step.tx.chain_id)
            return (await gas_price(rpc)).most(step.gas), await l1_fee(rpc, step.tx, step.gas)

    return asyncio.run(ask())
