"""What is left after a payment: what the account has then, also if another terminal paid in between."""

from __future__ import annotations

import shutil
import sys

import pytest

from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.terminal import Terminal

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")


def test_a_payment_from_another_terminal_counts(home: Home) -> None:
    name, account = home.new_account()
    home.fund(account, "dev1", USDC="100", ETH="1")
    environment = home.environment | {"ETH_KEYSTORE_ACCOUNT": name, "TERM": "xterm-256color"}
    with Terminal(environment) as terminal:
        terminal.start(sys.executable, "-m", "l2send", "1", "USDC", f"dev1:{new_address()}")
        assert "left      99 USDC on " in terminal.wait_for("Pay 1 USDC to")
        done = home.must("5", "USDC", f"dev1:{new_address()}", "--yes", "--account", name)
        terminal.type("yes")
        terminal.press("Enter")
        status, screen = terminal.end()
    assert status == 0
    assert "left        94 USDC" in screen
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("left")]
    assert line.startswith("left        95 USDC"), "a script is told what its plan leaves,"
    assert ", as of " in line, "and when that was"
