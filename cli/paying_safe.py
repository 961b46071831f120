"""`--safe`: the payment is the Safe's, and the account that is opened is the owner who sends it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from l2send.cli.request import MaxPayment
from l2send.core.address import Address
from l2send.core.chains import Registry
from l2send.core.errors import UsageError
from l2send.core.plan import Payment
from l2send.resolver.contacts import load_book
from l2send.resolver.destination import parse_destination
from l2send.resolver.limits import Limits

Safe = Annotated[
    str | None,
    typer.Option(
        "--safe", metavar="CHAIN:ADDRESS", help="Pay from this Safe, as an owner of it. One owner must be enough."
    ),
]


def from_safe(text: str | None, limits: Limits, registry: Registry, contacts: Path) -> tuple[Limits, Address | None]:
    """The limits with the chain of the Safe alone, and the Safe. Raises UsageError for another chain beside it.

    It may be a contact: `contacts` is the file of these.
    """
    if text is None:
        return limits, None
    safe = parse_destination(text, registry, load_book(contacts))
    if limits.from_chains not in {(), (safe.chain.short_name,)}:
        raise UsageError(
            f"--safe names {safe.chain.short_name} and --from-chain another chain.",
            hint="A Safe pays from its own chain. Leave --from-chain out.",
        )
    return replace(limits, from_chains=(safe.chain.short_name,)), safe.address


def paid_by_safe(request: Payment | MaxPayment, safe: Address | None) -> Payment | MaxPayment:
    """The request with `safe` as the payer, and its sender as the owner who signs. Raises UsageError for max."""
    if safe is None:
        return request
    if isinstance(request, MaxPayment):
        raise UsageError("max is not computed for a Safe.", hint="Write the amount.")
    return replace(request, sender=safe, executor=request.sender)
