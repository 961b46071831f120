"""`l2send balances`: what an account holds on every chain."""

from __future__ import annotations

import asyncio

from l2send.cli.options import RunOptions, SenderOptions
from l2send.cli.screen import err, out, print_json, styled, table
from l2send.cli.sender import choose_sender
from l2send.cli.spread import spread
from l2send.core.address import Address
from l2send.core.chains import Registry
from l2send.core.errors import ExitStatus
from l2send.core.rpc import open_rpcs
from l2send.resolver.balances import Holdings, Snapshot, take_snapshot


@spread
def balances(sender: SenderOptions, run_options: RunOptions) -> int:
    """Show what an account holds: every known token on every chain, asked all at once.

    A chain that does not answer is shown as unknown, never as zero; the exit status is then 4.

    Example: l2send balances --from 0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045
    """
    registry = run_options.registry()
    who = choose_sender(run_options.paths, sender)
    snapshot = asyncio.run(_ask(who.address, registry))
    if run_options.as_json:
        print_json(_document(snapshot))
    else:
        _print(snapshot)
    return ExitStatus.NETWORK if snapshot.unknown else ExitStatus.DELIVERED


async def _ask(address: Address, registry: Registry) -> Snapshot:
    async with open_rpcs(registry) as rpcs:
        return await take_snapshot(address, rpcs)


def _print(snapshot: Snapshot) -> None:
    rows = table("chain", "token", "balance", right=("balance",))
    for holdings in snapshot.chains:
        for token in holdings.chain.assets if not holdings.error else ():
            amount = holdings.held(token)
            if amount is None:
                rows.add_row(holdings.chain.short_name, styled(token.symbol), styled("unknown", "yellow"))
            elif amount.units:
                rows.add_row(holdings.chain.short_name, styled(token.symbol), amount.text)
    if len(rows):
        out().print(rows)
    else:
        answered = len(snapshot.chains) - len(snapshot.unknown)
        err().print(f"{snapshot.account} holds nothing on the {answered} chains that answered.")
    for holdings in snapshot.unknown:
        err().print(styled(f"unknown: {holdings.error}", "yellow", 300))


def _document(snapshot: Snapshot) -> dict[str, object]:
    return {
        "schema": "l2send.balances/1",
        "account": snapshot.account,
        "chains": [_chain_document(h) for h in snapshot.chains],
    }


def _chain_document(holdings: Holdings) -> dict[str, object]:
    chain = holdings.chain
    balances = [
        {
            "token": token.symbol,
            "address": token.address,
            "decimals": token.decimals,
            "base_units": None if amount is None else str(amount.units),
            "human": None if amount is None else amount.text,
        }
        for token in chain.assets
        for amount in [holdings.held(token)]
    ]
    return {
        "chain": chain.short_name,
        "chain_id": chain.chain_id,
        "known": not holdings.error,
        "error": holdings.error or None,
        "balances": balances if not holdings.error else [],
    }
