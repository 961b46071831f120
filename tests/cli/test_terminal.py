"""The conversation, in a real terminal of 80 columns."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from l2send.core.address import Address
from tests.conftest import Done, Home
from tests.support.addresses import new_address
from tests.support.terminal import Terminal

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")

L2SEND = (sys.executable, "-m", "l2send")


@pytest.fixture(scope="module")
def payer(home: Home) -> tuple[str, Address]:
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="100", ETH="1")
    return name, address


@pytest.fixture
def terminal(home: Home, payer: tuple[str, Address]) -> Iterator[Terminal]:
    with Terminal(home.environment | {"ETH_KEYSTORE_ACCOUNT": payer[0], "TERM": "xterm-256color"}) as made:
        yield made


def answer_destination(terminal: Terminal, destination: str) -> None:
    terminal.wait_for("Pay to")
    terminal.type(destination)
    terminal.press("Enter")
    terminal.wait_for("Token")


def answer_token(terminal: Terminal, destination: str) -> None:
    answer_destination(terminal, destination)
    terminal.press("Down", "Enter")
    terminal.wait_for("Amount of USDC")


def answer_amount(terminal: Terminal, destination: str) -> None:
    answer_token(terminal, destination)
    terminal.type("20")
    terminal.wait_for("would stay")
    terminal.press("Enter")
    terminal.wait_for("? Way")


def answer_way(terminal: Terminal, destination: str) -> None:
    answer_amount(terminal, destination)
    terminal.press("Enter")
    answer_memo(terminal)
    terminal.wait_for("Pay 20 USDC to")


def answer_memo(terminal: Terminal, times: int = 1) -> None:
    terminal.wait_for_times("? A memo", times)
    terminal.press("Enter")


def no_more(terminal: Terminal) -> None:
    """Answer what is asked after a payment."""
    terminal.wait_for("What next?")
    terminal.press("Enter")


def test_asks_shows_and_pays(home: Home, terminal: Terminal) -> None:
    to = new_address()
    terminal.start(*L2SEND)
    answer_way(terminal, f"dev4:{to}")
    shown = terminal.screen()
    assert "USDC: 100 on dev1" in shown
    assert f"dev4:{to}" in shown
    assert "lock 20.26 USDC until 20 reaches" in shown
    terminal.type("yes")
    terminal.press("Enter")
    no_more(terminal)
    status, shown = terminal.end()
    assert status == 0
    assert "delivered. The recipient has the money." in shown
    assert home.holds(to, "dev4") == 20_000_000


@pytest.mark.lab
def test_back_leads_through_every_question_to_the_first(home: Home, terminal: Terminal) -> None:
    to = new_address()
    terminal.start(*L2SEND)
    answer_way(terminal, f"dev4:{to}")
    for question in ("? A memo", "? Way"):
        terminal.type("back")
        terminal.press("Enter")
        terminal.wait_for_times(question, 2)
    terminal.press("Up", "Enter")  # `back` is the last choice
    terminal.wait_for_times("Amount of USDC", 2)
    terminal.type("back")
    terminal.press("Enter")
    terminal.wait_for_times("? Token", 2)
    terminal.press("Up", "Enter")
    terminal.wait_for_times("? Pay to", 2)
    answer_again = new_address()
    terminal.type(f"dev1:{answer_again}")
    terminal.press("Enter")
    terminal.wait_for_times("? Token", 3)
    terminal.press("Down", "Enter")
    terminal.wait_for_times("Amount of USDC", 3)
    terminal.type("1")
    terminal.press("Enter")
    answer_memo(terminal, 3)
    terminal.wait_for("Pay 1 USDC to")
    terminal.type("yes")
    terminal.press("Enter")
    no_more(terminal)
    assert terminal.end()[0] == 0
    assert home.holds(answer_again, "dev1") == 1_000_000
    assert home.holds(to, "dev4") == 0


@pytest.mark.lab
def test_who_was_paid_is_offered_by_address(home: Home, terminal: Terminal, payer: tuple[str, Address]) -> None:
    """Not by a number, which would be another one's the next time."""
    to = new_address()
    home.must("1", "USDC", f"dev1:{to}", "--account", payer[0], "--yes")
    terminal.start(*L2SEND)
    terminal.wait_for("? Pay to")
    assert re.search(rf"^\s*dev1:{to} \(paid today\)$", shown := terminal.screen(), re.MULTILINE), shown
    terminal.type("1")
    terminal.press("Enter")
    terminal.wait_for("not a destination")
    terminal.press("C-u")
    terminal.type(f"dev1:{to[:8]}")
    terminal.press("Tab", "Enter")
    terminal.wait_for("? Token")
    terminal.press("Down", "Enter")
    terminal.wait_for("Amount of USDC")
    terminal.type("1")
    terminal.press("Enter")
    answer_memo(terminal)
    terminal.wait_for("You paid exactly this")
    terminal.type("no")
    terminal.press("Enter")
    status, shown = terminal.end()
    assert status == 130
    assert "Nothing was sent." in shown
    assert home.holds(to, "dev1") == 1_000_000


