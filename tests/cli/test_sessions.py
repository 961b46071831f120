"""Whole sessions in a real terminal, compared as text with those that were recorded and looked at.

What differs from run to run (addresses, ids, fees, times) is masked by as many characters, so that the layout
is compared too. `L2SEND_RECORD=1` records them again: look at each before it is committed.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Home, home_with_devnet
from tests.terminal import Terminal

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")

SESSIONS = Path(__file__).parent / "sessions"
L2SEND = Path(sys.executable).with_name("l2send")
PAYEE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
NARROW, WIDE = (40, 60), (80, 24)


@pytest.fixture(scope="module")
def payer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Two chains of its own, and an account with money on the first alone."""
    with home_with_devnet(tmp_path_factory.mktemp("sessions"), chains=2) as home:
        name, address = home.new_account()
        home.fund(address, "dev1", USDC="100", ETH="1")
        yield Home(home.path, home.environment | {"ETH_KEYSTORE_ACCOUNT": name, "TERM": "xterm-256color"})


def masked(screen: str) -> str:
    """The screen without what differs between two runs, character by character."""
    text = "\n".join(line for line in screen.splitlines() if not re.match(r" *\d+\.\d s ", line))
    for what in (r"p-[0-9a-z]{8}", r"\d\d:\d\d UTC", r"\d+\.\d{2,}", r"(0x)?[0-9a-fA-F]{6,}"):
        text = re.sub(what, lambda found: "~" * len(found[0]), text)
    # The last digits of a fee can be noughts, which are not shown.
    return re.sub(r"~+( ETH)", r"~\1", text)


def compare(name: str, screen: str) -> None:
    """Fails where the session is not the one that was recorded as `name`."""
    recorded = SESSIONS / f"{name}.txt"
    if os.environ.get("L2SEND_RECORD"):
        recorded.write_text(masked(screen) + "\n")
    assert masked(screen) + "\n" == recorded.read_text()


def talk_until_consent(terminal: Terminal) -> None:
    terminal.wait_for("Pay to")
    terminal.type(f"dev2:{PAYEE}")
    terminal.press("Enter")
    terminal.wait_for("Token")
    terminal.press("Down", "Enter")
    terminal.wait_for("Amount of USDC")
    terminal.type("20")
    terminal.press("Enter")
    terminal.wait_for("? Way")
    terminal.press("Enter")
    terminal.wait_for("Pay 20 USDC?")


@pytest.mark.parametrize(("name", "size"), [("conversation_80", WIDE), ("conversation_40", NARROW)])
def test_a_conversation_that_ends_with_no(payer: Home, name: str, size: tuple[int, int]) -> None:
    with Terminal(payer.environment, *size) as terminal:
        terminal.start(str(L2SEND))
        talk_until_consent(terminal)
        terminal.type("no")
        terminal.press("Enter")
        compare(name, terminal.end()[1])


def test_without_colour_it_says_the_same(payer: Home) -> None:
    with Terminal(payer.environment | {"NO_COLOR": "1"}, *WIDE) as terminal:
        terminal.start(str(L2SEND))
        talk_until_consent(terminal)
        terminal.type("no")
        terminal.press("Enter")
        compare("conversation_80", terminal.end()[1])
        assert not re.search(r"\x1b\[[0-9;]*(3[0-8]|4[0-8]|9[0-7])[;m]", terminal.screen_with_styles())


def test_colour_is_used_where_it_may_be(payer: Home) -> None:
    with Terminal(payer.environment, *WIDE) as terminal:
        terminal.start(str(L2SEND))
        talk_until_consent(terminal)
        assert re.search(r"\x1b\[[0-9;]*(3[0-8]|4[0-8]|9[0-7])[;m]", terminal.screen_with_styles())


@pytest.mark.parametrize(("name", "size"), [("plan_80", WIDE), ("plan_40", NARROW)])
def test_a_plan(payer: Home, name: str, size: tuple[int, int]) -> None:
    with Terminal(payer.environment, *size) as terminal:
        terminal.start(str(L2SEND), "plan", "20", "USDC", f"dev2:{PAYEE}")
        compare(name, terminal.end()[1])


def test_a_payment_to_its_end(payer: Home) -> None:
    with Terminal(payer.environment, *WIDE) as terminal:
        terminal.start(str(L2SEND), "1", "USDC", f"dev1:{PAYEE}")
        terminal.wait_for("Pay 1 USDC?")
        terminal.press("y")
        compare("payment_80", terminal.end()[1])
