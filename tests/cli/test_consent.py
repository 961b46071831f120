"""Consent to what moves money: typed whole, after the question, and asked again for an equal payment a moment later."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import pytest

from l2send.core.address import Address
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.terminal import Terminal

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")

L2SEND = (sys.executable, "-m", "l2send")


@pytest.fixture(scope="module")
def payer(home: Home) -> tuple[str, Address]:
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="200", ETH="1")
    return name, address


@pytest.fixture
def terminal(home: Home, payer: tuple[str, Address]) -> Iterator[Terminal]:
    with Terminal(home.environment | {"ETH_KEYSTORE_ACCOUNT": payer[0], "TERM": "xterm-256color"}) as made:
        yield made


def answer(terminal: Terminal, *words: str) -> None:
    for word in words:
        terminal.type(word)
        terminal.press("Enter")


@pytest.mark.parametrize("pasted", ["yarn --version", "yes", "y"])
def test_the_second_line_of_a_pasted_text_answers_nothing(home: Home, terminal: Terminal, pasted: str) -> None:
    """The first letter of a pasted line must not count as a yes: `yarn` begins with y."""
    to = new_address()
    terminal.start(*L2SEND, "2", "USDC", f"dev1:{to}")
    answer(terminal, pasted)
    shown = terminal.wait_for("Pay 2 USDC to")
    assert "(yes, no, details)" in " ".join(shown.split())
    answer(terminal, "no")
    assert terminal.end()[0] == 130
    assert home.holds(to, "dev1") == 0


@pytest.mark.parametrize("key", ["y", "Y", "ye", "yess", ""])
def test_a_yes_is_a_whole_word(home: Home, terminal: Terminal, key: str) -> None:
    to = new_address()
    terminal.start(*L2SEND, "2", "USDC", f"dev1:{to}")
    terminal.wait_for("Pay 2 USDC to")
    answer(terminal, key)
    terminal.wait_for("Type one of these words: yes, no, details.")
    terminal.press("C-u")
    answer(terminal, "no")
    assert terminal.end()[0] == 130
    assert home.holds(to, "dev1") == 0


def test_details_show_every_address_whole_and_ask_again(home: Home, terminal: Terminal) -> None:
    to = new_address()
    terminal.start(*L2SEND, "9", "USDC", f"dev4:{to}")
    terminal.wait_for("Pay 9 USDC to")
    answer(terminal, "details")
    terminal.wait_for_times("Pay 9 USDC to", 2)
    shown = " ".join(terminal.screen().split())
    assert f"until a solver has paid 9 USDC to {to}" in shown
    assert "network fee, about $" in shown
    answer(terminal, "no")
    assert terminal.end()[0] == 130


def test_the_same_payment_a_moment_later_is_asked_about(home: Home, terminal: Terminal) -> None:
    to = new_address()
    home.must("2", "USDC", f"dev1:{to}", "--yes", ETH_KEYSTORE_ACCOUNT=terminal_account(terminal))
    terminal.start(*L2SEND, "2", "USDC", f"dev1:{to}")
    terminal.wait_for("You paid exactly this")
    answer(terminal, "no")
    assert terminal.end()[0] == 130
    terminal.start(*L2SEND, "2", "USDC", f"dev1:{to}")
    terminal.wait_for_times("You paid exactly this", 1)
    answer(terminal, "yes")
    terminal.wait_for("Pay 2 USDC to")
    answer(terminal, "yes")
    assert terminal.end()[0] == 0
    assert home.holds(to, "dev1") == 4_000_000


def terminal_account(terminal: Terminal) -> str:
    return terminal.environment["ETH_KEYSTORE_ACCOUNT"]


@pytest.mark.parametrize(("amount", "chain"), [("2", "dev1"), ("9", "dev4")])
def test_with_yes_the_same_payment_a_moment_later_is_refused_unless_again(
    home: Home, payer: tuple[str, Address], amount: str, chain: str
) -> None:
    to = new_address()
    words = (amount, "USDC", f"{chain}:{to}", "--yes", "--account", payer[0])
    home.must(*words)
    done = home.run(*words, "--json")
    assert (done.status, done.error["sent"]) == (7, "no")
    assert "You paid exactly this" in done.error["message"]
    assert "--again" in done.error["hint"]
    home.must(*words, "--again")
    home.must(*words[:2], f"{chain}:{new_address()}", *words[3:])  # another recipient is another payment


def test_two_keys_are_two_payments(home: Home, payer: tuple[str, Address]) -> None:
    to = new_address()
    words = ("2", "USDC", f"dev1:{to}", "--yes", "--account", payer[0])
    for key in ("one", "two", "two"):
        home.must(*words, "--idempotency-key", f"{to}-{key}")
    assert home.holds(to, "dev1") == 4_000_000


@pytest.mark.parametrize("word", ["back", "nothing like a chain", ""])
def test_no_chain_is_chosen_where_nothing_matches(home: Home, terminal: Terminal, word: str) -> None:
    to = new_address()
    terminal.start(*L2SEND, "2", "USDC", to)
    terminal.wait_for("On which chain is")
    answer(terminal, word)
    if word != "back":
        terminal.wait_for("No such chain")
        terminal.press("C-c")
    assert terminal.end()[0] == 130
    assert [home.holds(to, chain) for chain in ("dev1", "dev2")] == [0, 0]


def test_a_wrong_password_is_asked_for_again(home: Home, terminal: Terminal) -> None:
    to = new_address()
    terminal.start("env", "-u", "ETH_PASSWORD", *L2SEND, "2", "USDC", f"dev1:{to}", "--yes")
    for times in (1, 2):
        terminal.wait_for_times("Password of", times)
        answer(terminal, "wrong")
        terminal.wait_for_times("Try again.", times)
    terminal.wait_for_times("Password of", 3)
    answer(terminal, "correct horse battery staple")
    assert terminal.end()[0] == 0
    assert home.holds(to, "dev1") == 2_000_000


def test_after_three_wrong_passwords_it_ends(terminal: Terminal) -> None:
    terminal.start("env", "-u", "ETH_PASSWORD", *L2SEND, "2", "USDC", f"dev1:{new_address()}", "--yes")
    for times in (1, 2, 3):
        terminal.wait_for_times("Password of", times)
        answer(terminal, "wrong")
    status, shown = terminal.end()
    assert status == 3
    assert "Nothing was sent." in shown
