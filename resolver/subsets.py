"""Finds which sources fund a payment together, and how much each: the exact optimum, in plain numbers.

An option is a source with one bridge. It costs `flat` if used plus `rate` for each delivered unit, and can deliver from
`least` to `most` units. At most one option of each source is used. Legs run concurrently, so a choice takes as long as
its slowest leg.

The search visits every set of options, except those that cannot beat the best one found: a set is skipped, with all its
supersets, once even the best use of the remaining sources could not lower its cost enough. Within a set the split is
simple, since costs are affine: every option delivers its least, and the lowest rates are filled first; for equal rates,
the earlier option.

A set is better if it costs less; at equal cost, if it needs fewer signatures; then, if its worst stage is better.

With real fees, twelve sources and five bridges, a few thousand sets are visited. Artificially similar fees could make
it many more: the search stops at `MOST_SETS`, and reports it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

MOST_SETS = 200_000


@dataclass(frozen=True, slots=True)
class Option:
    """One source with one bridge. All numbers are integers; costs are in the caller's unit."""

    source: int
    flat: int
    rate: int
    most: int
    least: int = 1
    seconds: int = 0
    signatures: int = 1
    stage: int = 0
    """The smaller, the safer."""

    def at_least_as_good_as(self, other: Option) -> bool:
        """Whether replacing another option of the same source by this one could lose nothing."""
        mine = (self.flat, self.rate, self.least, self.seconds, self.signatures, self.stage, -self.most)
        its = (other.flat, other.rate, other.least, other.seconds, other.signatures, other.stage, -other.most)
        return all(a <= b for a, b in zip(mine, its, strict=True))


@dataclass(frozen=True, slots=True)
class Choice:
    """The best set: indexes in the list of options, each with its units."""

    parts: tuple[tuple[int, int], ...]
    cost: int
    signatures: int
    looked_at: int
    """How many sets were priced; at most the product over all sources of their options plus one."""
    complete: bool = True
    """Whether nothing better can exist: the search was not stopped."""


Indexed = tuple[int, Option]


@dataclass
class _Search:
    amount: int
    per_second: int
    sources: Sequence[Sequence[Indexed]]
    """The options worth using, source by source."""
    key: tuple[int, int, int] | None = None
    parts: tuple[tuple[int, int], ...] = ()
    looked_at: int = 0
    _rest: list[list[tuple[int, int]]] = field(default_factory=list[list[tuple[int, int]]])
    """For the sources from each index on: the best rate of each, and the most it could deliver."""

    def run(self) -> None:
        rates = [(min(o.flat // o.most + o.rate for _, o in s), max(o.most for _, o in s)) for s in self.sources]
        self._rest = [rates[place:] for place in range(len(rates) + 1)]
        self._descend(0, [])

    def _descend(self, place: int, chosen: list[Indexed]) -> None:
        """Decide the sources from `place` on; those before it are decided."""
        if self.looked_at >= MOST_SETS or not self._can_win(place, chosen) or place == len(self.sources):
            return
        for option in self.sources[place]:
            chosen.append(option)
            self._price(chosen)
            self._descend(place + 1, chosen)
            chosen.pop()
        self._descend(place + 1, chosen)

    def _can_win(self, place: int, chosen: list[Indexed]) -> bool:
        """Whether `chosen`, with the undecided sources, may reach the amount and beat the best known cost."""
        offers = [(o.rate, o.most) for _, o in chosen] + self._rest[place]
        left, cost = self.amount, self._fixed(chosen)
        for rate, most in sorted(offers):
            units = min(left, most)
            left -= units
            cost += rate * units
        return not left and (self.key is None or cost <= self.key[0])

    def _fixed(self, chosen: list[Indexed]) -> int:
        slowest = max((o.seconds for _, o in chosen), default=0)
        return sum(o.flat for _, o in chosen) + self.per_second * slowest

    def _price(self, chosen: list[Indexed]) -> None:
        """Compare this set with the best one, if it can deliver the amount."""
        self.looked_at += 1
        left = self.amount - sum(o.least for _, o in chosen)
        if left < 0 or sum(o.most for _, o in chosen) < self.amount:
            return
        cost, parts = self._fixed(chosen), list[tuple[int, int]]()
        for index, option in sorted(chosen, key=lambda pair: (pair[1].rate, pair[0])):
            more = min(left, option.most - option.least)
            left -= more
            parts.append((index, option.least + more))
            cost += option.rate * (option.least + more)
        key = (cost, sum(o.signatures for _, o in chosen), max(o.stage for _, o in chosen))
        if self.key is None or key < self.key:
            self.key, self.parts = key, tuple(sorted(parts))


def choose(amount: int, options: Sequence[Option], per_second: int = 0) -> Choice | None:
    """The best set of `options` that delivers exactly `amount`, or None if there is none."""
    search = _Search(amount, per_second, _worth_using(options))
    search.run()
    if search.key is None:
        return None
    cost, signatures, _ = search.key
    return Choice(search.parts, cost, signatures, search.looked_at, search.looked_at < MOST_SETS)


def _worth_using(options: Sequence[Option]) -> list[list[Indexed]]:
    """The options of each source that no other one of it beats in every respect; the cheapest source first."""
    usable = sorted(((i, o) for i, o in enumerate(options) if o.most >= o.least > 0), key=lambda pair: pair[1].source)
    sources = [_undominated(list(own)) for _, own in groupby(usable, key=lambda pair: pair[1].source)]
    return sorted(sources, key=lambda own: min(o.flat // o.most + o.rate for _, o in own))


def _undominated(own: list[Indexed]) -> list[Indexed]:
    kept = list[Indexed]()
    for index, option in own:
        rivals = [(i, o) for i, o in own if i != index and o.at_least_as_good_as(option)]
        # Of two equal options the first one stays.
        if not any(i < index or not option.at_least_as_good_as(o) for i, o in rivals):
            kept.append((index, option))
    return kept
