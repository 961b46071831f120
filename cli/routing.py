"""Options that narrow the choice of a way, and what they come to."""

from __future__ import annotations

from typing import Annotated

import typer

from l2send.core.chains import Registry
from l2send.core.errors import UsageError
from l2send.fee_caps import FeeLimit
from l2send.resolver.limits import DEFAULT_MAX_FEE_PERCENT, Limits, Speed, parse_max_fee

FromChains = Annotated[
    list[str] | None,
    typer.Option(
        "--from-chain",
        envvar="L2SEND_FROM_CHAIN",
        metavar="CHAIN",
        help="Fund it from this chain alone; several times for several.",
    ),
]
Via = Annotated[
    str, typer.Option("--via", envvar="L2SEND_VIA", metavar="BRIDGE", help="Use this bridge alone: direct, eco, …")
]
MaxFee = Annotated[
    str,
    typer.Option(
        "--max-fee",
        envvar="L2SEND_MAX_FEE",
        metavar="LIMIT",
        help="3%: most that bridges may take of the amount. 2usd: most that all fees, gas too, may cost.",
    ),
]
FeeLimitText = Annotated[
    str,
    typer.Option(
        "--max-fee",
        metavar="LIMIT",
        help="Most that what is signed now may cost in network fees: 2usd, or 20% of what it is about.",
    ),
]
Fast = Annotated[bool, typer.Option("--fast", help="Prefer the quick way: a minute saved counts as a dollar of fees.")]
Cheap = Annotated[bool, typer.Option("--cheap", help="Prefer the lowest fees, however long it takes.")]

DEFAULT_MAX_FEE = f"{DEFAULT_MAX_FEE_PERCENT:g}%"


def fee_limit_from(text: str) -> FeeLimit | None:
    """What was typed for a payment that exists; None where nothing was. Raises UsageError."""
    return FeeLimit(*parse_max_fee(text)) if text else None


def limits_from(
    registry: Registry, from_chains: list[str] | None, via: str, max_fee: str, *, fast: bool, cheap: bool
) -> Limits:
    """What was typed, understood. Raises UsageError."""
    if fast and cheap:
        raise UsageError("--fast and --cheap want different things.", hint="Use one of them, or neither.")
    percent, usd = parse_max_fee(max_fee)
    chains = tuple(registry.named(name).short_name for name in from_chains or [])
    return Limits(percent, usd, chains, via, Speed.FAST if fast else Speed.CHEAP if cheap else Speed.BALANCED)
