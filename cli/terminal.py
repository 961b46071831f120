"""Detects a person at a terminal, and reads input typed unseen. Questions with visible answers are in prompts.py."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from typing import Any

from l2send.cli.interruptible import interrupted_at_once, run
from l2send.cli.progress_mode import set_progress_mode
from l2send.core.errors import ConfigError, Interrupted, NeedsConfirmation


def can_ask() -> bool:
    """Whether questions can be answered here."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def must_be_able_to_ask(*, yes: bool, hint: str = "Add --yes to go on without a question.") -> None:
    """Called before a question that --yes would answer. Raises NeedsConfirmation without a terminal."""
    if yes:
        return
    if not can_ask():
        raise NeedsConfirmation("this is not a terminal, so no question can be asked.", hint=hint)
    set_progress_mode(None)  # A person who answers questions sees everything, even with --quiet.


def ask_password(name: str) -> str:
    """The password, typed unseen. Raises KeyboardInterrupt."""
    return ask_unseen(f"Password of {name}: ")


def ask_unseen(question: str) -> str:
    """A secret, typed unseen. Raises ConfigError without a terminal, KeyboardInterrupt for Ctrl-C and Ctrl-D."""
    from getpass import getpass

    from l2send.cli.progress import Live

    if not can_ask():
        raise ConfigError("a secret must be typed here, and this is not a terminal.")
    with Live.out_of_the_way(), interrupted_at_once():
        try:
            return getpass(question)
        except EOFError:
            raise KeyboardInterrupt from None


def run_to_end(command: Coroutine[Any, Any, int]) -> int:
    """Run a command. Ctrl-C outside a payment's own steps, where nothing was sent, raises Interrupted."""
    try:
        return run(command)
    except KeyboardInterrupt:
        raise Interrupted("interrupted.") from None
