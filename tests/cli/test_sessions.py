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
from tests.support.terminal import Terminal

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
    text = re.sub(r"(?m)^ *\d+\.\d s .*\n( {10}.*\n)*", "", screen)  # progress: which steps are seen is chance
    for what in (
        r"p-[0-9a-z]{8}",
        r"\d\d:\d\d\s+(?:today|tomorrow)(?:,\s+in\s+\d+\s+min)?",
        r"took \d+ s",
        r"\d+\.\d{2,}",
        r"\(0x[0-9a-fA-F]{4}…[0-9a-fA-F]{4}\n?\)",
        r"0x(?:[0-9a-fA-F]\n? *){40}",
        r"(0x)?[0-9a-fA-F]{6,}",
    ):
        text = re.sub(what, lambda found: re.sub(r"\S", "~", found[0]), text)
    # The last digits of a fee can be noughts, which are not shown.
    return re.sub(r"~+( ETH)", r"~\1", text)


def compare(name: str, screen: str) -> None:
    """Fails where the session is not the one that was recorded as `name`."""
    recorded = SESSIONS / f"{name}.txt"
    if os.environ.get("L2SEND_RECORD"):
        recorded.write_text(masked(screen) + "\n")
    assert masked(screen) + "\n" == recorded.read_text()


QUESTIONS = (
    ("destination", "Pay to", (f"dev2:{PAYEE}", "Enter")),
    ("token", "Token", ("Down", "Enter")),
    ("amount", "Amount of USDC", ("20", "Enter")),
    ("way", "? Way", ("Enter",)),
    ("memo", "? A memo", ("rent", "Enter")),
    ("consent", "Pay 20 USDC to", ("yes", "Enter")),
)
"""What the conversation asks in turn, the words it is known by, and what is pressed."""
LAST = len(QUESTIONS) - 1


def talk_until(terminal: Terminal, last: int) -> None:
    """Answer the questions before that one, which stands on the screen then."""
    for number, (_, words, answer) in enumerate(QUESTIONS[: last + 1]):
        terminal.wait_for(words)
        if number < last:
            press(terminal, answer)


def press(terminal: Terminal, keys: tuple[str, ...]) -> None:
    *typed, last = keys
    for text in typed:
        terminal.press(text) if text in {"Up", "Down"} else terminal.type(text)
    terminal.press(last)


def talk_until_consent(terminal: Terminal) -> None:
    talk_until(terminal, LAST)


@pytest.mark.parametrize(
    ("name", "size"),
    [("conversation_80", WIDE), pytest.param("conversation_40", NARROW, marks=pytest.mark.lab)],
)
def test_a_conversation_that_ends_with_no(payer: Home, name: str, size: tuple[int, int]) -> None:
    with Terminal(payer.environment, *size) as terminal:
        terminal.start(str(L2SEND))
        talk_until_consent(terminal)
        terminal.type("no")
        terminal.press("Enter")
        compare(name, terminal.end()[1])


@pytest.mark.lab
def test_back_from_the_last_question_to_the_first(payer: Home) -> None:
    with Terminal(payer.environment, 80, 60) as terminal:
        terminal.start(str(L2SEND))
        talk_until_consent(terminal)
        for number, (_, words, _) in reversed([*enumerate(QUESTIONS[:LAST])]):
            is_list = QUESTIONS[number + 1][0] in {"token", "way"}
            press(terminal, ("Up", "Enter") if is_list else ("back", "Enter"))  # in a list it is the last choice
            terminal.wait_for_times(words, 2)
        terminal.press("C-c")
        compare("conversation_back", terminal.end()[1])


@pytest.mark.lab
@pytest.mark.parametrize("number", range(len(QUESTIONS)), ids=[question for question, _, _ in QUESTIONS])
def test_ctrl_c_at_any_question_sends_nothing(payer: Home, number: int) -> None:
    before = payer.must("history", "--json").json
    with Terminal(payer.environment, *NARROW) as terminal:
        terminal.start(str(L2SEND))
        talk_until(terminal, number)
        if QUESTIONS[number][0] == "amount":
            terminal.type("20")
            terminal.wait_for("would stay")
        terminal.press("C-c")
        status, screen = terminal.end()
        compare(f"ctrl_c_{QUESTIONS[number][0]}", screen)
    assert status == 130
    assert payer.must("history", "--json").json == before


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


@pytest.mark.lab
def test_payments_to_their_end(payer: Home) -> None:
    """The last in this file: who was paid is offered from then on."""
    for name, size, amount in (("payment_80", WIDE, "1"), ("payment_40", NARROW, "2")):
        with Terminal(payer.environment, *size) as terminal:
            terminal.start(str(L2SEND), amount, "USDC", f"dev1:{PAYEE}", "--memo", "invoice 17")
            terminal.wait_for(f"Pay {amount} USDC to")
            terminal.type("yes")
            terminal.press("Enter")
            compare(name, terminal.end()[1])
    with Terminal(payer.environment, 80, 60) as terminal:
        terminal.start(str(L2SEND))
        talk_until_consent(terminal)
        press(terminal, QUESTIONS[LAST][2])
        terminal.wait_for("What next?")
        terminal.press("Enter")
        compare("conversation_paid", terminal.end()[1])
