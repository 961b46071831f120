"""Ways in words: why the best one is taken where another is cheaper."""

from __future__ import annotations

from l2send.cli.ways_table import why_not_cheapest
from l2send.core.plan import Plan
from l2send.resolver.limits import Limits, Speed
from tests.resolver.test_planner import ORIGIN, RICH, TARGET, Priced, holding, plan

SLOW = Priced("slow", {"left": (1_000, 10**12)}, seconds=600)
QUICK = Priced("quick", {"left": (200_000, 10**12)}, seconds=5)


def made(speed: Speed) -> Plan:
    return plan([SLOW, QUICK], holding(ORIGIN, RICH), holding(TARGET, 0), limits=Limits(speed=speed))


def test_the_reason_is_said_where_the_best_way_is_not_the_cheapest() -> None:
    fast = made(Speed.FAST)
    assert fast.way.legs[0].bridge == "quick"
    said = why_not_cheapest(fast)
    assert said.startswith("Best, though not the cheapest: quicker: about ")
    assert "s for $0.2030, left by slow takes " in said


def test_the_cheapest_needs_no_reason() -> None:
    assert why_not_cheapest(made(Speed.CHEAP)) == ""
