"""The search over subsets of sources, against brute force on random instances."""

from __future__ import annotations

import random
from math import prod

import pytest

from l2send.resolver.subsets import MOST_SETS, Choice, Option, choose

INSTANCES = 1_000
_NEVER = 10**12


def brute_force(amount: int, options: list[Option], per_second: int) -> tuple[int, int] | None:
    """The least (cost, signatures), by every way to deal out every single unit: no rates, no order, no bounds.

    For each time that a leg can take: the best by legs that are as fast, each unit dealt to each source in turn.
    """
    ends = list[tuple[int, int]]()
    for slowest in {o.seconds for o in options}:
        best = {0: (0, 0)}
        for source in {o.source for o in options}:
            after = dict(best)
            for o in options:
                if o.source != source or o.seconds > slowest:
                    continue
                for done, (cost, signatures) in best.items():
                    for units in range(o.least, min(o.most, amount - done) + 1):
                        new = (cost + o.flat + o.rate * units, signatures + o.signatures)
                        after[done + units] = min(after.get(done + units, (_NEVER, 0)), new)
            best = after
        if amount in best:
            cost, signatures = best[amount]
            ends.append((cost + per_second * slowest, signatures))
    return min(ends, default=None)


def instance(dice: random.Random, sources: int) -> tuple[int, list[Option], int]:
    options = [
        Option(
            source=source,
            flat=dice.choice([0, 1, 5, 20]) + dice.randrange(3),
            rate=dice.randrange(5),
            most=dice.randrange(1, 12),
            least=dice.choice([1, 1, 1, 2, 4]),
            seconds=dice.choice([2, 60]),
            signatures=dice.choice([1, 2]),
            stage=dice.randrange(3),
        )
        for source in range(sources)
        for _ in range(dice.choice([1, 1, 2, 3]))
    ]
    together = sum(max(o.most for o in options if o.source == s) for s in range(sources))
    return dice.randrange(1, min(together, 25) + 2), options, dice.choice([0, 0, 1])


def is_sound(choice: Choice, amount: int, options: list[Option], per_second: int) -> bool:
    """Whether the parts are allowed, sum to the amount, and cost what the choice says."""
    used = [(options[index], units) for index, units in choice.parts]
    cost = sum(o.flat + o.rate * units for o, units in used) + per_second * max(o.seconds for o, _ in used)
    return (
        sum(units for _, units in used) == amount
        and all(o.least <= units <= o.most for o, units in used)
        and len({o.source for o, _ in used}) == len(used)
        and (cost, sum(o.signatures for o, _ in used)) == (choice.cost, choice.signatures)
    )


def most_sets(options: list[Option]) -> int:
    sources = {o.source for o in options}
    return prod(1 + sum(o.source == s for o in options) for s in sources)


def test_the_optimum_in_all_of_1000_random_instances(capsys: pytest.CaptureFixture[str]) -> None:
    dice = random.Random(20_261_122)
    equal = possible = several = most_looked = 0
    for turn in range(INSTANCES):
        amount, options, per_second = instance(dice, 1 + turn % 10)
        found, expected = choose(amount, options, per_second), brute_force(amount, options, per_second)
        if found is None:
            equal += expected is None
            continue
        assert is_sound(found, amount, options, per_second)
        assert found.complete
        assert found.looked_at < most_sets(options)
        possible += 1
        several += len(found.parts) > 1
        most_looked = max(most_looked, found.looked_at)
        equal += (found.cost, found.signatures) == expected
    with capsys.disabled():
        print(
            f"\nsubsets: optimum in {equal} of {INSTANCES} random instances with up to 10 sources "
            f"({possible} possible, {several} by several sources; at most {most_looked} sets priced)"
        )
    assert equal == INSTANCES
    assert several > INSTANCES // 2


def test_the_number_of_sets_is_bounded() -> None:
    """14 sources that are all alike give the bounds nothing to hold on to: 2^14 sets, and never more."""
    alike = [Option(source, flat=7, rate=1, most=10) for source in range(14)]
    found = choose(70, alike)
    assert found
    assert len(found.parts) == 7
    assert found.looked_at < 2**14


def test_fees_made_up_to_be_alike_do_not_hold_the_search_up() -> None:
    """12 sources by 6 bridges each, none better than another: 7^12 sets. It stops, says so, and has a sound answer."""
    alike = [
        Option(source, flat=100 - 10 * bridge, rate=1 + bridge, most=10 + bridge)
        for source in range(12)
        for bridge in range(6)
    ]
    found = choose(60, alike)
    assert found
    assert is_sound(found, 60, alike, 0)
    assert found.looked_at <= MOST_SETS + 12
    assert found.complete == (found.looked_at < MOST_SETS)


def test_ties_go_to_fewer_signatures_then_to_the_safer_stage() -> None:
    base = {"flat": 5, "rate": 1, "most": 10}
    options = [Option(0, **base, signatures=2), Option(1, **base, stage=2), Option(2, **base, stage=1)]
    found = choose(10, options)
    assert found
    assert found.parts == ((2, 10),)


def test_what_cannot_be_reached_is_none() -> None:
    assert choose(21, [Option(0, 0, 0, 10), Option(1, 0, 0, 10)]) is None
    assert choose(5, [Option(0, 0, 0, 10, least=6)]) is None
    assert choose(5, []) is None


def test_the_slowest_leg_counts_once() -> None:
    """Two legs of a minute side by side take a minute: cheaper than one quick leg that costs 70 more."""
    options = [Option(0, 0, 0, 5, seconds=60), Option(1, 0, 0, 5, seconds=60), Option(2, 70, 0, 10, seconds=2)]
    found = choose(10, options, per_second=1)
    assert found
    assert found.parts == ((0, 5), (1, 5))
