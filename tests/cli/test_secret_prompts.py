"""Secrets that must be typed again: a short password, two that differ, a key or a phrase that is invalid."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from l2send.cli import secret_prompts
from l2send.cli.secret_prompts import ask_again, new_password
from l2send.core.errors import ConfigError, UsageError
from tests.support.terminal import Terminal


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_prompts, "can_ask", lambda: True)
    monkeypatch.delenv("ETH_PASSWORD", raising=False)


@pytest.mark.usefixtures("at_a_terminal")
@pytest.mark.parametrize(
    "typed",
    [
        ("long enough", "long enough"),
        ("short", "long enough", "long enough"),
        ("long enough", "long enuogh", "long enough", "long enough"),
        ("short", "short", "long enough", "long enough"),
    ],
)
def test_a_password_that_cannot_be_one_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...]
) -> None:
    waiting = list(typed)
    monkeypatch.setattr(secret_prompts, "ask_password", lambda _: waiting.pop(0))
    assert (new_password("alice", None), waiting) == ("long enough", [])


@pytest.mark.usefixtures("at_a_terminal")
def test_three_times_and_no_more(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    waiting = ["short", "short", "short", "long enough"]
    monkeypatch.setattr(secret_prompts, "ask_password", lambda _: waiting.pop(0))
    with pytest.raises(UsageError, match="shorter than 8"):
        new_password("alice", None)
    assert waiting == ["long enough"]
    assert capsys.readouterr().err.count("Try again.") == 2


def test_one_from_a_file_is_judged_once(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.touch(mode=0o600)
    file.write_text("short")
    with pytest.raises(UsageError, match="shorter than 8"):
        new_password("alice", file)


def test_other_errors_are_not_asked_about_again() -> None:
    def ask() -> None:
        raise ConfigError("damaged.")

    tries = []
    with pytest.raises(ConfigError, match="damaged"):
        ask_again(lambda: tries.append(1) or ask(), UsageError)
    assert len(tries) == 1


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_on_a_real_terminal(tmp_path: Path) -> None:
    """No word of it is shown, and the account is made in the end."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    environment = {k: v for k, v in os.environ.items() if k != "ETH_PASSWORD"} | {"L2SEND_HOME": str(home)}
    with Terminal(environment) as terminal:
        terminal.start(sys.executable, "-m", "l2send", "wallet", "import", "alice")
        for times, key in enumerate(("0xnonsense", "11" * 32), 1):
            terminal.wait_for_times("Private key (64 hexadecimal digits):", times)
            terminal.type(key)
            terminal.press("Enter")
        for times, password in enumerate(("short", "long enough"), 1):
            terminal.wait_for_times("Password of alice:", times)
            terminal.type(password)
            terminal.press("Enter")
        terminal.wait_for("Password of alice, again:")
        terminal.type("long enough")
        terminal.press("Enter")
        status, screen = terminal.end()
    assert (status, screen.count("Try again.")) == (0, 2), screen
    assert not any(word in screen for word in ("1111", "nonsense", "long enough", "short\n"))
    assert [*home.rglob("alice.json")]
