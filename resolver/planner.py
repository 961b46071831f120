"""Chooses how a payment is made: directly if the money is on the destination, else from the cheapest chain or chains.

Ways are compared by one cost: bridge fees, gas, L1 data fees and time (see quotes.py and way_limits.py). Money on the
destination is sent directly. Else a single source is used if one suffices, unless several together save at least a
cent: a payment in parts may arrive in parts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from l2send.core.bridge_protocol import Bridge
from l2send.core.chains import Chain
from l2send.core.errors import CannotPay, L2sendError, NetworkError, NodeError
from l2send.core.plan import Payment, Plan, Quote, Way
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount
from l2send.resolver.balances import Snapshot
from l2send.resolver.halted_chains import with_halts
from l2send.resolver.max_amount import find_greatest
from l2send.resolver.no_gas import no_gas
from l2send.resolver.over_max_fee import cost_in_words, exceeds_limits, fees_too_high, least_sensible, sensible
from l2send.resolver.quotes import (
    USD,
    NoQuote,
    Source,
    allowed,
    ask,
    rank,
    refuse_own_account,
    refuse_unknown_bridge,
    sources_of,
    total,
    unknown_sources,
    without_repeats,
)
from l2send.resolver.refunds import with_warnings
from l2send.resolver.several_sources import Several, find_several
from l2send.resolver.unknown_ways import REFUSED_HINT, may_be_cheaper, not_known, nothing_known, of_destination, refusal
from l2send.resolver.way_limits import Limits

_WORTH_PARTS = USD // 100
_SMALL_PART = 100
"""Into how many parts the most is divided for a quote whose fee is the bridge's flat sum and hardly more."""


async def make_plan(
    payment: Payment, snapshot: Snapshot, bridges: Mapping[str, Bridge], rpcs: Rpcs, limits: Limits
) -> Plan:
    """The best way to make `payment`. Raises UsageError, CannotPay, NetworkError, Refused; nothing is signed here."""
    refuse_unknown_bridge(limits, bridges)
    snapshot.refuse_if_offline()
    refuse_own_account(payment, snapshot, rpcs, limits)
    sources = sources_of(payment, snapshot, rpcs, limits)
    (singles, problems), several = await asyncio.gather(
        _by_one(payment, sources, bridges, rpcs, limits),
        _by_several(payment, sources, bridges, rpcs, limits),
    )
    if several is None and not singles and len(sources) > 1:
        several = await find_several(payment, sources, bridges, rpcs, limits)
    unknown = unknown_sources(payment, snapshot, rpcs, limits)
    here = of_destination(payment, unknown, snapshot, [bridge.name for bridge in allowed(bridges, limits)])
    found = _Found(payment, tuple(singles), (*problems, *here), several, tuple(sources), tuple(unknown))
    fair = sorted((w for w in found.ways if not exceeds_limits(w, limits)), key=lambda way: _preference(way, limits))
    if not fair:
        raise await _no_way(found, snapshot, bridges, rpcs, limits)
    best, *others = (with_halts(with_warnings(way, snapshot), snapshot, time.time()) for way in fair)
    if found.failed and may_be_cheaper(best):
        raise refusal(best, found.failed, limits)
    expensive = (f"{way.name}: {cost_in_words(way)}" for way in found.ways if exceeds_limits(way, limits))
    silent = "" if is_direct(best) else not_known(unknown)
    return Plan(payment, best, f"{_why(best, others, limits)}{silent}", tuple(others), (*found.rejected, *expensive))


@dataclass(frozen=True, slots=True)
class _Found:
    """All findings about the ways to make a payment."""

    payment: Payment
    singles: tuple[Way, ...]
    problems: tuple[NoQuote, ...]
    """Those of single sources."""
    several: Several | None
    sources: tuple[Source, ...]
    unknown: tuple[Chain, ...]
    """Chains that may hold some of the money, but did not answer."""

    @property
    def ways(self) -> tuple[Way, ...]:
        """Every way, at any cost."""
        parts = self.several.way if self.several else None
        return (*self.singles, *([parts] if parts and len(parts.legs) > 1 else []))

    @property
    def failed(self) -> list[NoQuote]:
        """Requests that failed."""
        return [problem for problem in (*self.problems, *self.problems_of_several) if problem.unknown]

    @property
    def problems_of_several(self) -> tuple[NoQuote, ...]:
        """Notes of the search for several sources."""
        return self.several.problems if self.several else ()

    @property
    def rejected(self) -> tuple[str, ...]:
        """Sentences on why the other ways are not possible."""
        return without_repeats([*map(str, self.problems), *(self.several.rejected if self.several else ())])


