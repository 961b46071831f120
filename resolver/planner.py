"""Which way a payment is made: directly if the money is there, else by the chain, or the chains, where it costs least.

Ways are compared by one cost: bridge fees, gas, L1 data fees and time (see `quotes` and `limits`). Money that is on
the destination already is sent directly. Else one source makes the payment if one can, unless several together save
at least a cent: a payment in parts can arrive in parts.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence

from l2send.core.bridge import Bridge
from l2send.core.errors import CannotPay, L2sendError, NetworkError, Refused, UsageError
from l2send.core.plan import Payment, Plan, Quote, Way
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount
from l2send.resolver.balances import Snapshot
from l2send.resolver.limits import Limits
from l2send.resolver.quotes import USD, Source, allowed, ask, rank, sources_of, total
from l2send.resolver.refunds import with_warnings
from l2send.resolver.several import Several, find_several

_WORTH_PARTS = USD // 100


async def make_plan(
    payment: Payment, snapshot: Snapshot, bridges: Mapping[str, Bridge], rpcs: Rpcs, limits: Limits
) -> Plan:
    """The best way to make `payment`. Raises UsageError, CannotPay, NetworkError, Refused; nothing is signed here."""
    if limits.via not in {"", *bridges}:
        raise UsageError(f"no bridge is called {limits.via[:40]!r}.", hint=f"Known: {', '.join(bridges)}")
    sources = sources_of(payment, snapshot, rpcs, limits)
    (singles, problems), several = await asyncio.gather(
        _by_one(payment, sources, bridges, rpcs, limits),
        _by_several(payment, sources, bridges, rpcs, limits),
    )
    if several is None and not singles and len(sources) > 1:
        several = await find_several(payment, sources, bridges, rpcs, limits)
    rejected = list(dict.fromkeys([*problems, *(several.rejected if several else ())]))
    parts = [several.way] if several and several.way and len(several.way.legs) > 1 else []
    dear = [way for way in [*singles, *parts] if _is_dear(way, limits)]
    rejected += [f"{way.name}: {_why_dear(way)}" for way in dear]
    fair = [way for way in [*singles, *parts] if way not in dear]
    if dear and not fair:
        raise _too_dear(dear, limits, rejected)
    if not fair:
        raise _cannot_pay(payment, snapshot, several, rejected)
    warned = (with_warnings(way, snapshot) for way in sorted(fair, key=lambda way: _preference(way, limits)))
    best, *others = warned
    return Plan(payment, best, _why(best, others), tuple(others), tuple(rejected))


async def _by_one(
    payment: Payment, sources: Sequence[Source], bridges: Mapping[str, Bridge], rpcs: Rpcs, limits: Limits
) -> tuple[list[Way], list[str]]:
    """Every way by a single source, and why others are none."""
    able = [s for s in sources if s.held.units >= payment.amount.in_units_of(s.held.token)]
    asked = [ask(bridge, payment, source, rpcs) for source in able for bridge in allowed(bridges, limits)]
    answers = await asyncio.gather(*asked)
    ways = [Way((answer,)) for answer in answers if isinstance(answer, Quote)]
    return ways, [answer for answer in answers if isinstance(answer, str)]


async def _by_several(
    payment: Payment, sources: Sequence[Source], bridges: Mapping[str, Bridge], rpcs: Rpcs, limits: Limits
) -> Several | None:
    """The best way by several sources; None where nobody needs to look, since the money is there already."""
    there = [s for s in sources if s.holdings.chain.chain_id == payment.to.chain_id]
    enough = any(s.held.units >= payment.amount.units for s in there) and limits.via in {"", "direct"}
    if len(sources) < 2 or enough:
        return None
    return await find_several(payment, sources, bridges, rpcs, limits)


def _preference(way: Way, limits: Limits) -> tuple[bool, int, tuple[int, int, int, str]]:
    """Smaller is better: direct before all, parts only if they save what a person would notice."""
    return (not _is_direct(way), total(way, limits) + (_WORTH_PARTS if len(way.legs) > 1 else 0), rank(way, limits))


def _is_direct(way: Way) -> bool:
    return all(leg.order is None for leg in way.legs)


def _is_dear(way: Way, limits: Limits) -> bool:
    """Whether it exceeds what the sender allows. Fees that nobody can price exceed every sum of dollars."""
    if way.fee_percent > limits.max_fee_percent:
        return True
    return limits.max_fee_usd is not None and (way.cost_usd is None or way.cost_usd > limits.max_fee_usd)


def _why_dear(way: Way) -> str:
    costs = "a fee without a price" if way.cost_usd is None else f"${way.cost_usd:.4f}"
    return f"its fee is {way.fee_percent:.1f} % of the amount, all fees together {costs}"


def _why(best: Way, others: list[Way]) -> str:
    if _is_direct(best):
        return f"the money is already on {best.legs[0].source.name}"
    if not others:
        return _why_only(best)
    if best.cost_usd is None:
        return "a fee has no price here, so the smallest bridge fee decided"
    runner = next((way for way in others if way.cost_usd is not None), None)
    if runner is None:
        return f"the cheapest with a known price: about ${best.cost_usd:.4f}"
    return _why_rather(best, best.cost_usd, runner, runner.cost_usd or 0.0)


def _why_only(best: Way) -> str:
    if len(best.legs) == 1:
        return f"{best.legs[0].source.name} is the only chain that can fund it alone"
    return f"no chain can fund it alone; these {len(best.legs)} do it at the least cost"


def _why_rather(best: Way, cost: float, runner: Way, its_cost: float) -> str:
    if cost <= its_cost:
        return f"the cheapest: about ${cost:.4f}, {runner.name} would cost ${its_cost:.4f}"
    if best.duration < runner.duration:
        return (
            f"quicker: about {best.duration} s for ${cost:.4f}, {runner.name} takes {runner.duration} s "
            f"for ${its_cost:.4f}"
        )
    return f"one chain does it for ${cost:.4f}; {runner.name} would save less than a cent"


def _too_dear(dear: list[Way], limits: Limits, rejected: list[str]) -> Refused:
    if limits.max_fee_usd is not None:
        costs = [way.cost_usd for way in dear if way.cost_usd is not None]
        allow = f"--max-fee {math.ceil(min(costs) * 100) / 100:g}usd" if costs else "--max-fee 5%, which needs no price"
        first = f"every way costs more than ${limits.max_fee_usd:g}, or what nobody can price."
    else:
        allow = f"--max-fee {math.ceil(min(way.fee_percent for way in dear))}%"
        first = f"every way costs more than {limits.max_fee_percent:g} % of the amount."
    return Refused("\n".join([first, *rejected]), hint=f"Send more at once, or allow it: {allow}")


def _cannot_pay(payment: Payment, snapshot: Snapshot, several: Several | None, rejected: list[str]) -> L2sendError:
    """Why nothing can fund the payment: what is held where, what is missing, what could not be asked."""
    held = list[str]()
    for holdings in snapshot.chains:
        token = holdings.chain.asset_like(payment.amount.token)
        amount = holdings.held(token) if token else None
        if amount and amount.units:
            held.append(f"{amount} on {holdings.chain.short_name}")
    unknown = [h.chain.short_name for h in snapshot.unknown]
    have = ", ".join(held) or f"no {payment.amount.token.symbol} on any chain that answered"
    lines = [f"no chain can fund {payment.amount} alone{_together(payment, several)}. You hold {have}.", *rejected]
    if unknown:
        message = "\n".join([*lines, f"Not known, since they did not answer: {', '.join(unknown)}."])
        return NetworkError(message, hint="Try again when all chains answer; `l2send balances` shows which do.")
    return CannotPay("\n".join(lines), hint="Fund the account, or send less.")


def _together(payment: Payment, several: Several | None) -> str:
    """What all sources could do together, and what that lacks."""
    if several is None:
        return ""
    token = payment.amount.token
    most, missing = Amount(several.most, token), Amount(payment.amount.units - several.most, token)
    if missing.units <= 0:
        return ", and no combination of chains was found that can"
    return f", and all together, fees paid, can deliver {most}: {missing} is missing"
