"""Asks for new passwords and passphrases, and again, up to three times, if what was typed cannot be the secret."""

from __future__ import annotations

from collections.abc import Callable
from getpass import getpass
from pathlib import Path
from typing import TypeVar

from l2send.cli.screen import aloud, print_words, styled
from l2send.cli.terminal import ask_password, can_ask
from l2send.cli.terminal_echo import without_echo
from l2send.core.errors import ConfigError, L2sendError, UsageError
from l2send.wallet.keys.keystore import password_from, refuse_password

TRIES = 3
"""How often a secret may be typed."""

T = TypeVar("T")


def ask_again(ask: Callable[[], T], *refusals: type[L2sendError]) -> T:
    """The first valid answer to `ask`, which raises one of `refusals` for others; by default UsageError or ConfigError.

    Raises the third refusal.
    """
    refusals = refusals or (UsageError, ConfigError)
    for _ in range(TRIES - 1):
        try:
            return ask()
        except refusals as error:
            print_words(aloud(), styled(f"{error.message[:1].upper()}{error.message[1:]} Try again.", "yellow", 400))
    return ask()


def new_password(name: str, file: Path | None) -> str:
    """The password of a new keystore, asked twice on a terminal. Raises UsageError, ConfigError."""

    def ask() -> str:
        first = ask_password(name)
        refuse_password(first)
        return _same(first, ask_password(f"{name}, again"), "passwords")

    with without_echo():
        password = password_from(file=file, prompt=(lambda: ask_again(ask)) if can_ask() else None)
        refuse_password(password)
        return password


def new_passphrase() -> str:
    """The passphrase of a recovery phrase. Every one is valid, so it is asked twice. Raises UsageError."""

    def ask() -> str:
        first = getpass("Passphrase of the recovery phrase: ")
        return _same(first, getpass("The same again: "), "passphrases")

    with without_echo():
        return ask_again(ask)


def _same(first: str, second: str, what: str) -> str:
    if first != second:
        raise UsageError(f"the two {what} differ.")
    return first
