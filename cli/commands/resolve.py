"""`l2send resolve`: explains how l2send reads a destination."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated

import typer
from rich.text import Text

from l2send.cli.option_groups import spread
from l2send.cli.options import RunOptions
from l2send.cli.own_accounts import whose, with_own_account
from l2send.cli.screen import out, print_json, print_pairs, stage_in_words, styled
from l2send.cli.stdin import FROM_STDIN, lines_of_stdin
from l2send.cli.typed_recipient import UNCHECKED, find_destination
from l2send.core.chains import Registry
from l2send.core.errors import Interrupted, L2sendError
from l2send.core.rpc import open_rpcs
from l2send.resolver.contacts import Book, load_book
from l2send.resolver.destination import Asked, Destination
from l2send.resolver.destination_forms import forms, forms_document
from l2send.resolver.spelling import Voucher

_OWN = "the name of an account of yours"


@spread
def resolve(
    destination: Annotated[
        str,
        typer.Argument(help="chain:address, chain:name.eth, a contact, 0x…@chain#checksum, CAIP-10, ERC-7930, a link"),
    ],
    run_options: RunOptions,
) -> None:
    """Explain a destination without sending anything, and write it in every form.

    `-` reads destinations from stdin, one per line; the first wrong line ends it.

    Example: l2send resolve base:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045
    """
    several = destination == FROM_STDIN
    paths, registry = run_options.paths, run_options.registry()
    book = load_book(paths.contacts)
    typed = lines_of_stdin() if several else [destination]
    texts = [with_own_account(text, registry, book, paths) for text in typed]
    found = _find(texts, registry, book)
    found = [one if text in typed else replace(one, form=_OWN) for one, text in zip(found, texts, strict=True)]
    if not run_options.as_json:
        for one in found:
            print_pairs(out(), _rows(one, whose(one.address, paths)))
            if several:
                out().print()
    elif several:
        print_json({"schema": "l2send.destinations/1", "destinations": [_document(one) for one in found]})
    else:
        print_json(_document(found[0]))


def _find(texts: list[str], registry: Registry, book: Book) -> list[Destination]:
    """The accounts that these texts name. Raises the error of the first invalid text, with its line number."""

    async def ask() -> list[Destination]:
        found = list[Destination]()
        async with open_rpcs(registry) as rpcs:
            for number, text in enumerate(texts, 1):
                try:
                    found.append(await find_destination(text, rpcs, book))
                except L2sendError as error:
                    if len(texts) > 1:
                        error.message = f"destination {number}: {error.message}"
                    raise
        return found

    try:
        return asyncio.run(ask())
    except KeyboardInterrupt:
        raise Interrupted("interrupted.") from None


def _rows(found: Destination, whose_it_is: str) -> list[tuple[str, Text]]:
    chain = found.chain
    rows = [
        ("chain", f"{chain.name} (chain id {chain.chain_id}{', a testnet' if chain.testnet else ''})"),
        ("address", found.address),
        *([("name", f"{found.name}, which ENS says is this address on {chain.name}")] if found.name else []),
        *([("contact", found.contact)] if found.contact else []),
        *([("account", whose_it_is)] if whose_it_is else []),
        ("read as", found.form),
        ("spelling", _spelling(found)),
        *([("asks for", _asked_in_words(found.asked))] if found.asked else []),
        ("security", stage_in_words(chain)),
        *forms(found).items(),
    ]
    return [(label, styled(value, limit=400)) for label, value in rows]


def _spelling(found: Destination) -> str:
    match found.vouched_by:
        case Voucher.ERC55:
            return "confirmed by its ERC-55 checksum"
        case Voucher.ERC7828:
            return "chain and address confirmed by its ERC-7828 checksum"
        case Voucher.CONTACT:
            return "as it was when you added the contact"
        case Voucher.ENS:
            return "a name: check that it is spelled as the recipient spells it"
        case Voucher.NONE:
            return UNCHECKED


def _asked_in_words(asked: Asked) -> str:
    return str(asked.amount or asked.token.symbol)


def _document(found: Destination) -> dict[str, object]:
    return {
        "schema": "l2send.destination/1",
        "destination": str(found),
        "chain_id": found.chain.chain_id,
        "chain": found.chain.short_name,
        "chain_name": found.chain.name,
        "testnet": found.chain.testnet,
        "address": found.address,
        "checksummed": found.checksummed,
        "stage": found.chain.stage.value,
        "read_as": found.form,
        "vouched_by": found.vouched_by.value,
        "name": found.name or None,
        "contact": found.contact or None,
        "asked": _asked_document(found.asked) if found.asked else None,
        "forms": forms_document(found),
    }


def _asked_document(asked: Asked) -> dict[str, object]:
    return {
        "token": asked.token.symbol,
        "address": asked.token.address,
        "base_units": str(asked.amount.units) if asked.amount else None,
        "human": asked.amount.text if asked.amount else None,
    }
