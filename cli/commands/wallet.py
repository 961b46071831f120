"""`l2send wallet`: encrypted keystores, created here or found in Foundry's and geth's folders."""

from __future__ import annotations

import os
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path
from typing import Annotated

import typer

from l2send.cli.commands.delegate import delegate, undelegate
from l2send.cli.interruptible import apart, load_package
from l2send.cli.option_groups import spread
from l2send.cli.options import HdIndex, HdPath, PasswordFile, RunOptions
from l2send.cli.progress import Live
from l2send.cli.recovery_phrases import ask_phrase, show_once
from l2send.cli.screen import err, out, print_json, print_words, styled, table
from l2send.cli.secret_prompts import ask_again, new_passphrase, new_password
from l2send.cli.terminal import ask_password, can_ask
from l2send.cli.terminal_echo import without_echo
from l2send.core.errors import UsageError
from l2send.wallet.keys.derivation import DerivationPath, parse_path, path_of_phrase
from l2send.wallet.keys.keyring import forget, remember
from l2send.wallet.keys.keystore import (
    Keystore,
    WrongPassword,
    find,
    import_key,
    named,
    new,
    open_keystore,
    password_from,
    refuse_name,
    secret_from,
)
from l2send.wallet.keys.mnemonic import Phrase
from l2send.wallet.keys.signer import SecretKey

app = typer.Typer(help="Make, import and list accounts: encrypted keystore files.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="letters, digits, - and _")]
Known = Annotated[str, typer.Argument(help="the account's name or address, or a keystore file")]


@app.command("new")
@spread
def make(
    name: Name,
    mnemonic: Annotated[
        bool, typer.Option("--mnemonic", help="Make a recovery phrase, and show it once, on this terminal alone.")
    ] = False,
    password_file: PasswordFile = None,
    *,
    run_options: RunOptions,
) -> None:
    """Make a new account in an encrypted keystore.

    Example: l2send wallet new alice
    """
    folder = run_options.paths.keystores
    refuse_name(folder, name)
    key = None
    if mnemonic:
        phrase = Phrase.fresh()
        show_once(phrase)
        key = phrase.key(path_of_phrase(0))
    _encrypt(folder, name, key, password_file, as_json=run_options.as_json)


@dataclass(frozen=True, slots=True)
class PhraseOptions:
    """A recovery phrase, and which key of it."""

    mnemonic: Annotated[
        bool, typer.Option("--mnemonic", help="Import from a recovery phrase (BIP-39), typed unseen or piped in.")
    ] = False
    mnemonic_file: Annotated[
        Path | None, typer.Option("--mnemonic-file", metavar="FILE", help="File that holds the recovery phrase.")
    ] = None
    mnemonic_fd: Annotated[
        int | None, typer.Option("--mnemonic-fd", metavar="N", help="Open file descriptor to read the phrase from.")
    ] = None
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for the phrase's own passphrase, its «25th word».")
    ] = False
    passphrase_file: Annotated[
        Path | None, typer.Option("--passphrase-file", metavar="FILE", help="File that holds that passphrase.")
    ] = None
    path: HdPath = None
    index: HdIndex = None

    @property
    def is_phrase(self) -> bool:
        """Whether a phrase is imported instead of a key."""
        return self.mnemonic or self.mnemonic_file is not None or self.mnemonic_fd is not None


@app.command("import")
@spread
def import_(
    name: Name,
    phrase_options: PhraseOptions,
    password_file: PasswordFile = None,
    *,
    run_options: RunOptions,
) -> None:
    """Put a key you have into an encrypted keystore.

    A private key, or a key of a recovery phrase: typed unseen, or piped in. The first key of a phrase is that of
    m/44'/60'/0'/0/0. The phrase itself is not kept.

    Example: l2send wallet import alice < key.txt

    Example: l2send wallet import alice --mnemonic --mnemonic-index 1
    """
    folder = run_options.paths.keystores
    refuse_name(folder, name)
    given = phrase_options
    if given.is_phrase:
        derivation = _derivation(given.path, given.index)
        phrase = ask_phrase(given.mnemonic_file, given.mnemonic_fd)
        key = phrase.key(derivation, _passphrase(given.passphrase_file, ask=given.passphrase))
    elif given != PhraseOptions():
        raise UsageError("a private key has no path, no index and no passphrase.", hint="Add --mnemonic for a phrase.")
    else:
        key = _typed_key()
    _encrypt(folder, name, key, password_file, as_json=run_options.as_json)


