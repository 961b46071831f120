"""Pays from several sources: finds what each could deliver and at what cost, the best split, and its exact quotes.

Fees are affine in the amount: a flat sum plus a share. So two quotes per source and bridge, for amounts that the source
can certainly fund, predict the cost of any amount, and the most that the source can deliver. `subsets.choose` finds the
best split with these; then each part is quoted again, exactly. If a quote differs from the prediction, it is added to
the data and the search is repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from l2send.core.bridge_protocol import Bridge
from l2send.core.plan import Payment, Quote, Way
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount, Token
from l2send.resolver.quotes import NoQuote, Source, allowed, ask, cost, per_second, stage_of
from l2send.resolver.subsets import MOST_SETS, Option, choose
from l2send.resolver.way_limits import Limits

_MOST_SOURCES = 12
"""Only the largest balances are considered; every source is a leg to sign, and doubles the subsets."""
_ROUNDS = 5
_SLACK = 2
"""Base units of the destination deducted from the most that a source can deliver: quotes round up."""
_GAS_MARGIN_PERCENT = 25
"""Margin for gas that changes between two quotes, if native coin pays for both."""
_UNKNOWN_GAS = 4
"""Factor on the expected gas if a bridge does not give a maximum."""


@dataclass(frozen=True, slots=True)
class Several:
    """The best way from several sources, if there is one, and the findings of the search."""

    way: Way | None
    most: int
    """What all sources together could deliver, in base units of the destination."""
    rejected: tuple[str, ...]
    problems: tuple[NoQuote, ...] = ()
    """The last problem of every bridge and source."""
    was_served: bool = True
    """Whether any bridge answered for any source."""


@dataclass
class _Offer:
    """What one bridge takes from one source, by the quotes so far. Amounts are delivered units."""

    source: Source
    bridge: Bridge
    place: int
    quotes: dict[int, Quote] = field(default_factory=dict[int, Quote])
    problem: NoQuote | None = None
    least: int = 1
    ceiling: int = 2**256
    dropped: bool = False
    keeps_refund_gas: bool = True

    def option(self, amount: int) -> Option | None:
        """Its cost and its bounds; None without data."""
        if not self.quotes or self.dropped:
            return None
        low, high = min(self.quotes), max(self.quotes)
        flat, rate = _line(low, cost(self.quotes[low]), high, cost(self.quotes[high]))
        sample = self.quotes[high]
        return Option(
            source=self.place,
            flat=round(flat),
            rate=round(rate),
            most=min(amount, self.ceiling, self._affordable()),
            least=self.least,
            seconds=sample.duration,
            signatures=sample.signatures,
            stage=stage_of(sample),
        )

    def _affordable(self) -> int:
        """The most it could deliver from the balance, by the line through its quotes."""
        low, high = min(self.quotes), max(self.quotes)
        flat, rate = _line(low, self.quotes[low].pays.units, high, self.quotes[high].pays.units)
        spare = self.source.held.units
        if self.source.held.token.is_native:
            spare -= _reserve(self.quotes[high], refund=self.keeps_refund_gas)
        if not rate:
            return high  # The same price for every amount: no line can be drawn.
        exact = rate == _same(self.source.held.token, self.quotes[high].delivers.token) and not flat
        reach = int((spare - flat) / rate) - (0 if exact else _SLACK)
        # A quoted amount is affordable, but not always with a reserve for a refund's gas.
        quoted = not self.keeps_refund_gas or self.quotes[high].pays.units <= spare
        return max(reach, high if quoted else 0)

    def learn(self, units: int, answer: Quote | NoQuote | None) -> None:
        """Add the answer for exactly `units` to the data."""
        if isinstance(answer, Quote):
            self.quotes[units] = answer
            return
        self.problem = answer
        if not self.quotes:
            return
        if units > max(self.quotes):
            # Too much for it: halve the distance to what it is known to deliver.
            self.ceiling = (units + max(self.quotes)) // 2
        elif units < min(self.quotes):
            self.least = min(self.quotes)
        else:
            self.dropped = True


def _reserve(quote: Quote, *, refund: bool) -> int:
    """The native coin to reserve for gas if the quote pays in the same coin: for its steps, and for a refund."""
    kept = quote.refund_gas if refund else 0
    if quote.needs is None:
        bridge_fee = quote.pays.units - quote.delivers.in_units_of(quote.pays.token)
        gas = sum(fee.amount.units for fee in quote.fees if fee.amount.token.is_native) - bridge_fee
        return _UNKNOWN_GAS * gas + kept
    gas = quote.needs - quote.pays.units + kept
    return gas + gas * _GAS_MARGIN_PERCENT // 100


def _same(source: Token, target: Token) -> Fraction:
    """Base units of the source worth one of the target."""
    return Fraction(10**source.decimals, 10**target.decimals)


def _line(low: int, at_low: int, high: int, at_high: int) -> tuple[Fraction, Fraction]:
    """Flat part and rate of the line through two points; neither is negative.

    With one point, all is rate: for larger amounts that overstates the fee, never understates it.
    """
    if low == high:
        return Fraction(0), Fraction(at_high, high)
    rate = max(Fraction(at_high - at_low, high - low), Fraction(0))
    flat = at_high - rate * high
    return (flat, rate) if flat >= 0 else (Fraction(0), Fraction(at_high, high))


async def find_several(
    payment: Payment, sources: Sequence[Source], bridges: Mapping[str, Bridge], rpcs: Rpcs, limits: Limits
) -> Several:
    """The best way to make `payment` from all these sources. Nothing is signed here."""
    ranked = sorted(sources, key=lambda s: s.held.in_units_of(payment.amount.token), reverse=True)
    offers = [
        _Offer(source, bridge, place)
        for place, source in enumerate(ranked[:_MOST_SOURCES])
        for bridge in allowed(bridges, limits)
    ]
    # In a tie, money already on the destination is used first.
    offers.sort(key=lambda offer: offer.source.holdings.chain.chain_id != payment.to.chain_id)
    await asyncio.gather(*(_probe(offer, payment, rpcs) for offer in offers))
    search = _Search(payment, offers, rpcs, limits)
    way = await search.best_way()
    if way is None and payment.amount.token.is_native:
        # Prefer a payment that cannot pay for its refund, and says so, to none.
        for offer in offers:
            offer.keeps_refund_gas = False
        way = await search.best_way()
    problems = tuple(o.problem for o in offers if o.problem)
    rejected = [str(o.problem) for o in offers if o.problem and not o.quotes]
    if search.stopped:
        rejected.append(f"other combinations: more than {MOST_SETS} of them, not all were compared")
    rejected += [
        f"{s.holdings.chain.short_name}: its {s.held} are left out, the {_MOST_SOURCES} largest balances are combined"
        for s in ranked[_MOST_SOURCES:]
    ]
    was_served = any(o.quotes or o.problem for o in offers)
    return Several(way, _together(offers, payment.amount.units), tuple(rejected), problems, was_served)


async def _probe(offer: _Offer, payment: Payment, rpcs: Rpcs) -> None:
    """Request quotes for half and for nearly all of what the source could deliver."""
    token = payment.amount.token
    within = min(payment.amount.units, int(offer.source.held.units / _same(offer.source.held.token, token)))
    points = sorted({within // 2, within * 9 // 10} - {0})
    answers = await asyncio.gather(*(_ask_for(offer, units, payment, rpcs) for units in points))
    for units, answer in zip(points, answers, strict=True):
        if isinstance(answer, Quote):
            offer.quotes[units] = answer
        else:
            offer.problem = answer


@dataclass
class _Search:
    payment: Payment
    offers: Sequence[_Offer]
    rpcs: Rpcs
    limits: Limits
    stopped: bool = False
    """Whether the search stopped before comparing all combinations."""

    async def best_way(self) -> Way | None:
        """Search, request exact quotes, and search again with the new data if a quote differed."""
        for _ in range(_ROUNDS):
            parts = self._best_parts()
            if not parts:
                return None
            answers = await asyncio.gather(*(_ask_for(o, units, self.payment, self.rpcs) for o, units in parts))
            legs = [answer for answer in answers if isinstance(answer, Quote)]
            if len(legs) == len(parts):
                return Way(tuple(sorted(legs, key=lambda leg: (leg.order is not None, leg.source.short_name))))
            for (offer, units), answer in zip(parts, answers, strict=True):
                offer.learn(units, answer)
        return None

    def _best_parts(self) -> list[tuple[_Offer, int]]:
        amount = self.payment.amount.units
        options = [(offer, option) for offer in self.offers for option in [offer.option(amount)] if option]
        choice = choose(amount, [option for _, option in options], per_second(self.limits))
        if choice is None:
            return []
        self.stopped = self.stopped or not choice.complete
        return [(options[index][0], units) for index, units in choice.parts]


async def _ask_for(offer: _Offer, units: int, payment: Payment, rpcs: Rpcs) -> Quote | NoQuote | None:
    part = replace(payment, amount=Amount(units, payment.amount.token))
    return await ask(offer.bridge, part, offer.source, rpcs)


def _together(offers: Sequence[_Offer], amount: int) -> int:
    """The sum of the most that each source delivers by its best bridge."""
    most = dict[int, int]()
    for offer in offers:
        option = offer.option(amount)
        if option:
            most[offer.place] = max(most.get(offer.place, 0), option.most)
    return sum(most.values())
