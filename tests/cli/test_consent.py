"""Consent to what moves money: typed whole, after the question, and asked again for an equal payment a moment later."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from l2send.cli.consent import refuse_or_ask_again
from l2send.core.address import Address
from l2send.core.errors import Refused
from l2send.core.units import Seconds
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.states import TxState
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.terminal import Terminal
from tests.wallet.journal.writing import begin, bring_to

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


@pytest.mark.parametrize("is_open", [True, False])
def test_what_is_said_of_an_equal_payment_depends_on_whether_it_is_under_way(tmp_path: Path, is_open: bool) -> None:
    with contextlib.closing(SqliteJournal(tmp_path / "state" / "journal.db")) as journal:
        record = begin(journal)
        if not is_open:
            bring_to(journal, record.transactions[0], TxState.FINAL)
        recent = journal.paid_recently(record.payment, Seconds(60))
        with pytest.raises(Refused) as refused:
            asyncio.run(refuse_or_ask_again(record.payment, recent, yes=True, again=False))
    said, follow = f"{refused.value.message} {refused.value.hint}", f"Follow it: l2send resume {record.id}."
    assert (f"A payment of exactly this is under way ({record.id}, planned)." in said, follow in said) == (is_open,) * 2
    assert (f"ago ({record.id}, delivered)." in said) is not is_open
    assert "--again" in said


def test_the_same_payment_while_it_is_under_way_is_followed_and_not_made_twice(home: Home, terminal: Terminal) -> None:
    to, name = new_address(), terminal_account(terminal)
    begun = home.run("9", "USDC", f"dev4:{to}", "--yes", "--timeout", "0", "--json", ETH_KEYSTORE_ACCOUNT=name)
    assert begun.status == 8
    terminal.start(*L2SEND, "9", "USDC", f"dev4:{to}")
    terminal.wait_for("is not finished")
    answer(terminal, "no")
    status, screen = terminal.end()
    assert (status, f"Follow the first: l2send resume {begun.json['id']}" in " ".join(screen.split())) == (130, True)


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
