"""The person at the terminal: whether there is one, and what is typed unseen. Questions with an answer to see are in
prompts.py.
"""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from typing import Any

from l2send.cli.blocking import interrupted_at_once, run
from l2send.cli.progress_mode import set_progress_mode
from l2send.core.errors import ConfigError, Interrupted, NeedsConfirmation


def can_ask() -> bool:
    """Whether a person can answer questions here."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def must_be_able_to_ask(*, yes: bool, hint: str = "Add --yes to go on without a question.") -> None:
    """Before a question that --yes would answer. Raises NeedsConfirmation where there is no terminal."""
    if yes:
        return
    if not can_ask():
        raise NeedsConfirmation("this is not a terminal, so no question can be asked.", hint=hint)
    set_progress_mode(None)  # The person who answers a question sees everything, even with --quiet.


def ask_password(name: str) -> str:
    """The password, typed unseen. Raises KeyboardInterrupt."""
    return ask_unseen(f"Password of {name}: ")


def ask_unseen(question: str) -> str:
    """A secret, typed unseen. Raises ConfigError without a terminal, KeyboardInterrupt for Ctrl-C and Ctrl-D."""
    from getpass import getpass

    if not can_ask():
        raise ConfigError("a secret must be typed here, and this is not a terminal.")
    with interrupted_at_once():
        try:
            return getpass(question)
        except EOFError:
            raise KeyboardInterrupt from None


def run_to_end(command: Coroutine[Any, Any, int]) -> int:
    """Run a command. Ctrl-C outside a payment's own steps has sent nothing: raises Interrupted."""
    try:
        return run(command)
    except KeyboardInterrupt:
        raise Interrupted("interrupted.") from None
