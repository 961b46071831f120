"""Bad input: each a clear error, nothing sent, the right exit status."""

from __future__ import annotations

import pytest

from l2send.core.address import ZERO_ADDRESS, Address
from l2send.wallet.journal.records import Record
from l2send.wallet.journal.sqlite import SqliteJournal
from tests.conftest import Home
from tests.support.addresses import new_address

GOOD = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.fixture(scope="module")
def payer(home: Home) -> tuple[str, Address]:
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="100", ETH="1")
    return name, address


def payments(home: Home) -> list[Record]:
    """The journal, read without the command."""
    journal = SqliteJournal(home.paths.journal)
    try:
        return journal.history()
    finally:
        journal.close()


def refused(home: Home, payer: tuple[str, Address], words: list[str], code: str, status: int = 2) -> str:
    """The words of a refusal that sent nothing: no payment in the journal, no nonce used."""
    before = payments(home)
    done = home.run(*words, "--account", payer[0], "--yes", "--json")
    assert (done.status, done.error["code"], done.error["sent"]) == (status, code, "no"), done
    assert not done.stdout
    assert payments(home) == before
    return str(done.error["message"])


@pytest.mark.parametrize("amount", ["1e3", "1_000", "\uff11", "1,5", "-1", "0", "1.1234567", ".5", "+1", "NaN"])
def test_amounts(home: Home, payer: tuple[str, Address], amount: str) -> None:
    refused(home, payer, [amount, "USDC", f"dev1:{GOOD}"], "bad_amount")


@pytest.mark.parametrize(
    ("destination", "code"),
    [
        (f"dev1:{GOOD[:-1]}D", "checksum_mismatch"),
        (f"dev1:{GOOD[2:]}", "bad_address"),
        (GOOD, "bad_address"),
        (f"dve1:{GOOD}", "unknown_chain"),
        (f"768300001:{GOOD}", "unknown_chain"),
        (f"dev1:{ZERO_ADDRESS}", "bad_recipient"),
    ],
)
def test_destinations(home: Home, payer: tuple[str, Address], destination: str, code: str) -> None:
    refused(home, payer, ["1", "USDC", destination], code)


def test_a_chain_id_where_a_short_name_belongs_names_the_chain(home: Home, payer: tuple[str, Address]) -> None:
    done = home.run("1", "USDC", f"768300002:{GOOD}", "--yes", "--account", payer[0])
    assert "dev2" in done.stderr


def test_the_token_contract_is_no_recipient(home: Home, payer: tuple[str, Address]) -> None:
    usdc = home.chain("dev1").token("USDC").address
    assert "contract of USDC" in refused(home, payer, ["1", "USDC", f"dev1:{usdc}"], "bad_recipient")


def test_unknown_tokens_name_the_known_ones(home: Home, payer: tuple[str, Address]) -> None:
    refused(home, payer, ["1", "USDX", f"dev1:{GOOD}"], "unknown_token")
    refused(home, payer, ["1", str(new_address()), f"dev1:{GOOD}"], "unknown_token")


def test_native_and_bridged_usdc_are_two_tokens(home: Home, payer: tuple[str, Address]) -> None:
    """dev2 has both; USDC of dev1 must never arrive there as USDC.e."""
    chain = home.chain("dev2")
    assert chain.token("USDC").address != chain.token("USDC.e").address
    refused(home, payer, ["1", "USDC.e", f"dev2:{GOOD}"], "cannot_pay", status=6)


def test_people_are_told_that_nothing_was_sent_and_what_to_do(home: Home, payer: tuple[str, Address]) -> None:
    done = home.run("1,5", "USDC", f"dev1:{GOOD}", "--account", payer[0], "--yes")
    assert done.status == 2
    assert done.stderr.splitlines() == [
        "l2send: not an amount: '1,5'.",
        "Nothing was sent.",
        "Use a point for decimals and no separators: 1.5",
    ]


def test_more_than_there_is_cannot_be_paid(home: Home, payer: tuple[str, Address]) -> None:
    message = refused(home, payer, ["5000", "USDC", f"dev2:{GOOD}"], "cannot_pay", status=6)
    assert "100 USDC on dev1" in message


def test_an_unknown_bridge_is_refused_in_words_alone(home: Home, payer: tuple[str, Address]) -> None:
    """The recipient is looked at meanwhile; what that says once the connections are closed is dropped."""
    for _ in range(3):
        done = home.run("1", "USDC", f"dev1:{GOOD}", "--dry-run", "--via", "foo", "--account", payer[0])
        assert done.status == 2
        assert done.stderr.splitlines()[0] == "l2send: no bridge is called 'foo'."
        assert "Traceback" not in done.stderr


def test_a_silent_rpc_is_an_unknown_balance_and_never_zero(home: Home, payer: tuple[str, Address]) -> None:
    silent = {f"L2SEND_RPC_{home.chain('dev1').chain_id}": "http://127.0.0.1:9"}
    done = home.run("1", "USDC", f"dev1:{GOOD}", "--yes", "--json", "--account", payer[0], **silent)
    assert (done.status, done.error["code"], done.error["sent"]) == (4, "network_error", "no")
    shown = home.run("balances", "--account", payer[0], "--json", **silent)
    chains = {c["chain"]: c for c in shown.json["chains"]}
    assert shown.status == 4
    assert (chains["dev1"]["known"], chains["dev1"]["balances"]) == (False, [])
    assert chains["dev2"]["known"] is True


def test_an_rpc_of_another_chain_is_noticed(home: Home, payer: tuple[str, Address]) -> None:
    other = {f"L2SEND_RPC_{home.chain('dev1').chain_id}": home.chain("dev2").rpcs[0]}
    done = home.run("1", "USDC", f"dev1:{GOOD}", "--yes", "--json", "--account", payer[0], **other)
    assert (done.status, done.error["sent"]) == (4, "no")
    shown = home.run("balances", "--account", payer[0], "--json", **other)
    assert "serves chain 768300002, not 768300001" in shown.json["chains"][0]["error"]


def test_without_a_terminal_and_without_yes_nothing_is_asked_or_sent(home: Home, payer: tuple[str, Address]) -> None:
    done = home.run("1", "USDC", f"dev1:{GOOD}", "--account", payer[0])
    assert done.status == 2
    assert "not a terminal" in done.stderr
    assert home.run("ask", "--account", payer[0]).status == 2
