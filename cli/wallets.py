"""`l2send wallet`: encrypted keystores, made here or found in Foundry's and geth's folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l2send.cli.options import Devnet, Json, PasswordFile
from l2send.cli.screen import err, out, print_json, styled, table
from l2send.cli.session import ask_password, can_ask, paths_for
from l2send.core.errors import UsageError
from l2send.wallet.keystore import Keystore, find, import_key, named, new, password_from
from l2send.wallet.signer import SecretKey

app = typer.Typer(help="Make, import and list accounts: encrypted keystore files.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="letters, digits, - and _")]


@app.command("new")
def make(name: Name, password_file: PasswordFile = None, as_json: Json = False, devnet: Devnet = False) -> None:
    """Make a new account in an encrypted keystore.

    Example: l2send wallet new alice
    """
    paths = paths_for(devnet=devnet)
    _show(new(paths.keystores, name, _new_password(name, password_file)), as_json=as_json)


@app.command("import")
def import_(name: Name, password_file: PasswordFile = None, as_json: Json = False, devnet: Devnet = False) -> None:
    """Put an existing private key, typed unseen or piped in, into an encrypted keystore.

    Example: l2send wallet import alice < key.txt
    """
    paths = paths_for(devnet=devnet)
    key = SecretKey.from_hex(_typed_key())
    _show(import_key(paths.keystores, name, key, _new_password(name, password_file)), as_json=as_json)


@app.command("list")
def list_(as_json: Json = False, devnet: Devnet = False) -> None:
    """List the accounts l2send can open, Foundry's and geth's among them.

    Example: l2send wallet list
    """
    found = find(paths_for(devnet=devnet).keystores)
    if as_json:
        print_json({"schema": "l2send.accounts/1", "accounts": [_document(k) for k in found]})
        return
    if not found:
        err().print("No accounts yet. Make one: l2send wallet new NAME")
        return
    rows = table("name", "address", "kept by")
    for keystore in found:
        rows.add_row(styled(keystore.name), keystore.address or "known once opened", keystore.origin)
    out().print(rows)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="the account's name or address, or a keystore file")],
    as_json: Json = False,
    devnet: Devnet = False,
) -> None:
    """Show an account's address without opening it.

    Example: l2send wallet show alice
    """
    _show(named(name, paths_for(devnet=devnet).keystores), as_json=as_json)


def _typed_key() -> str:
    """A private key from a person or from a pipe, never from the command line, where others could read it."""
    if can_ask():
        from getpass import getpass

        return getpass("Private key (64 hexadecimal digits): ")
    return typer.get_text_stream("stdin").readline(200)


def _new_password(name: str, file: Path | None) -> str:
    """The password of a new keystore, asked twice on a terminal. Raises UsageError, ConfigError."""

    def ask() -> str:
        first = ask_password(name)
        if ask_password(f"{name}, again") != first:
            raise UsageError("the two passwords differ; nothing was written.")
        return first

    return password_from(file=file, prompt=ask if can_ask() else None)


def _show(keystore: Keystore, *, as_json: bool) -> None:
    if as_json:
        print_json({"schema": "l2send.account/1", **_document(keystore)})
        return
    out().print(keystore.address or "known once opened")
    err().print(styled(f"{keystore.name}: {keystore.path}", "dim"), soft_wrap=True)


def _document(keystore: Keystore) -> dict[str, object]:
    return {
        "name": keystore.name,
        "address": keystore.address,
        "path": str(keystore.path),
        "origin": keystore.origin,
    }
