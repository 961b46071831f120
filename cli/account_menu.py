"""Asks on a terminal which account pays: one with a keystore here, shown with its balances, or a new first one."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, unique

from l2send.cli.balances_table import worth_in_words
from l2send.cli.forgotten_devnet import reminder_of_the_devnet
from l2send.cli.interruptible import run
from l2send.cli.options import RunOptions
from l2send.cli.prompts import BACK, Back, ask_text, choose, pick
from l2send.cli.screen import err, print_words, styled
from l2send.core.address import Address, parse_address, short
from l2send.core.chains import Registry
from l2send.core.errors import ConfigError, ExitStatus, Interrupted, L2sendError
from l2send.core.rpc import Rpcs, open_rpcs
from l2send.resolver.balances import take_snapshot
from l2send.wallet.keys.keystore import Keystore, find, refuse_name

_SHOWN = 12
"""Accounts in the list."""


@unique
class Start(Enum):
    """How to create or find a first account."""

    NEW = "Make a new account: a new key, encrypted with a password of yours"
    KEY = "Import a private key that you have"
    PHRASE = "Import a recovery phrase: 12 to 24 words"
    WATCH = "Look at an address, without a key: what it holds"
    DEVNET = "Try it with play money: local chains on this machine"


_QUESTION = "How do you want to start?"
_STARTS = [(start.value, start) for start in Start]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The chosen account, or the exit status of the action taken instead."""

    keystore: Keystore | None
    ended: int = ExitStatus.DELIVERED


@dataclass
class _Worth:
    """What each account holds, by the answers so far."""

    words: dict[Address, str] = field(default_factory=dict[Address, str])

    def of(self, keystore: Keystore) -> str:
        """A sentence on the balances, or that they are being read."""
        if keystore.address is None:
            return "its address is known once it is opened"
        return self.words.get(keystore.address, "asking what it holds …")

    async def ask(self, account: Address, rpcs: Rpcs) -> None:
        """Query all chains once."""
        try:
            self.words[account] = worth_in_words(await take_snapshot(account, rpcs))
        except L2sendError as error:
            self.words[account] = error.message


def choose_account(run_options: RunOptions, registry: Registry) -> Chosen:
    """l2send's only account, or the chosen one; without any, first asks how to create one.

    Raises KeyboardInterrupt, Back, ConfigError.
    """
    known = find(run_options.paths.keystores)
    own = [keystore for keystore in known if keystore.origin == "l2send"]
    if len(own) == 1:
        return Chosen(own[0])
    if not known:
        words = "There is no account here yet. Nothing can be sent before there is one."
        print_words(err(), f"{words} {reminder_of_the_devnet(run_options.paths)}".strip())
        return _start(run_options, run(pick(_QUESTION, _STARTS)))
    while True:
        keystore = run(_choose(known[:_SHOWN], registry))
        if keystore:
            return Chosen(keystore)
        with contextlib.suppress(Back):
            return _start(run_options, run(choose(_QUESTION, _STARTS)))


async def _choose(known: list[Keystore], registry: Registry) -> Keystore | None:
    """One of `known`; None for another one. Balances are read while the list is shown."""
    worth = _Worth()
    async with open_rpcs(registry) as rpcs:
        reading = [asyncio.create_task(worth.ask(k.address, rpcs)) for k in known if k.address]
        try:
            lines = [(_line(keystore, worth), keystore) for keystore in known]
            return await pick("Which account pays?", [*lines, ("another account", None)])
        finally:
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)


def _line(keystore: Keystore, worth: _Worth) -> Callable[[], str]:
    address = short(keystore.address) if keystore.address else keystore.origin
    return lambda: f"{keystore.name} ({address}) {worth.of(keystore)}"


def _start(run_options: RunOptions, start: Start) -> Chosen:
    """Do it; an error in an answer is reported, and the start is asked again. Raises KeyboardInterrupt."""
    while True:
        try:
            return _DO[start](run_options)
        except Back:
            pass
        except Interrupted:
            raise
        except L2sendError as error:
            print_words(err(), styled(f"{error.message} {error.hint}", "yellow", limit=900))
        start = run(pick(_QUESTION, _STARTS))


def _make(run_options: RunOptions) -> Chosen:
    from l2send.cli.commands.wallet import make

    name = _name(run_options)
    make(name=name, mnemonic=False, password_file=None, as_json=False, devnet=run_options.devnet)
    how = f"`l2send devnet fund {name}` gives it play money."
    if not run_options.devnet:
        how = f"`l2send receive --account {name}` shows where to pay it."
    print_words(err(), f"It holds nothing yet. {how}")
    return _named(name, run_options)


def _import_key(run_options: RunOptions, *, phrase: bool = False) -> Chosen:
    from l2send.cli.commands.wallet import import_

    name = _name(run_options)
    import_(name=name, mnemonic=phrase, password_file=None, as_json=False, devnet=run_options.devnet)
    return _named(name, run_options)


def _import_phrase(run_options: RunOptions) -> Chosen:
    return _import_key(run_options, phrase=True)


def _watch(run_options: RunOptions) -> Chosen:
    from l2send.cli.commands.balances import balances

    typed = run(ask_text(f"Address (or {BACK})", parse_address))
    address = parse_address(typed)[0]
    status = balances(whose=address, as_json=False, devnet=run_options.devnet)
    print_words(err(), f"What a payment would cost: l2send plan AMOUNT TOKEN CHAIN:ADDRESS --from {address}")
    return Chosen(None, status)


def _devnet(_: RunOptions) -> Chosen:
    done = subprocess.run([sys.executable, "-m", "l2send", "devnet", "up"], check=False)
    if done.returncode == 0:
        print_words(err(), "Make an account there with `l2send --devnet`: it asks for everything.")
    return Chosen(None, done.returncode)


_DO: Mapping[Start, Callable[[RunOptions], Chosen]] = {
    Start.NEW: _make,
    Start.KEY: _import_key,
    Start.PHRASE: _import_phrase,
    Start.WATCH: _watch,
    Start.DEVNET: _devnet,
}


def _name(run_options: RunOptions) -> str:
    """An unused account name. Raises Back, KeyboardInterrupt."""
    folder = run_options.paths.keystores

    def judge(typed: str) -> None:
        refuse_name(folder, typed.strip())

    return run(ask_text(f"A name for it (or {BACK})", judge))


def _named(name: str, run_options: RunOptions) -> Chosen:
    """Raises ConfigError if it does not exist."""
    for keystore in find(run_options.paths.keystores):
        if keystore.name == name:
            return Chosen(keystore)
    raise ConfigError(f"the account {name} was not written.")
