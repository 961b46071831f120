"""Conversations from their first question in a real terminal: a first run, several accounts, direct and bridged.

They are compared as text with recordings, as in test_sessions.py; `L2SEND_RECORD=1` records them again.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.test_sessions import L2SEND, NARROW, PAYEE, WIDE, compare, press
from tests.conftest import Home, home_on, home_with_devnet, make_home
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.lab, pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")]

PASSWORD = "a password that is long"
SIZES = [pytest.param(WIDE, id="80"), pytest.param(NARROW, id="40")]


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Three local chains."""
    with home_with_devnet(tmp_path_factory.mktemp("conversations"), chains=3) as home:
        yield home


@pytest.fixture
def person(chains: Home, tmp_path: Path) -> Home:
    """A person's home folder, and in it neither an account nor a payment: no test sees what another one did."""
    (tmp_path / "person").mkdir()
    home = home_on(chains, tmp_path / "home")
    kept = {name: value for name, value in home.environment.items() if name != "ETH_PASSWORD"}
    return replace(home, environment=kept | {"HOME": str(tmp_path / "person"), "TERM": "xterm-256color"})


@pytest.fixture
def payers(person: Home) -> Home:
    """Two accounts: alice with money on two chains, bob with none."""
    _, alice = person.new_account("alice")
    person.new_account("bob")
    person.fund(alice, "dev1", USDC="100", ETH="1")
    person.fund(alice, "dev2", USDC="5", ETH="1")
    person.must("contacts", "add", "carol", f"dev3:{PAYEE}")
    return replace(person, environment=person.environment | {"ETH_PASSWORD": str(person.path / "password")})


def answer(terminal: Terminal, question: str, *keys: str) -> None:
    terminal.wait_for(question)
    press(terminal, (*keys, "Enter"))


@pytest.mark.parametrize("size", SIZES)
def test_a_first_run_makes_an_account_after_two_mistakes(person: Home, size: tuple[int, int]) -> None:
    with Terminal(person.environment, *size) as terminal:
        terminal.start(str(L2SEND))
        answer(terminal, "How do you want to start?")
        answer(terminal, "A name for it", "alice in chains")
        terminal.wait_for("no name for")
        terminal.press("C-u")
        terminal.type("alice")
        terminal.press("Enter")
        answer(terminal, "Password of alice:", "short")
        terminal.wait_for("shorter than 8")
        terminal.wait_for_times("Password of alice:", 2)
        press(terminal, (PASSWORD, "Enter"))
        answer(terminal, "Password of alice, again:", PASSWORD)
        terminal.wait_for("? Pay to")
        terminal.wait_for("nothing yet")
        terminal.press("C-c")
        status, screen = terminal.end()
    assert status == 130
    assert person.must("wallet", "show", "alice").stdout
    compare(f"first_run_{size[0]}", re.sub(r"(?s)alice: .*?alice\.json", "alice: ITS FILE", screen))


KEY = "0x4f3edf983ac636a65a842ce7c78d9aa706d3b113bce9c46f30d7d21715b23b1d"
PHRASE = "test test test test test test test test test test test junk"


