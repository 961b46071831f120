"""`l2send plan`: what a payment would cost by every way, and what would be signed. Sends nothing."""

from __future__ import annotations

from l2send.cli.commands.send import send
from l2send.cli.options import Account, AmountWord, DestinationWord, Devnet, From, Json, Keystore, TokenWord
from l2send.cli.routing import DEFAULT_MAX_FEE, Cheap, Fast, FromChains, MaxFee, Via

HELP = """Show every way to make a payment, what each costs, and why one wins. Signs and sends nothing.

Needs an address and no key. The same as `l2send … --dry-run`.

Example: l2send plan 100 USDC base:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045 --account alice"""


def plan(
    amount: AmountWord,
    token: TokenWord = None,
    destination: DestinationWord = None,
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
