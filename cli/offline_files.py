"""Files of prepared payments: `l2send prepare`, `sign` and `broadcast` read, write and show them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from l2send.cli.screen import err, out, print_json, print_pairs, styled
from l2send.core.chains import Registry
from l2send.core.errors import UsageError
from l2send.core.plan import Payment
from l2send.core.private_files import write_own
from l2send.core.units import Amount
from l2send.resolver.contacts import Book
from l2send.resolver.destination import Destination
from l2send.resolver.spelling import Voucher
from l2send.wallet.offline import Bundle, document, most_of

Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The new file, mode 0600.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="a file of `l2send prepare` or `l2send sign`")]


def refuse_existing(path: Path) -> None:
    """Called before anything is approved. Raises UsageError if the file exists."""
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} exists already; it is left as it is.", hint="Choose another path.")


def write_bundle(path: Path, bundle: Bundle, *, as_json: bool) -> None:
    """Write the new file, and print its payment's id or its JSON. Raises ConfigError if it cannot be written."""
    write_document(path, document(bundle), bundle.id, as_json=as_json)


def write_document(path: Path, written: dict[str, Any], payment_id: str, *, as_json: bool) -> None:
    """Write the new file, and print its payment's id or its JSON. Raises ConfigError if it cannot be written."""
    write_own(path, json.dumps(written, indent=2).encode() + b"\n")
    if as_json:
        print_json(written)
    else:
        out().print(styled(payment_id))


def recipient_of(payment: Payment, registry: Registry, book: Book) -> Destination:
    """The account in a file, written with its checksum, and its contact's name."""
    chain = registry.chain(payment.to.chain_id)
    contact = book.at(payment.to.address, chain)
    return Destination(chain, payment.to.address, Voucher.ERC55, contact=contact.name if contact else "")


def show_parts(bundle: Bundle, registry: Registry) -> None:
    """Show what is fixed: nonce and maximum cost of every signature, and how long it is valid.

    The time in a file is a promise of `l2send broadcast` alone: no signed byte holds it.
    """
    rows = list[tuple[str, Text]]()
    for part in bundle.parts:
        chain = registry.chain(part.chain_id)
        for step in part.steps:
            most = Amount(most_of(step), chain.native)
            rows.append((f"nonce {step.nonce}", styled(f"{step.kind} on {chain.name}, network fee at most {most}")))
        if part.until is not None:
            rows.append(("send by", styled(f"{_moment(part.until)}: l2send refuses it later", "yellow")))
        rows.append(("valid", styled("as long as its nonce is free and its fees suffice, no matter who sends it")))
    print_pairs(err(), rows)


def _moment(until: int) -> str:
    return f"{datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M:%S} UTC"
