"""Which way a payment is made: directly if the money is there, else from the chain where it costs least.

Costs are compared in USD: a stablecoin by its peg, gas by the chain's own price feed. A cost without a
price is named and ranks behind every cost that has one; it is never taken for zero.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any

from l2send.core.bridge import Bridge
from l2send.core.errors import CannotPay, L2sendError, NetworkError, Refused
from l2send.core.plan import Fee, Payment, Plan, Quote
from l2send.core.rpc import Rpcs
from l2send.resolver.balances import Holdings, Snapshot

DEFAULT_MAX_FEE_PERCENT = 5.0
_STAGES = {"2": 0, "1": 1, "0": 2}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the sender narrows the choice to. Empty means no limit."""

    max_fee_percent: float = DEFAULT_MAX_FEE_PERCENT
    """Most that the bridge itself may take, of the amount."""
    from_chain: str = ""
    via: str = ""


async def make_plan(
    payment: Payment, snapshot: Snapshot, bridges: Mapping[str, Bridge], rpcs: Rpcs, limits: Limits
) -> Plan:
    """The best way to make `payment`. Raises CannotPay, NetworkError, Refused; nothing is signed here."""
    rejected = list[str]()
    quotes = list[Quote]()
    for quote in await asyncio.gather(*_ask_all(payment, snapshot, bridges, rpcs, limits)):
        if isinstance(quote, str):
            rejected.append(quote)
        elif quote is not None:
            quotes.append(_priced(quote, snapshot.on(quote.source)))
    dear = [quote for quote in quotes if _fee_percent(quote) > limits.max_fee_percent]
    rejected += [f"{_way(quote)}: its fee is {_fee_percent(quote):.1f} % of the amount" for quote in dear]
    fair = [quote for quote in quotes if quote not in dear]
    if dear and not fair:
        raise _too_dear(dear, limits, rejected)
    if not fair:
        raise _cannot_pay(payment, snapshot, rejected)
    best, *others = sorted(fair, key=_rank)
    return Plan(payment, best, _why(best, others), tuple(others), tuple(rejected))


def _ask_all(
    payment: Payment, snapshot: Snapshot, bridges: Mapping[str, Bridge], rpcs: Rpcs, limits: Limits
) -> list[Coroutine[Any, Any, Quote | str | None]]:
    """One question for every allowed source and every allowed bridge."""
    target = rpcs.registry.chain(payment.to.chain_id)
    sources = [
        holdings
        for holdings in snapshot.chains
        if holdings.chain.testnet == target.testnet and limits.from_chain in {"", holdings.chain.short_name}
    ]
    allowed = [bridge for bridge in bridges.values() if limits.via in {"", bridge.name}]
    return [_ask(bridge, payment, holdings, rpcs) for holdings in sources for bridge in allowed]


async def _ask(bridge: Bridge, payment: Payment, holdings: Holdings, rpcs: Rpcs) -> Quote | str | None:
    """A bridge's quote from one source; a reason if it fails; None where that source cannot fund it."""
    source = holdings.chain
    token = source.asset_like(payment.amount.token)
    held = holdings.held(token) if token else None
    native = holdings.held(source.native)
    if token is None or held is None or native is None or held.units < payment.amount.in_units_of(token):
        return None
    try:
        return await bridge.quote(payment, source, held, native, rpcs)
    except L2sendError as error:
        return f"{source.short_name} by {bridge.name}: {error.message}"


def _priced(quote: Quote, holdings: Holdings) -> Quote:
    """The quote with a USD value on every fee that has one."""

    def price(fee: Fee) -> Fee:
        token = fee.amount.token
        rate = 1.0 if token.peg == "USD" else holdings.native_usd if token.is_native else None
        return fee if rate is None else replace(fee, usd=rate * fee.amount.units / 10**token.decimals)

    return replace(quote, fees=tuple(price(fee) for fee in quote.fees))


def _rank(quote: Quote) -> tuple[bool, bool, float, float, int, int, str]:
    """Smaller is better: direct, priced, cheap, then by the fee in kind, fewer signatures, a safer rollup."""
    usd = quote.cost_usd
    return (
        quote.order is not None,
        usd is None,
        usd or 0.0,
        _fee_percent(quote),
        len(quote.steps),
        _STAGES.get(quote.source.stage.value, 3),
        quote.source.short_name,
    )


def _fee_percent(quote: Quote) -> float:
    """What the bridge takes, in percent of what arrives."""
    arrives = quote.delivers.in_units_of(quote.pays.token)
    return 100 * (quote.pays.units - arrives) / arrives


def _why(best: Quote, others: list[Quote]) -> str:
    if best.order is None:
        return f"the money is already on {best.source.name}"
    if not others:
        return f"{best.source.name} is the only chain that can fund it alone"
    if best.cost_usd is None:
        return "a fee has no price here, so the smallest bridge fee decided"
    runner = others[0]
    if runner.cost_usd is None:
        return f"the cheapest with a known price: about ${best.cost_usd:.4f}"
    return f"the cheapest: about ${best.cost_usd:.4f}, {_way(runner)} would cost ${runner.cost_usd:.4f}"


def _way(quote: Quote) -> str:
    return f"{quote.source.short_name} by {quote.bridge}"


def _too_dear(dear: list[Quote], limits: Limits, rejected: list[str]) -> Refused:
    least = min(_fee_percent(quote) for quote in dear)
    return Refused(
        "\n".join([f"every way costs more than {limits.max_fee_percent:g} % of the amount.", *rejected]),
        hint=f"Send more at once, or allow it: --max-fee {math.ceil(least)}",
    )


def _cannot_pay(payment: Payment, snapshot: Snapshot, rejected: list[str]) -> L2sendError:
    """Why nothing can fund the payment: what is held where, what was tried, what could not be asked."""
    held = list[str]()
    for holdings in snapshot.chains:
        token = holdings.chain.asset_like(payment.amount.token)
        amount = holdings.held(token) if token else None
        if amount and amount.units:
            held.append(f"{amount} on {holdings.chain.short_name}")
    unknown = [h.chain.short_name for h in snapshot.unknown]
    have = ", ".join(held) or f"no {payment.amount.token.symbol} on any chain that answered"
    lines = [f"no chain can fund {payment.amount} alone. You hold {have}.", *rejected]
    if unknown:
        message = "\n".join([*lines, f"Not known, since they did not answer: {', '.join(unknown)}."])
        return NetworkError(message, hint="Try again when all chains answer; `l2send balances` shows which do.")
    hint = "Several chains together may hold enough: move some of it first." if len(held) > 1 else ""
    return CannotPay("\n".join(lines), hint=hint or "Fund the account, or send less.")
