"""Options that several commands share, named as `cast` names them where it has them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l2send.cli.settings import Settings
from l2send.core.errors import Refused

AmountWord = Annotated[str, typer.Argument(help="number, for example 25 or 0.5; max; or a payment link (EIP-681)")]
TokenWord = Annotated[str | None, typer.Argument(help="symbol, or address on the destination chain")]
DestinationWord = Annotated[str | None, typer.Argument(help="chain:address, chain:name.eth, or another form")]
PaymentId = Annotated[str, typer.Argument(metavar="ID", help="the payment's id, or its first characters")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, with a versioned schema.")]
Devnet = Annotated[
    bool,
    typer.Option("--devnet", help="Use the running local devnet (`l2send devnet up`), never real chains."),
]
From = Annotated[
    str | None,
    typer.Option("--from", "-f", envvar="ETH_FROM", metavar="ADDRESS", help="The sending account, by address."),
]
Account = Annotated[
    str | None,
    typer.Option(
        "--account",
        envvar="ETH_KEYSTORE_ACCOUNT",
        metavar="NAME",
        help="The sending account, by the name of its keystore (`l2send wallet list`).",
    ),
]
Keystore = Annotated[
    Path | None,
    typer.Option("--keystore", envvar="ETH_KEYSTORE", metavar="FILE", help="The sending account's keystore file."),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        envvar="ETH_PASSWORD",
        metavar="FILE",
        help="File that holds the keystore's password.",
    ),
]
PasswordFd = Annotated[
    int | None,
    typer.Option("--password-fd", metavar="N", help="Open file descriptor to read the keystore's password from."),
]
PrivateKey = Annotated[
    str | None,
    typer.Option(
        "--private-key",
        metavar="HEX",
        help="Sign with this key. Other programs can read it from here: prefer `l2send wallet import`.",
    ),
]


def _permitted(context: typer.Context, yes: bool) -> bool:
    """Whoever wants to be asked always is. Raises Refused."""
    settings = context.find_object(Settings)
    if yes and settings and settings.always_asks:
        raise Refused(
            "config.toml says confirm = always, so --yes is refused.",
            hint="Leave it out and answer, or: l2send config unset confirm",
        )
    return yes


Yes = Annotated[
    bool, typer.Option("--yes", "-y", callback=_permitted, help="Do not ask; go on after all checks have passed.")
]
IdempotencyKey = Annotated[
    str | None,
    typer.Option("--idempotency-key", metavar="KEY", help="Pay once for this key, however often this runs."),
]
Ledger = Annotated[bool, typer.Option("--ledger", "-l", help="Sign with a Ledger, its Ethereum app open.")]
Trezor = Annotated[bool, typer.Option("--trezor", "-t", help="Sign with a Trezor.")]
HdPath = Annotated[
    str | None,
    typer.Option(
        "--hd-path",
        "--mnemonic-derivation-path",
        metavar="PATH",
        help="Which key of a seed, in full: m/44'/60'/0'/0/0",
    ),
]
HdIndex = Annotated[
    int | None,
    typer.Option("--mnemonic-index", min=0, metavar="N", help="Which key of a seed, counted from 0."),
]
