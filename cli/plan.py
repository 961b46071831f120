"""`l2send plan`: what a payment would cost by every way, and what would be signed. Sends nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from l2send.cli.options import Account, Devnet, From, Json, Keystore
from l2send.cli.routing import DEFAULT_MAX_FEE, Cheap, Fast, FromChains, MaxFee, Via
from l2send.cli.send import send

HELP = """Show every way to make a payment, what each costs, and why one wins. Signs and sends nothing.

Needs an address and no key. The same as `l2send … --dry-run`.

Example: l2send plan 100 USDC base:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045 --account alice"""


def plan(
    amount: Annotated[str, typer.Argument(help="number, for example 25 or 0.5; max; or a payment link (EIP-681)")],
    token: Annotated[str | None, typer.Argument(help="symbol, or address on the destination chain")] = None,
    destination: Annotated[str | None, typer.Argument(help="chain:address, chain:name.eth, or another form")] = None,
    account: Account = None,
    keystore: Keystore = None,
    sender: From = None,
    from_chain: FromChains = None,
    via: Via = "",
    max_fee: MaxFee = DEFAULT_MAX_FEE,
    fast: Fast = False,
    cheap: Cheap = False,
    as_json: Json = False,
    devnet: Devnet = False,
) -> int:
    """Show the ways."""
    return send(
        amount,
        token,
        destination,
        dry_run=True,
        account=account,
        keystore=keystore,
        sender=sender,
        from_chain=from_chain,
        via=via,
        max_fee=max_fee,
        fast=fast,
        cheap=cheap,
        as_json=as_json,
        devnet=devnet,
    )
