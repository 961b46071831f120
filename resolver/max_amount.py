"""Computes the most that can be delivered: all that every chain holds of a token, less the cost of sending it.

A direct transfer sends all of a token, and native coin less exactly its gas (see `Direct.everything`). A Safe sends all
of its native coin, because another account pays the gas. A bridge needs the delivered amount in its request: since fees
are a flat sum plus a share, the relative fee of a smaller amount bounds that of a larger one. So each answer leads to a
larger amount that is affordable, and a few answers lead to the last unit. For each chain, the bridge that delivers most
within the limits on fees is chosen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from l2send.bridges.direct import Direct
from l2send.core.bridge_protocol import Bridge
from l2send.core.errors import CannotPay, L2sendError, NetworkError
from l2send.core.plan import Payment, Plan, Quote, Way
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount, Token
from l2send.resolver.balances import Snapshot
from l2send.resolver.no_gas import no_gas
from l2send.resolver.over_max_fee import exceeds_limits, fees_too_high
from l2send.resolver.quotes import (
    NoQuote,
    Source,
    allowed,
    ask,
    priced,
    refuse_own_account,
    refuse_unknown_bridge,
    sources_of,
    unknown_sources,
    without_network_errors,
)
from l2send.resolver.refunds import with_warnings
from l2send.resolver.unknown_ways import not_known, of_destination, refusal
from l2send.resolver.way_limits import Limits

_QUESTIONS = 8
_NOTHING = 10**13
"""The smallest part of the amount that is worth another request."""
_GAS_RESERVE_PERCENT = 125
"""Margin for native coin that pays its own gas: prices may rise before signing."""


@dataclass(frozen=True, slots=True)
class Greatest:
    """The largest quote within the limits for every chain that has one."""

    legs: tuple[Quote, ...]
    expensive: tuple[Quote, ...]
    """The quotes of chains on which every quote exceeds the limits."""
    others: tuple[str, ...]
    """Sentences on alternatives and on what is not possible."""
    problems: tuple[NoQuote, ...]

    @property
    def units(self) -> int:
        """The total that arrives."""
        return sum(leg.delivers.units for leg in self.legs)

    @property
    def failed(self) -> list[NoQuote]:
        """Requests that failed."""
        return [problem for problem in self.problems if problem.unknown]


async def plan_of_max(
    asked: Payment,
    snapshot: Snapshot,
    bridges: Mapping[str, Bridge],
    rpcs: Rpcs,
    limits: Limits,
) -> Plan:
    """The largest payment like `asked` that all chains can make; its own amount is ignored.

    Raises CannotPay, NetworkError, Refused.
    """
    refuse_unknown_bridge(limits, bridges)
    snapshot.refuse_if_offline()
    refuse_own_account(asked, snapshot, rpcs, limits)
    sources = sources_of(asked, snapshot, rpcs, limits)
    unknown = unknown_sources(asked, snapshot, rpcs, limits)
    found = await find_greatest(asked, sources, bridges, rpcs, limits)
    failed = [*found.failed, *of_destination(asked, unknown, snapshot, [b.name for b in allowed(bridges, limits)])]
    if not found.legs:
        raise _nothing(asked, snapshot, found, failed, not_known(unknown), limits)
    way = Way(tuple(sorted(found.legs, key=lambda leg: (leg.order is not None, leg.source.short_name))))
    if failed:
        raise refusal(way, failed, limits)
    payment = replace(asked, amount=Amount(found.units, asked.amount.token))
    return Plan(payment, with_warnings(way, snapshot), f"{_why(way)}{not_known(unknown)}", rejected=found.others)


async def find_greatest(
    asked: Payment, sources: Sequence[Source], bridges: Mapping[str, Bridge], rpcs: Rpcs, limits: Limits
) -> Greatest:
    """The largest quote of each of `sources`; the amount of `asked` is ignored."""
    asks = [_most_by(bridge, asked, source, rpcs) for source in sources for bridge in allowed(bridges, limits)]
    answers = await asyncio.gather(*asks)
    quotes = [answer for answer in answers if isinstance(answer, Quote)]
    problems = tuple(answer for answer in answers if isinstance(answer, NoQuote))
    quotes.sort(key=lambda quote: (-quote.delivers.units, quote.order is not None))
    best, expensive = dict[str, Quote](), dict[str, Quote]()
    for quote in quotes:
        chosen = expensive if exceeds_limits(Way((quote,)), replace(limits, max_fee_usd=None)) else best
        chosen.setdefault(quote.source.short_name, quote)
    legs, left_out = _worth_sending(list(best.values()), limits)
    others = [f"{_name(q)}: could deliver {q.delivers}" for q in quotes if best.get(q.source.short_name) is not q]
    above = [*left_out, *(quote for name, quote in expensive.items() if name not in best)]
    words = (*others, *(_left_out(quote) for quote in left_out), *(str(problem) for problem in problems))
    return Greatest(tuple(legs), tuple(above), words, problems)


def _worth_sending(legs: list[Quote], limits: Limits) -> tuple[list[Quote], list[Quote]]:
    """The legs that together stay within the limit in dollars and cost less than they deliver; and the others."""
    by_cost = sorted(legs, key=lambda leg: float("inf") if leg.cost_usd is None else leg.cost_usd / leg.delivers.units)
    kept, left_out = list[Quote](), list[Quote]()
    for leg in by_cost:
        is_waste = len(legs) > 1 and not limits.from_chains and _costs_more_than_it_brings(leg)
        if is_waste or exceeds_limits(Way((*kept, leg)), replace(limits, max_fee_percent=float("inf"))):
            left_out.append(leg)
        else:
            kept.append(leg)
    return kept, left_out


def _costs_more_than_it_brings(leg: Quote) -> bool:
    token = leg.delivers.token
    if token.peg != "USD" or leg.cost_usd is None:
        return False
    return leg.cost_usd >= float(leg.delivers.units) / 10.0**token.decimals


async def _most_by(bridge: Bridge, asked: Payment, source: Source, rpcs: Rpcs) -> Quote | NoQuote | None:
    """A bridge's largest quote from one source, or why there is none; None if it does not serve that pair."""
    chain = source.holdings.chain
    if bridge.name != Direct.name:
        return await _through(bridge, asked, source, rpcs)
    if chain.chain_id != asked.to.chain_id:
        return None
    if not (isinstance(bridge, Direct) and source.held.token.is_native):
        return await ask(bridge, replace(asked, amount=source.held), source, rpcs)
    quote = await without_network_errors(
        chain, bridge.name, lambda: bridge.everything(asked, chain, source.native, rpcs)
    )
    return priced(quote, source.holdings) if isinstance(quote, Quote) else quote