def test_a_no_sends_nothing(home: Home, terminal: Terminal) -> None:
    to = new_address()
    terminal.start(*L2SEND, "20", "USDC", f"dev4:{to}")
    terminal.wait_for("Pay 20 USDC to")
    terminal.type("no")
    terminal.press("Enter")
    status, shown = terminal.end()
    assert status == 130
    assert "Nothing was sent." in shown
    assert home.holds(to, "dev4") == 0


def test_an_address_without_checksum_is_asked_about_twice(home: Home, terminal: Terminal) -> None:
    to = new_address()
    terminal.start(*L2SEND, "20", "USDC", f"dev1:{to.lower()}")
    terminal.wait_for("Did you compare every character of the address?")
    terminal.type("yes")
    terminal.press("Enter")
    terminal.wait_for("Pay 20 USDC to")
    terminal.type("yes")
    terminal.press("Enter")
    assert terminal.end()[0] == 0
    assert home.holds(to, "dev1") == 20_000_000


def test_wrong_answers_are_explained_at_the_prompt(terminal: Terminal) -> None:
    terminal.start(*L2SEND)
    terminal.wait_for("Pay to")
    terminal.type("dve4:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
    terminal.press("Enter")
    terminal.wait_for("Did you mean: dev4")
    terminal.press("C-u")
    answer_token(terminal, f"dev4:{new_address()}")
    terminal.type("1,5")
    terminal.press("Enter")
    terminal.wait_for("Use a point for decimals")
    terminal.press("C-u")
    terminal.type("101")
    terminal.press("Enter")
    terminal.wait_for("you hold at most")


@pytest.mark.lab
def test_progress_is_live_and_the_password_is_not_shown(home: Home, terminal: Terminal) -> None:
    terminal.start("env", "-u", "ETH_PASSWORD", *L2SEND, "1", "USDC", f"dev1:{new_address()}", "--yes")
    terminal.wait_for("Password of")
    terminal.type("correct horse battery staple")
    terminal.press("Enter")
    status, shown = terminal.end()
    assert status == 0
    assert "signing transfer on Devnet 1" in shown
    assert "horse" not in shown


@pytest.mark.lab
def test_with_stdout_in_a_file_it_still_asks_and_the_file_has_the_document_alone(
    home: Home, terminal: Terminal, tmp_path: Path
) -> None:
    to, document = new_address(), tmp_path / "payment.json"
    terminal.start("sh", "-c", f'exec {shlex.join(L2SEND)} ask --json > "{document}"')
    answer_way(terminal, f"dev4:{to}")
    terminal.type("yes")
    terminal.press("Enter")
    status, _ = terminal.end()
    paid = Done(status, document.read_text(), "").json
    assert (status, paid["schema"], paid["state"]) == (0, "l2send.payment/1", "delivered")
    assert home.holds(to, "dev4") == 20_000_000


@pytest.mark.lab
def test_a_yes_is_asked_for_on_stderr_too(home: Home, terminal: Terminal, tmp_path: Path) -> None:
    to, document = new_address(), tmp_path / "payment.json"
    terminal.start("sh", "-c", f'exec {shlex.join(L2SEND)} 1 USDC dev1:{to} --json > "{document}"')
    terminal.wait_for("Pay 1 USDC to")
    terminal.type("yes")
    terminal.press("Enter")
    status, _ = terminal.end()
    assert (status, Done(status, document.read_text(), "").json["state"]) == (0, "delivered")


_QUESTION_IN_PROGRESS = """
import asyncio
from l2send.cli.progress import Live
from l2send.cli.terminal import ask_password
async def main():
    with Live("waiting for the solver"):
        await asyncio.sleep(0.3)
        print(len(ask_password("alice")), "characters")
        await asyncio.sleep(0.3)
asyncio.run(main())
"""


def test_a_password_is_asked_for_on_a_line_that_no_progress_overwrites() -> None:
    """As for the refund of an order that was being watched: its password was asked for under the spinner."""
    with Terminal(dict(os.environ) | {"TERM": "xterm-256color"}, height=10) as terminal:
        terminal.start(sys.executable, "-c", _QUESTION_IN_PROGRESS)
        terminal.wait_for("Password of alice:")
        time.sleep(0.4)  # several times as long as a spinner stands still
        assert terminal.screen().splitlines()[-1] == "Password of alice:"
        terminal.type("secret")
        terminal.press("Enter")
        assert "6 characters" in terminal.wait_for("ended with 0")


_TYPED_AHEAD = """
import sys, termios, time
from l2send.cli.progress import Live
from l2send.cli.terminal import ask_password
from l2send.cli.terminal_echo import without_echo
def echoes():
    return bool(termios.tcgetattr(0)[3] & termios.ECHO)
with Live("asking"):
    seen = [echoes()]
    ask_password("alice")
    seen.append(echoes())
with without_echo():
    print("opening alice")
    time.sleep(0.5)
    seen.append(echoes())
print("echoed:", [*seen, echoes()])
"""


_BEFORE_ANY_PROGRESS = """
import termios
from l2send.cli import main
from l2send.cli.terminal_echo import with_echo
def echoes():
    return bool(termios.tcgetattr(0)[3] & termios.ECHO)
def run(argv):
    seen = [echoes()]
    with with_echo():
        seen.append(echoes())
    print("echoed:", [*seen, echoes()], flush=True)
    return 0
main.run = run
main.main()
"""


def test_nothing_that_is_typed_before_the_first_progress_is_shown() -> None:
    with Terminal(dict(os.environ) | {"TERM": "xterm-256color"}, height=10) as terminal:
        terminal.start(sys.executable, "-c", _BEFORE_ANY_PROGRESS)
        terminal.wait_for("echoed: [False, True, False]")
        terminal.wait_for("ended with 0")


def test_what_is_typed_while_a_key_opens_is_not_shown_and_later_keys_are() -> None:
    with Terminal(dict(os.environ) | {"TERM": "xterm-256color"}, height=10) as terminal:
        terminal.start(sys.executable, "-c", _TYPED_AHEAD)
        terminal.wait_for("Password of alice:")
        terminal.press("Enter")
        terminal.wait_for("opening alice")
        terminal.type("secret")
        terminal.press("Enter")
        assert "secret" not in terminal.wait_for("echoed: [False, False, False, True]").split("echoed")[0]
        terminal.wait_for("ended with 0")


def test_a_process_in_the_background_leaves_the_terminal_alone() -> None:
    """The shell would stop it for changing the terminal."""
    program = "from l2send.cli.terminal_echo import without_echo\nwith without_echo(): pass"
    with Terminal(dict(os.environ), height=10) as terminal:
        terminal.start("sh", "-mc", f"{shlex.join([sys.executable, '-c', program])} & wait $!")
        assert terminal.end()[0] == 0
