"""A forgotten --devnet: what the local chains know is named in the error, with the whole line to type."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from l2send.cli.lines_to_type import WITHOUT_DEVNET
from l2send.cli.typed_line import first_word, has_option, line, typed_words
from l2send.core.errors import ConfigError, L2sendError, NeedsConfirmation, UnknownPayment, UsageError

if TYPE_CHECKING:
    from l2send.core.paths import Paths

_NAME = re.compile(r"[\w-]+")
_IN_QUOTES = re.compile(r"'([\w-]+)'")
_LOCAL_CHAIN = re.compile(r"dev[1-9]\d?", re.IGNORECASE | re.ASCII)
"""The short name of a chain of the devnet."""


def hint_of_the_devnet(error: L2sendError, words: Sequence[str] = ()) -> str:
    """What to type, if `error` refuses a name in `words`, or in the line, that the local chains have; else empty.

    `words`: an answer to a question of this run.
    """
    if not isinstance(error, UsageError | ConfigError) or isinstance(error, NeedsConfirmation) or not _may_have_it():
        return ""
    from l2send.core.paths import Paths

    with suppress(L2sendError):
        real, play = Paths.from_environment(), Paths.for_devnet()
        if isinstance(error, UnknownPayment):
            return reminder_of_the_devnet(real)
        about = set(_names([error.message]))
        names = [name for name in _names(words or typed_words()) if name in about] + _IN_QUOTES.findall(error.message)
        if not _is_beside(real, play):
            known = _known_to(real)
            local = next((name for name in names if _LOCAL_CHAIN.fullmatch(name) and name.lower() not in known), "")
            start = f"`l2send devnet up` starts them. Then: {line('--devnet')}"
            return f"{local} is a chain of the devnet, and no local chains run. {start}" if local else ""
        theirs = _known_to(play) - _known_to(real)
        named = next((name for name in names if name.lower() in theirs), "")
        return f"Local chains are running, and have {named}. Add --devnet: {line('--devnet')}" if named else ""
    return ""


def reminder_of_the_devnet(paths: Paths) -> str:
    """The line to type where nothing is found under `paths` while a devnet runs beside it; else empty."""
    from l2send.core.paths import Paths

    is_beside = _is_beside(paths, Paths.for_devnet())
    return f"Local chains are running, with their own accounts and payments: {line('--devnet')}" if is_beside else ""


def _may_have_it() -> bool:
    """Whether --devnet can be added to the line of this run."""
    return not has_option("--devnet") and first_word() not in WITHOUT_DEVNET


def _whole_line() -> str:
    """The line of this run, with --devnet."""
    return line("--devnet")


def _names(words: Sequence[str]) -> list[str]:
    """The parts of words that may be names: `dev3` and `alice` of `dev3:alice`."""
    return [name for word in words for name in _NAME.findall(word)]


def _known_to(paths: Paths) -> set[str]:
    """The names of chains, accounts and contacts under `paths`, in lower case."""
    from l2send.core.chains import load_registry
    from l2send.resolver.contacts import load_book
    from l2send.wallet.keys.keystore import find

    chains = (name for chain in load_registry(paths) for name in (*chain.names, str(chain.chain_id)))
    accounts = (keystore.name.lower() for keystore in find(paths.keystores))
    return {*chains, *accounts, *load_book(paths.contacts).contacts}


def _is_beside(paths: Paths, play: Paths) -> bool:
    return play.state != paths.state and (play.devnet / "chains.toml").exists()