@app.command("list")
@spread
def list_(run_options: RunOptions) -> None:
    """List the accounts l2send can open.

    Accounts of Foundry and geth are included.

    Example: l2send wallet list
    """
    found = find(run_options.paths.keystores)
    if run_options.as_json:
        print_json({"schema": "l2send.accounts/1", "accounts": [k.document() for k in found]})
        return
    if not found:
        err().print("No accounts yet. Make one: l2send wallet new NAME")
        return
    rows = table("name", "address", "kept by")
    for keystore in found:
        rows.add_row(styled(keystore.name), keystore.address or "known once opened", keystore.origin)
    out().print(rows)


@app.command("show")
@spread
def show(
    name: Known,
    chain: Annotated[
        str | None, typer.Option("--chain", metavar="CHAIN", help="Also what code it runs there (EIP-7702).")
    ] = None,
    *,
    run_options: RunOptions,
) -> int:
    """Show an account's address without opening it.

    With --chain, also what code the account runs there.

    Example: l2send wallet show alice

    Example: l2send wallet show alice --chain base
    """
    keystore = named(name, run_options.paths.keystores)
    if chain is not None:
        from l2send.cli.commands.delegate import show_delegation

        return show_delegation(keystore, chain, run_options)
    _show(keystore, as_json=run_options.as_json)
    return 0


app.command("delegate")(delegate)
app.command("undelegate")(undelegate)


@app.command("remember")
@spread
def remember_(
    name: Known,
    password_file: PasswordFile = None,
    *,
    run_options: RunOptions,
) -> None:
    """Keep a keystore's password in the system's keyring.

    You are no longer asked for it.

    Example: l2send wallet remember alice
    """
    keystore = named(name, run_options.paths.keystores)

    def opening() -> str:
        prompt = (lambda: ask_password(keystore.name)) if can_ask() else None
        password = password_from(file=password_file, prompt=prompt)
        with Live(f"opening {keystore.name}"):
            apart(lambda: open_keystore(keystore.path, password))
        return password

    load_package("eth_account")
    is_typed = can_ask() and not (password_file or os.environ.get("ETH_PASSWORD"))
    with without_echo():
        password = ask_again(opening, WrongPassword) if is_typed else opening()
    place = remember(keystore.path, password)
    print_words(err(), styled(f"The password of {keystore.name} is kept by: {place}"))
    if run_options.as_json:
        _print_document(keystore)


@app.command("forget")
@spread
def forget_(
    name: Known,
    run_options: RunOptions,
) -> None:
    """Take a keystore's password out of the system's keyring.

    Example: l2send wallet forget alice
    """
    keystore = named(name, run_options.paths.keystores)
    forget(keystore.path)
    err().print(styled(f"The password of {keystore.name} is forgotten."))
    if run_options.as_json:
        _print_document(keystore)


def _derivation(path: str | None, index: int | None) -> DerivationPath:
    """Which key of a phrase. Raises UsageError."""
    if path is not None and index is not None:
        raise UsageError("--hd-path names the key, so --mnemonic-index has no effect here.")
    return path_of_phrase(index or 0) if path is None else parse_path(path)


def _passphrase(file: Path | None, *, ask: bool) -> str:
    """A phrase's passphrase; empty unless requested. Every one is valid, so a typed one is asked twice."""
    if file is not None:
        return secret_from(file, None, "passphrase")
    if not ask:
        return ""
    if not can_ask():
        raise UsageError("this is not a terminal: no passphrase can be typed.", hint="Use --passphrase-file FILE.")
    return new_passphrase()


def _typed_key() -> SecretKey:
    """A private key from a person or a pipe, never from the command line, where others could read it."""
    if can_ask():
        return ask_again(lambda: SecretKey.from_hex(getpass("Private key (64 hexadecimal digits): ")))
    return SecretKey.from_hex(typer.get_text_stream("stdin").readline(200))


def _encrypt(folder: Path, name: str, key: SecretKey | None, password_file: Path | None, *, as_json: bool) -> None:
    """Write the keystore of `key`, or of a new one, and show it. Raises UsageError, ConfigError, KeyboardInterrupt."""
    password = new_password(name, password_file)
    load_package("eth_account")
    with Live(f"encrypting the key of {name}"):
        made = apart(lambda: import_key(folder, name, key, password) if key else new(folder, name, password))
    _show(made, as_json=as_json)


def _show(keystore: Keystore, *, as_json: bool) -> None:
    if as_json:
        _print_document(keystore)
        return
    out().print(keystore.address or "known once opened")
    err().print(styled(f"{keystore.name}: {keystore.path}", "dim"), soft_wrap=True)


def _print_document(keystore: Keystore) -> None:
    print_json({"schema": "l2send.account/1", **keystore.document()})
