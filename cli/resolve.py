"""`l2send resolve`: what l2send understands a destination to be."""

from __future__ import annotations

from typing import Annotated

import typer

from l2send.cli.options import Devnet, Json
from l2send.cli.screen import out, print_json, stage_in_words, table
from l2send.cli.session import open_registry
from l2send.resolver.destination import Destination, parse_destination

HELP = """Explain a destination without sending anything.

Example: l2send resolve base:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"""


def resolve(
    destination: Annotated[str, typer.Argument(help="chain:address, as ERC-3770 writes it")],
    as_json: Json = False,
    devnet: Devnet = False,
) -> None:
    """Explain a destination."""
    found = parse_destination(destination, open_registry(devnet=devnet))
    if as_json:
        print_json(_document(found))
        return
    chain = found.chain
    rows = table("", "")
    rows.show_header = False
    rows.add_row("chain", f"{chain.name} (chain id {chain.chain_id}{', a testnet' if chain.testnet else ''})")
    rows.add_row("address", found.address)
    rows.add_row("spelling", _spelling(found))
    rows.add_row("security", stage_in_words(chain))
    out().print(rows)


def _spelling(found: Destination) -> str:
    if found.checksummed:
        return "vouched for by its ERC-55 checksum"
    return "no checksum: a mistyped character would go unnoticed"


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
    }
