"""Ctrl-C at every stage of a payment in a real terminal: it stops, reports the state, and exits with 130."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from l2send.core.address import checksum
from tests.conftest import Home, home_with_devnet
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.lab, pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")]

L2SEND = str(Path(sys.executable).with_name("l2send"))
PAYEE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
PASSWORD = "a password that is long"
_BOUND = 20.0
"""Seconds that a busy machine may take. What each stage waits for takes longer, or has no end."""


@pytest.fixture(scope="module")
def payer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A devnet whose solver ignores orders, and an account whose key costs a second of scrypt."""
    with home_with_devnet(tmp_path_factory.mktemp("interrupted"), chains=2) as home:
        password = home.path / "typed"
        password.touch(mode=0o600)
        password.write_text(PASSWORD)
        home.must("wallet", "new", "alice", "--password-file", str(password))
        address = checksum(home.must("wallet", "show", "alice").stdout.strip())
        home.fund(address, "dev1", USDC="100", ETH="1")
        home.must("devnet", "solver", "--mode", "ignore")
        kept = {name: value for name, value in home.environment.items() if name != "ETH_PASSWORD"}
        yield Home(home.path, kept | {"ETH_KEYSTORE_ACCOUNT": "alice", "TERM": "xterm-256color"})


@dataclass(frozen=True)
class Stage:
    """The words by which a stage is known, what was typed before it, and what is said after Ctrl-C or Ctrl-D."""

    name: str
    words: str
    typed: tuple[tuple[str, str], ...] = ()
    said: str = "Nothing was sent."
    amount: str = "10"
    key: str = "C-c"


YES = ("Pay {amount} USDC to", "yes")
TYPED = ("Password of alice", PASSWORD)
STAGES = (
    Stage("asking", "asking all chains"),
    Stage("consent", "Pay {amount} USDC to", amount="11"),
    Stage("password", "Password of alice", (YES,), amount="12"),
    Stage("wrong", "Try again", (YES, ("Password of alice", "not that one")), amount="13"),
    Stage("scrypt", "opening alice", (YES, TYPED), amount="14"),
    Stage("consent-eof", "Pay {amount} USDC to", key="C-d", amount="16"),
    Stage("password-eof", "Password of alice", (YES,), key="C-d", amount="17"),
    Stage("filling", "eco holds the money", (YES, TYPED), "Resume it with: l2send resume p-", amount="15"),
)


@pytest.mark.parametrize("stage", STAGES, ids=[stage.name for stage in STAGES])
def test_ctrl_c_ends_and_says_how_things_stand(payer: Home, stage: Stage) -> None:
    before = len(payer.must("history", "--json").json["payments"])
    with Terminal(payer.environment) as terminal:
        terminal.start(L2SEND, stage.amount, "USDC", f"dev2:{PAYEE}", "--via", "eco")
        for question, answer in stage.typed:
            terminal.wait_for(question.format(amount=stage.amount))
            terminal.type(answer)
            terminal.press("Enter")
        terminal.wait_for(stage.words.format(amount=stage.amount))
        started = time.monotonic()
        terminal.press(stage.key)
        status, screen = terminal.end()
    assert time.monotonic() - started < _BOUND
    assert status == 130, screen
    assert "l2send: interrupted" in screen or "the input ended" in screen
    assert stage.said in screen
    made = len(payer.must("history", "--json").json["payments"]) - before
    assert made == (stage.name == "filling")


@pytest.mark.parametrize(
    ("words", "seen", "said"),
    [
        ("resume", "may fill it", "Resume it with: l2send resume p-"),
        ("watch", "may fill it", "interrupted"),
        ("receive --chain dev1 --token USDC --amount 5 --wait", "Waiting for 5 USDC", "still arrives"),
        ("balances --watch", "Read at", "l2send: interrupted."),
    ],
    ids=["resume", "watch", "receive", "balances"],
)
def test_ctrl_c_ends_what_is_followed(payer: Home, words: str, seen: str, said: str) -> None:
    """Of the order that the stage `filling` left open. Each waits longer than the bound for its next look."""
    with Terminal(payer.environment) as terminal:
        terminal.start(L2SEND, *words.split(" "))
        terminal.wait_for(seen)
        started = time.monotonic()
        terminal.press("C-c")
        status, screen = terminal.end()
    assert time.monotonic() - started < _BOUND
    assert (status, "l2send: interrupted" in screen, said in screen) == (130, True, True), screen
