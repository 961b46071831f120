"""`l2send balances`: what an account holds on every chain."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from l2send.cli.balances_table import document, show, show_kinds, worth_in_words
from l2send.cli.option_groups import spread
from l2send.cli.options import RunOptions, SenderOptions
from l2send.cli.own_accounts import with_own_account
from l2send.cli.progress import Live
from l2send.cli.screen import err, out, print_json, print_words, styled
from l2send.cli.sender import choose_sender
from l2send.cli.terminal import run_to_end
from l2send.cli.times import clock
from l2send.core.address import Address
from l2send.core.chains import Chain, Registry
from l2send.core.errors import ExitStatus, UnknownChain, UnknownToken, UsageError
from l2send.core.rpc import Rpcs, open_rpcs
from l2send.resolver.account_kinds import AccountKind, kinds_of
from l2send.resolver.balances import Holdings, Snapshot, take_snapshot
from l2send.resolver.contacts import Book, load_book

_EVERY = 12.0
"""Seconds between readings of --watch: about one block of Ethereum."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """The requested balances."""

    chains: Sequence[Chain]
    tokens: Sequence[str]
    """Symbols in upper case; empty for every token."""
    run: RunOptions
    again: bool
    kinds: bool
    """Whether to query what the account is on each chain, which takes more than the one request for balances."""


@spread
def balances(
    whose: Annotated[
        str | None,
        typer.Argument(
            metavar="WHOSE",
            help="an account of yours, a contact, an address, an ENS name; else the sending account",
        ),
    ] = None,
    *,
    sender: SenderOptions,
    run_options: RunOptions,
    chain: Annotated[
        list[str] | None,
        typer.Option("--chain", metavar="CHAIN", help="Only this chain, and what the account is there; repeatable."),
    ] = None,
    token: Annotated[
        list[str] | None, typer.Option("--token", metavar="TOKEN", help="Only this token; repeatable.")
    ] = None,
    testnets: Annotated[bool, typer.Option("--testnets", help="Testnets too.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Read again every 12 seconds, until Ctrl-C.")] = False,
) -> int:
    """Show what an account holds on every chain, with what it is worth, asked all at once.

    A chain that does not answer is shown as unknown, never as zero; the exit status is then 4.

    Example: l2send balances 0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045 --chain base --token USDC
    """
    registry = run_options.registry()
    book = load_book(run_options.paths.contacts)
    _refuse_filter(whose or "", registry, book)
    account = with_own_account(whose, registry, book, run_options.paths) if whose else ""
    chains = _chains(registry, chain or [], testnets=testnets)
    wanted = _Asked(chains, _tokens(chains, token or []), run_options, watch, kinds=bool(chain))
    known = None if whose else choose_sender(run_options.paths, sender).address
    return run_to_end(_read(account, known, registry, wanted))


def _refuse_filter(whose: str, registry: Registry, book: Book) -> None:
    """Raises UsageError for the name of a chain or a token, which filters the output but is not an account."""
    if not whose or whose.lower() in book.contacts:
        return
    with contextlib.suppress(UnknownChain):
        name = registry.named(whose).short_name
        raise UsageError(f"{name} is a chain, not an account.", hint=f"Write: l2send balances --chain {name}")
    if any(whose.upper() == asset.symbol.upper() for chain in registry for asset in chain.assets):
        token = whose.upper()
        raise UsageError(f"{token} is a token, not an account.", hint=f"Write: l2send balances --token {token}")


def _chains(registry: Registry, names: Sequence[str], *, testnets: bool) -> list[Chain]:
    """The chains of `names`; without names all, with testnets on request. Raises UnknownChain."""
    if names:
        return list({chain.chain_id: chain for chain in (registry.named(name) for name in names)}.values())
    return [chain for chain in registry if testnets or registry.is_devnet or not chain.testnet]


def _tokens(chains: Sequence[Chain], symbols: Sequence[str]) -> list[str]:
    """Raises UnknownToken for a symbol that none of `chains` has."""
    known = {asset.symbol.upper() for chain in chains for asset in chain.assets}
    for symbol in symbols:
        if symbol.upper() not in known:
            raise UnknownToken(
                f"{symbol[:40]!r} is not a token l2send knows on these chains.",
                hint=f"Tokens there: {', '.join(sorted(known))}",
            )
    return [symbol.upper() for symbol in symbols]


async def _read(whose: str, known: Address | None, registry: Registry, wanted: _Asked) -> int:
    """Read and print, once or repeatedly. Raises NetworkError if no chain answers."""
    async with open_rpcs(registry) as rpcs:
        account = known or await _account(whose, rpcs, wanted.run)
        while True:
            with Live.of_answers(f"asking {len(wanted.chains)} chains") as live:
                snapshot, kinds = await asyncio.gather(
                    take_snapshot(
                        account, rpcs, chains=wanted.chains, on_answer=_show_so_far(account, live, wanted.tokens)
                    ),
                    kinds_of(account, wanted.chains if wanted.kinds else (), rpcs),
                )
            if wanted.again and out().is_terminal:
                out().clear()
            _print(snapshot, kinds, wanted)
            if not wanted.again:
                return ExitStatus.NETWORK if snapshot.unknown else ExitStatus.DELIVERED
            await asyncio.sleep(_EVERY)


def _show_so_far(account: Address, live: Live, tokens: Sequence[str]) -> Callable[[Holdings], None]:
    """A callback that shows, after each chain's answer, what is held so far; nothing if only `tokens` count."""
    known = list[Holdings]()

    def show_with(one: Holdings) -> None:
        if not one.error and not tokens:
            known.append(one)
            live.rewrite(f"so far {worth_in_words(Snapshot(account, tuple(known)))}")

    return show_with


def _print(snapshot: Snapshot, kinds: Sequence[AccountKind], wanted: _Asked) -> None:
    if wanted.run.as_json:
        print_json(document(snapshot, kinds, wanted.tokens))
        return
    if not wanted.again:
        snapshot.refuse_if_offline()
    show(snapshot, wanted.tokens)
    show_kinds(kinds)
    if wanted.again and out().is_terminal:
        print_words(err(), styled(f"Read at {clock(time.time())}, again every {_EVERY:.0f} s. Ctrl-C ends it.", "dim"))


async def _account(text: str, rpcs: Rpcs, run: RunOptions) -> Address:
    """The account in `text`; a name without a chain is resolved for Ethereum.

    Raises UsageError, NetworkError.
    """
    from l2send.resolver import ens
    from l2send.resolver.destination import understand

    spelling = understand(text, rpcs.registry, load_book(run.paths.contacts))
    if spelling.address:
        return spelling.address
    chain = spelling.chain or rpcs.registry.ens_chain
    if chain is None:
        raise UsageError(f"{spelling.name} is a name, and no chain here has ENS.", hint="Write the address.")
    return await ens.resolve(spelling.name, chain, rpcs)
