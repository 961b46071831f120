"""Finds the paying Safe: from `--safe`, from `--from` or `--account`, or from config.toml."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, TypeVar

import typer

from l2send.cli.command_table import Heading
from l2send.cli.options import SenderOptions
from l2send.cli.plan_request import MaxPayment
from l2send.cli.settings import load_settings
from l2send.core.address import Address
from l2send.core.chains import Chain, Registry
from l2send.core.errors import ConfigError, UsageError
from l2send.core.paths import Paths
from l2send.core.plan import Payment
from l2send.resolver.contacts import Book, load_book
from l2send.resolver.destination import parse_destination
from l2send.resolver.way_limits import Limits
from l2send.wallet.keys.keystore import named

Request = TypeVar("Request", bound=Payment | MaxPayment)

Safe = Annotated[
    str | None,
    typer.Option(
        "--safe",
        envvar="L2SEND_SAFE",
        metavar="CHAIN:ADDRESS",
        help="Pay from this Safe. The account is an owner of it.",
        rich_help_panel=Heading.ACCOUNT,
    ),
]
_WITH_A_CHAIN = frozenset(":@")
"""Separators of chain and address, in either form. No keystore name and no plain address has one."""


@dataclass(frozen=True, slots=True)
class PayingSafe:
    """The Safe that pays, on its chain."""

    chain: Chain
    address: Address

    def narrow(self, limits: Limits) -> Limits:
        """`limits` with only the Safe's chain, or with the named ones, on which the Safe has the same address.

        Raises UsageError if its own chain is not among these.
        """
        own, named = self.chain.short_name, limits.from_chains
        if named and own not in named:
            raise UsageError(
                f"the Safe is on {own} and --from-chain names another chain.",
                hint=f"Leave --from-chain out; or name each chain on which this Safe is, with --from-chain {own} too.",
            )
        return replace(limits, from_chains=named or (own,))

    def narrow_to_one(self, limits: Limits) -> Limits:
        """The same for what is done on one chain. Raises UsageError if several are named."""
        narrowed = self.narrow(limits)
        if len(narrowed.from_chains) > 1:
            raise UsageError(
                "this is done by one transaction of the Safe, on its own chain, and --from-chain names several.",
                hint="Leave --from-chain out, and do it for the Safe of each chain by itself.",
            )
        return narrowed

    def pays(self, request: Request) -> Request:
        """The request with the Safe as the payer, and its sender as the signing owner."""
        return replace(request, sender=self.address, executor=request.sender)

    def signed_by_owners(self, request: Request) -> Request:
        """The request with the Safe as the payer, for its owners to sign."""
        return replace(request, sender=self.address, executor=None, by_owners=True)


def choose_safe(
    safe: str | None, sender: SenderOptions, paths: Paths, registry: Registry
) -> tuple[PayingSafe | None, SenderOptions]:
    """The paying Safe, if any, and the options for its signing owner.

    `--safe` takes precedence over `--from` and `--account`, and these over config.toml. A plain address or a keystore
    never means a Safe. Raises UsageError, ConfigError.
    """
    book = load_book(paths.contacts)
    typed, owner = _typed(sender, paths, book)
    if safe is not None and typed is not None:
        raise UsageError("two Safes are named: --safe, and --from or --account.", hint="Name one.")
    text = safe or typed
    if text is None and sender.sender is None:
        text = load_settings(paths.settings).text("safe") or None
    if text is None:
        return None, sender
    found = parse_destination(text, registry, book)
    return PayingSafe(found.chain, found.address), owner


def _typed(sender: SenderOptions, paths: Paths, book: Book) -> tuple[str | None, SenderOptions]:
    """The Safe in `--from` or `--account`, and the options without it."""
    if sender.sender is not None and _names_a_safe(sender.sender, book):
        return sender.sender, replace(sender, sender=None)
    if sender.account is not None and _names_a_safe(sender.account, book) and not _is_keystore(sender.account, paths):
        return sender.account, replace(sender, account=None)
    return None, sender


def _names_a_safe(text: str, book: Book) -> bool:
    return bool(_WITH_A_CHAIN.intersection(text)) or any(contact.name == text.strip() for contact in book)


def _is_keystore(text: str, paths: Paths) -> bool:
    try:
        named(text, paths.keystores)
    except ConfigError:
        return False
    return True