async def _through(bridge: Bridge, asked: Payment, source: Source, rpcs: Rpcs) -> Quote | NoQuote | None:
    """Request half of the balance, then as much as the answers so far show to be affordable."""
    best: Quote | None = None
    before: Quote | None = None
    too_much: int | None = None
    units = _in_units_of(source.held.units // 2, source.held.token, asked.amount.token)
    for _ in range(_QUESTIONS):
        if units <= 0:
            break
        answer = await ask(bridge, replace(asked, amount=Amount(units, asked.amount.token)), source, rpcs)
        if isinstance(answer, NoQuote) and answer.unknown:
            return answer
        if isinstance(answer, Quote) and answer.pays.units <= source.held.units:
            best, before = answer, best
        elif best is None:
            return None if isinstance(answer, Quote) else answer
        else:
            too_much = units
        more = _next(best, before, _usable(best, source), too_much)
        if more <= best.delivers.units:
            break
        units = more
    return None if best is None else _with_note(best, asked, source)


def _next(best: Quote, before: Quote | None, usable: int, too_much: int | None) -> int:
    """The amount to request after `best`: on the line through it and the quote before, below what was too much."""
    left = _in_units_of(usable - best.pays.units, best.pays.token, best.delivers.token)
    if left <= best.delivers.units // _NOTHING:
        return 0
    units = _affordable(best, usable)
    if before:
        units = max(units, _on_the_line(before, best, usable))
    if units <= best.delivers.units:
        units = best.delivers.units + left  # At so small an amount the bridge keeps less than one unit.
    return units if too_much is None or units < too_much else (best.delivers.units + too_much) // 2


def _on_the_line(one: Quote, other: Quote, usable: int) -> int:
    """Units that arrive for `usable` units if the price is linear in the delivered amount."""
    paid, arrives = other.pays.units - one.pays.units, other.delivers.units - one.delivers.units
    return 0 if paid <= 0 or arrives <= 0 else other.delivers.units + (usable - other.pays.units) * arrives // paid


def _usable(quote: Quote, source: Source) -> int:
    """The part of the balance that can go to the bridge: for native coin, less the gas and a refund's gas."""
    if not source.held.token.is_native:
        return source.held.units
    if quote.needs is None:
        return quote.pays.units
    gas = quote.needs - quote.pays.units + quote.refund_gas
    return source.held.units - gas * _GAS_RESERVE_PERCENT // 100


def _affordable(quote: Quote, usable: int) -> int:
    """Units that arrive for at most `usable` units, by a fee that grows no faster than the amount."""
    return quote.delivers.units * usable // quote.pays.units


def _in_units_of(units: int, token: Token, other: Token) -> int:
    """The same value in base units of the same asset elsewhere, rounded down."""
    shift = other.decimals - token.decimals
    return units * int(10**shift) if shift >= 0 else units // int(10**-shift)


def _with_note(quote: Quote, asked: Payment, source: Source) -> Quote:
    left = Amount(source.held.units - quote.pays.units, source.held.token)
    note = f"{left} stays on {quote.source.name}"
    if left.token.is_native and not asked.is_of_safe:
        note += ", of which the network fee is paid"
        note += ", and a refund if no solver fills it" if quote.refund_gas else ""
    return replace(quote, notes=(*quote.notes, note)) if left.units else quote


def _name(quote: Quote) -> str:
    return f"{quote.source.short_name} by {quote.bridge}"


def _left_out(quote: Quote) -> str:
    cost = "at a cost without a price" if quote.cost_usd is None else f"for ${quote.cost_usd:.4f}"
    return f"{_name(quote)}: left out, it would deliver {quote.delivers} {cost}"


def _why(way: Way) -> str:
    if len(way.legs) == 1:
        return f"the most that can be delivered, from {way.legs[0].source.name}"
    return f"the most that can be delivered, from {len(way.legs)} chains together"


def _nothing(
    asked: Payment, snapshot: Snapshot, found: Greatest, failed: Sequence[NoQuote], silent: str, limits: Limits
) -> L2sendError:
    symbol = asked.amount.token.symbol
    if failed or silent:
        lines = [f"no chain that answered can deliver any {symbol}{silent}.", *(str(each) for each in failed)]
        return NetworkError("\n".join(lines), hint="Try again when all chains answer.")
    if found.expensive:
        return fees_too_high([Way((quote,)) for quote in found.expensive], limits, found.others)
    missing = no_gas(found.problems, snapshot, asked)
    if missing:
        return missing
    lines = [f"no chain can deliver any {symbol}.", *found.others]
    return CannotPay("\n".join(lines), hint="`l2send balances` shows what is held where.")
