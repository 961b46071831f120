"""Descriptions of ways: why the best one is chosen if another is cheaper."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from l2send.cli.ways_table import show_ways, why_not_cheapest
from l2send.core.plan import Plan
from l2send.core.units import UnixTime
from l2send.resolver.way_limits import Limits, Speed
from tests.resolver.test_planner import ORIGIN, RICH, TARGET, Priced, holding, plan

SLOW = Priced("slow", {"left": (1_000, 10**12)}, seconds=600)
QUICK = Priced("quick", {"left": (200_000, 10**12)}, seconds=5)


def made(speed: Speed) -> Plan:
    now = UnixTime(int(time.time()))
    held = (replace(each, timestamp=now) for each in (holding(ORIGIN, RICH), holding(TARGET, 0)))
    return plan([SLOW, QUICK], *held, limits=Limits(speed=speed))


def test_the_reason_is_said_where_the_best_way_is_not_the_cheapest() -> None:
    fast = made(Speed.FAST)
    assert fast.way.legs[0].bridge == "quick"
    said = why_not_cheapest(fast)
    assert said.startswith("Best, though not the cheapest: quicker: about 5 s for $0.2030")
    assert "left by slow takes 600 s" in said


def test_the_cheapest_needs_no_reason() -> None:
    assert why_not_cheapest(made(Speed.CHEAP)) == ""


def test_a_way_chosen_for_time_that_a_halted_chain_hides_is_not_said_to_save_less_than_a_cent() -> None:
    """Both look as slow as the chain that stands still; the sum saved is still said."""
    said = why_not_cheapest(plan([SLOW, QUICK], holding(ORIGIN, RICH), limits=Limits(speed=Speed.FAST)))
    assert said == "Best, though not the cheapest: chosen for its time, for $0.2030; left by slow would cost $0.0040."


def test_the_table_has_what_each_leg_costs_and_the_sums_once(capsys: pytest.CaptureFixture[str]) -> None:
    made_of_one = made(Speed.CHEAP)
    (leg,) = made_of_one.way.legs
    show_ways(replace(made_of_one, way=replace(made_of_one.way, legs=(leg, leg))))
    _, first, second, other, *_ = capsys.readouterr().out.splitlines()
    assert first.split() == ["→", "left", "slow", "25", "$0.0010", "$0.0030", "$0.0080", "10", "min", "0"]
    assert second.split() == ["+", "left", "slow", "25", "$0.0010", "$0.0030"]
    assert other.split() == ["left", "quick", "25", "$0.2000", "$0.0030", "$0.2030", "5", "s", "0"]