@pytest.mark.parametrize(
    ("downs", "secret", "address"),
    [
        (1, KEY, "0x90F8bf6A479f320ead074411a4B0e7944Ea8c9C1"),
        (2, PHRASE, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
    ],
    ids=["key", "phrase"],
)
def test_a_first_run_takes_over_a_key_or_a_phrase(person: Home, downs: int, secret: str, address: str) -> None:
    with Terminal(person.environment, *WIDE) as terminal:
        terminal.start(str(L2SEND))
        answer(terminal, "How do you want to start?", *["Down"] * downs)
        answer(terminal, "A name for it", "bob")
        answer(terminal, "Private key" if downs == 1 else "Recovery phrase", secret)
        answer(terminal, "Password of bob:", PASSWORD)
        answer(terminal, "Password of bob, again:", PASSWORD)
        terminal.wait_for("? Pay to")
        screen = terminal.screen()
        terminal.press("C-c")
        assert terminal.end()[0] == 130
    assert not any(word in screen for word in (secret, secret[2:], "junk", PASSWORD))
    assert person.must("wallet", "show", "bob").stdout.strip() == address


def test_a_first_run_starts_local_chains(tmp_path: Path, chains: Home) -> None:
    home = make_home(tmp_path / "home", HOME=str(tmp_path), TERM="xterm-256color")
    try:
        with Terminal(home.environment, *WIDE) as terminal:
            terminal.start(str(L2SEND))
            answer(terminal, "How do you want to start?", "Down", "Down", "Down", "Down")
            status, screen = terminal.end(120)
        assert status == 0
        assert "Make an account there with `l2send --devnet`: it asks for everything." in " ".join(screen.split())
        assert home.must("chains", "--devnet", "--json").json["chains"]
    finally:
        home.run("devnet", "down")


def test_a_first_run_that_only_looks_at_an_address(person: Home) -> None:
    with Terminal(person.environment, *WIDE) as terminal:
        terminal.start(str(L2SEND))
        answer(terminal, "How do you want to start?", "Down", "Down", "Down")
        answer(terminal, "Address", PAYEE)
        status, screen = terminal.end()
    assert status == 0
    assert f"l2send plan AMOUNT TOKEN CHAIN:ADDRESS --from {PAYEE}" in " ".join(screen.split())


@pytest.mark.parametrize("size", SIZES)
def test_several_accounts_show_what_they_hold_and_back_leads_to_them(payers: Home, size: tuple[int, int]) -> None:
    with Terminal(payers.environment, *size) as terminal:
        terminal.start(str(L2SEND))
        terminal.wait_for("Which account pays?")
        terminal.wait_for("$6,105.00")
        terminal.wait_for("nothing yet")
        compare(f"accounts_{size[0]}", terminal.screen())
        answer(terminal, "another account", "Down")
        answer(terminal, "? Pay to", "back")
        terminal.wait_for_times("Which account pays?", 2)
        terminal.wait_for("$6,105.00")
        answer(terminal, "» alice")
        terminal.wait_for_times("? Pay to", 2)
        terminal.press("C-c")
        status, screen = terminal.end()
    assert status == 130
    compare(f"accounts_back_{size[0]}", screen)


@pytest.mark.parametrize("size", SIZES)
def test_a_direct_payment_asks_for_no_way(payers: Home, size: tuple[int, int]) -> None:
    """Only an address is typed. The chain is asked for, and typed by its full name."""
    with Terminal(payers.environment, *size) as terminal:
        terminal.start(str(L2SEND), "ask", "--account", "alice")
        terminal.wait_for("$6,1" if size == WIDE else "you hold")
        answer(terminal, "? Pay to", PAYEE)
        terminal.wait_for("dev1 (Devnet 1, you hold 1")
        answer(terminal, "On which chain is", "devnet 1")
        answer(terminal, "? Token", "Down")
        terminal.wait_for("USDC can be paid")
        answer(terminal, "Amount of USDC", "20")
        answer(terminal, "? A memo")
        terminal.wait_for("Pay 20 USDC to")
        assert "? Way" not in terminal.screen()
        press(terminal, ("no", "Enter"))
        compare(f"conversation_direct_{size[0]}", terminal.end()[1])


@pytest.mark.parametrize("size", SIZES)
def test_a_bridged_payment_to_a_contact_and_what_is_next(payers: Home, size: tuple[int, int]) -> None:
    with Terminal(payers.environment, *size) as terminal:
        terminal.start(str(L2SEND), "ask", "--account", "alice")
        answer(terminal, "? Pay to", "carol")
        answer(terminal, "? Token", "Down")
        answer(terminal, "Amount of USDC", "20")
        answer(terminal, "? Way")
        answer(terminal, "? A memo", "rent of May")
        answer(terminal, "Pay 20 USDC to", "yes")
        terminal.wait_for("What next?", 60)
        answer(terminal, "See what you hold now", "Down", "Down")
        terminal.wait_for("All together")
        terminal.wait_for_times("What next?", 2)
        terminal.press("Enter")
        status, screen = terminal.end()
    assert status == 0
    screen = re.sub(r"(?s)(See what you hold now\n).*(\? What next)", r"\1\2", screen)  # gas is in the balances
    compare(f"conversation_bridged_{size[0]}", screen)