async def _by_one(
    payment: Payment, sources: Sequence[Source], bridges: Mapping[str, Bridge], rpcs: Rpcs, limits: Limits
) -> tuple[list[Way], list[NoQuote]]:
    """Every way from a single source, and why other sources have none."""
    able = [s for s in sources if s.held.units >= payment.amount.in_units_of(s.held.token)]
    asked = [ask(bridge, payment, source, rpcs) for source in able for bridge in allowed(bridges, limits)]
    answers = await asyncio.gather(*asked)
    ways = [Way((answer,)) for answer in answers if isinstance(answer, Quote)]
    return ways, [answer for answer in answers if isinstance(answer, NoQuote)]


async def _by_several(
    payment: Payment, sources: Sequence[Source], bridges: Mapping[str, Bridge], rpcs: Rpcs, limits: Limits
) -> Several | None:
    """The best way from several sources; None if the money is already on the destination."""
    there = [s for s in sources if s.holdings.chain.chain_id == payment.to.chain_id]
    enough = any(s.held.units >= payment.amount.units for s in there) and limits.via in {"", "direct"}
    if len(sources) < 2 or enough:
        return None
    return await find_several(payment, sources, bridges, rpcs, limits)


async def _no_way(
    found: _Found, snapshot: Snapshot, bridges: Mapping[str, Bridge], rpcs: Rpcs, limits: Limits
) -> L2sendError:
    """The error that says why nothing can make the payment within the limits."""
    payment = found.payment
    if found.failed:
        return nothing_known(found.failed, found.rejected)
    if found.ways:
        reasons = [f"{way.name}: {cost_in_words(way)}" for way in found.ways]
        everything = await find_greatest(payment, found.sources, bridges, rpcs, limits)
        most = None if everything.failed else Amount(everything.units, payment.amount.token)
        return fees_too_high(found.ways, limits, reasons, most)
    if found.unknown:
        names = ", ".join(chain.short_name for chain in found.unknown)
        lines = [_short_of(found, snapshot), *found.rejected, f"Not known, since they did not answer: {names}."]
        if all(snapshot.on(chain).refused for chain in found.unknown):
            return NodeError("\n".join(lines), hint=REFUSED_HINT)
        return NetworkError(
            "\n".join(lines), hint="Try again when all chains answer; `l2send balances` shows which do."
        )
    gas = no_gas((*found.problems, *found.problems_of_several), snapshot, payment)
    served = found.problems or (found.several and found.several.was_served)
    if gas is None and limits.via and found.sources and not served:
        return _not_served(found, rpcs, limits)
    return gas or await _too_little(found, snapshot, bridges, rpcs, limits)


async def _too_little(
    found: _Found, snapshot: Snapshot, bridges: Mapping[str, Bridge], rpcs: Rpcs, limits: Limits
) -> CannotPay:
    """The error with the balances, and the most that can be paid with them."""
    payment = found.payment
    everything = await find_greatest(payment, found.sources, bridges, rpcs, limits)
    most = Amount(everything.units, payment.amount.token)
    lines = [_short_of(found, snapshot, most.units), *found.rejected]
    if not most.units and not everything.failed and found.sources:
        lines += sensible(least_sensible([Way((quote,)) for quote in everything.expensive], limits), most)
    if not 0 < most.units < payment.amount.units:
        return CannotPay("\n".join(lines), hint="Fund the account, or send less.")
    to = f"{rpcs.registry.chain(payment.to.chain_id).short_name}:{payment.to.address}"
    least = await _least_of_all(replace(payment, amount=most), found.sources, bridges, rpcs, limits)
    return CannotPay(
        "\n".join([*lines, *sensible(least, most)]),
        hint=f"Fund the account, or send less: l2send max {most.token.symbol} {to}",
    )


