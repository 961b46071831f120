"""`l2send resolve`: the parsed destination in every form, for people and for scripts."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import pytest

from l2send.core.address import Address
from tests.conftest import Home
from tests.docs.test_docs import ROOT, run_shell, shell_lines
from tests.support.addresses import new_address
from tests.support.terminal import Terminal

VITALIK = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
FORMS = {
    "erc3770": f"base:{VITALIK}",
    "erc7828": f"{VITALIK}@base#17DE0709",
    "erc7930": "0x0001000002210514d8da6bf26964af9d7eed9e03e53415d37aa96045",
    "caip10": f"eip155:8453:{VITALIK}",
    "eip681": f"ethereum:{VITALIK}@8453",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_and_written_in_every_form(form: str, empty_home: Home) -> None:
    document = empty_home.must("resolve", FORMS[form], "--json").json
    assert document["forms"] == FORMS
    assert document["destination"] == FORMS["erc3770"]
    assert document["schema"] == "l2send.destination/1"
    assert document["read_as"].replace("-", "").lower() == form
    vouched = {"erc7828": "erc-7828", "erc7930": "nobody"}.get(form, "erc-55")
    assert (document["vouched_by"], document["checksummed"]) == (vouched, vouched != "nobody")


def test_for_people_each_form_is_a_whole_line(empty_home: Home) -> None:
    lines = empty_home.must("resolve", FORMS["erc7828"]).stdout.splitlines()
    assert {line.split(maxsplit=1)[1] for line in lines} >= set(FORMS.values())
    assert "spelling  chain and address confirmed by its ERC-7828 checksum" in lines


def test_what_was_there_before_is_still_there(empty_home: Home) -> None:
    document = empty_home.must("resolve", FORMS["erc3770"].lower(), "--json").json
    kept = {
        "destination": f"base:{VITALIK}",
        "chain_id": 8453,
        "chain": "base",
        "chain_name": "Base",
        "testnet": False,
        "address": VITALIK,
        "checksummed": False,
    }
    assert document.items() >= kept.items()
    assert (document["name"], document["asked"]) == (None, None)
    assert document["stage"]


def test_a_payment_link_says_what_it_asks_for(empty_home: Home) -> None:
    link = f"ethereum:{USDC}@8453/transfer?address={VITALIK}&uint256=2.5e7"
    document = empty_home.must("resolve", link, "--json").json
    assert document["asked"] == {"token": "USDC", "address": USDC, "base_units": "25000000", "human": "25"}
    assert document["forms"]["eip681"] == link.replace("2.5e7", "25000000")
    assert "asks for  25 USDC" in empty_home.must("resolve", link).stdout


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        (VITALIK, "bad_address", "chain is missing"),
        ("alice.eth", "bad_address", "chain is missing"),
        (f"0x000100000014{VITALIK[2:]}", "bad_address", "names no chain"),
        (f"matic:{VITALIK}", "unknown_chain", "is called pol now"),
        (f"{VITALIK}@base#17DE0708", "checksum_mismatch", "ERC-7828"),
        ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "bad_address", "Bitcoin"),
        ("base:a\u200cb.eth", "unknown_name", "not a name that ENS allows"),
        ("", "bad_address", "not a destination"),
    ],
)
def test_a_script_gets_a_code_and_words(text: str, code: str, word: str, empty_home: Home) -> None:
    done = empty_home.run("resolve", text, "--json")
    assert (done.status, done.stdout) == (2, "")
    assert (done.error["code"], done.error["sent"]) == (code, "no")
    assert word in done.error["message"]


def test_the_commands_about_destinations_run(empty_home: Home) -> None:
    run_shell(shell_lines(ROOT / "docs/destinations.md"), empty_home)


@pytest.fixture
def payer(home: Home) -> tuple[str, Address]:
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="100", ETH="1")
    return name, address


def token_link(home: Home, chain: str, to: Address, units: str) -> str:
    there = home.chain(chain)
    return f"ethereum:{there.token('USDC').address}@{there.chain_id}/transfer?address={to}&uint256={units}"


def test_a_script_pays_a_link(home: Home, payer: tuple[str, Address]) -> None:
    to = new_address()
    home.must(token_link(home, "dev1", to, "7e6"), "--yes", "--account", payer[0])
    assert home.holds(to, "dev1") == 7_000_000


def test_a_link_and_words_must_agree(home: Home, payer: tuple[str, Address]) -> None:
    to = new_address()
    link = token_link(home, "dev1", to, "7e6")
    for words in (["8", "USDC"], ["7", "ETH"], ["7", "EURC"]):
        done = home.run(*words, link, "--yes", "--account", payer[0], "--json")
        assert (done.status, done.error["code"]) == (2, "usage_error")
        assert "7 USDC" in done.error["message"]
    home.must("7", "USDC", link, "--yes", "--account", payer[0])
    assert home.holds(to, "dev1") == 7_000_000


def test_words_that_say_too_little(home: Home, payer: tuple[str, Address]) -> None:
    for words in ([f"dev1:{new_address()}"], ["25", f"dev1:{new_address()}"]):
        done = home.run(*words, "--yes", "--account", payer[0], "--json")
        assert (done.status, done.error["code"], done.error["sent"]) == (2, "usage_error", "no")


@pytest.fixture
def terminal(home: Home, payer: tuple[str, Address]) -> Iterator[Terminal]:
    if not shutil.which("tmux"):
        pytest.skip("tmux is not installed")
    with Terminal(home.environment | {"ETH_KEYSTORE_ACCOUNT": payer[0], "TERM": "xterm-256color"}) as made:
        yield made


L2SEND = (sys.executable, "-m", "l2send")


def test_a_person_is_asked_for_the_missing_chain(home: Home, terminal: Terminal) -> None:
    to = new_address()
    terminal.start(*L2SEND, "50", "USDC", to)
    shown = terminal.wait_for("On which chain is")
    assert to in shown.replace("\n", "")
    assert "dev4 (Devnet 4)" in terminal.wait_for("dev4 (")
    terminal.press("Enter")
    terminal.wait_for("No such chain")
    terminal.type("net 3")
    terminal.wait_for("dev3 (Devnet 3)")
    terminal.press("Enter")
    terminal.wait_for("Pay 50 USDC to")
    assert f"dev3:{to}" in terminal.screen()
    terminal.type("yes")
    terminal.press("Enter")
    assert terminal.end()[0] == 0
    assert home.holds(to, "dev3") == 50_000_000


def test_ctrl_c_at_the_question_for_the_chain_sends_nothing(home: Home, terminal: Terminal) -> None:
    terminal.start(*L2SEND, "5", "USDC", new_address())
    terminal.wait_for("On which chain is")
    terminal.press("C-c")
    status, shown = terminal.end()
    assert status == 130
    assert "Nothing was sent." in shown


def test_a_link_in_the_conversation_answers_token_and_amount(home: Home, terminal: Terminal) -> None:
    to = new_address()
    terminal.start(*L2SEND)
    terminal.wait_for("Pay to")
    terminal.type("dev1:alice.eth")
    terminal.press("Enter")
    terminal.wait_for("no chain of this registry has ENS")
    terminal.type(token_link(home, "dev1", to, "3e6"))
    terminal.press("Enter")
    terminal.wait_for("? A memo")
    terminal.press("Enter")
    shown = terminal.wait_for("Pay 3 USDC to")
    assert "Amount of" not in shown
    terminal.type("yes")
    terminal.press("Enter")
    terminal.wait_for("What next?")
    terminal.press("Enter")
    assert terminal.end()[0] == 0
    assert home.holds(to, "dev1") == 3_000_000