async def _least_of_all(
    most: Payment, sources: Sequence[Source], bridges: Mapping[str, Bridge], rpcs: Rpcs, limits: Limits
) -> Amount | None:
    """The least that makes sense, by the quotes of a small part of the most: of that, a bridge's fee is its flat sum.

    None where the money is on the destination already, or no bridge takes a fee.
    """
    small = replace(most, amount=replace(most.amount, units=max(most.amount.units // _SMALL_PART, 1)))
    ways, _ = await _by_one(small, sources, bridges, rpcs, limits)
    return None if any(is_direct(way) for way in ways) else least_sensible(ways, limits)


def _preference(way: Way, limits: Limits) -> tuple[bool, int, tuple[int, int, int, str]]:
    """A sort key, smaller is better: direct first, parts only if they save a noticeable sum."""
    return (not is_direct(way), total(way, limits) + (_WORTH_PARTS if len(way.legs) > 1 else 0), rank(way, limits))


def is_direct(way: Way) -> bool:
    """Whether all of it is a transfer on the destination."""
    return all(leg.order is None for leg in way.legs)


def _why(best: Way, others: list[Way], limits: Limits) -> str:
    if is_direct(best):
        return f"the money is already on {best.legs[0].source.name}"
    if not others:
        return _why_only(best, limits)
    if best.cost_usd is None:
        return "a fee has no price here, so the smallest bridge fee decided"
    runner = next((way for way in others if way.cost_usd is not None), None)
    if runner is None:
        return f"the cheapest with a known price: about ${best.cost_usd:.4f}"
    return _why_rather(best, best.cost_usd, runner, runner.cost_usd or 0.0)


def _why_only(best: Way, limits: Limits) -> str:
    if limits.from_chains or limits.via:  # Other chains may hold enough, and other bridges may deliver it.
        named = [f"from {' and '.join(limits.from_chains)}"] if limits.from_chains else []
        named += [f"by {limits.via}"] if limits.via else []
        return f"it is the only way {' and '.join(named)}, as you asked"
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
    if len(runner.legs) > len(best.legs):
        return f"one chain does it for ${cost:.4f}; {runner.name} would save less than a cent"
    return f"chosen for its time, for ${cost:.4f}; {runner.name} would cost ${its_cost:.4f}"


def _short_of(found: _Found, snapshot: Snapshot, most: int = 0) -> str:
    """A sentence on what is held where, and what is missing. `most`: base units that can be paid, where known."""
    payment, several = found.payment, found.several
    held = list[str]()
    for holdings in snapshot.chains:
        token = holdings.chain.asset_like(payment.amount.token)
        amount = holdings.held(token) if token else None
        if amount and amount.units:
            held.append(f"{amount} on {holdings.chain.short_name}")
    have = ", ".join(held) or f"no {payment.amount.token.symbol} on any chain that answered"
    return f"no chain can fund {payment.amount} alone{_together(payment, several, most)}. You hold {have}."


def _together(payment: Payment, several: Several | None, most: int) -> str:
    """A sentence on what all sources could do together, and what is missing."""
    if several is None:
        return ""
    missing = Amount(payment.amount.units - max(several.most, most), payment.amount.token)
    if missing.units <= 0:
        return ", and no combination of chains was found that can"
    return f", nor can all together: fees paid, {missing} is missing"


def _not_served(found: _Found, rpcs: Rpcs, limits: Limits) -> CannotPay:
    """The error that the only allowed bridge does not move this asset between these chains."""
    target = rpcs.registry.chain(found.payment.to.chain_id)
    chains = [source.holdings.chain for source in found.sources]
    names = " or ".join(chain.name for chain in chains if chain is not target) or target.name
    symbol = found.payment.amount.token.symbol
    if limits.via == "direct":
        return CannotPay(
            f"you hold no {symbol} on {target.name}, so it cannot be sent there directly.",
            hint="Leave --via out: a bridge brings it from where you hold it.",
        )
    there = ", ".join(chain.short_name for chain in rpcs.registry if limits.via in chain.settlers)
    return CannotPay(
        f"{limits.via} does not bring {symbol} from {names} to {target.name}.",
        hint=f"Leave --via out to use any bridge. {f'{limits.via} is on: {there}' if there else ''}".strip(),
    )
