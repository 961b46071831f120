"""A chain without new blocks is named before anything is paid there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from l2send.core.chains import Chain
from l2send.core.plan import Way
from l2send.core.units import Amount, ChainId, Seconds, UnixTime
from l2send.resolver.balances import Holdings, Snapshot
from l2send.resolver.halted_chains import HALTED, seconds_behind, with_halts
from tests.bridges.registry import ORIGIN, SENDER, TARGET
from tests.client.test_guard import direct

NOW = 1_800_000_000


def at(chain: Chain, age: int) -> Holdings:
    return Holdings(chain, {}, None, UnixTime(NOW - age))


def others(*ages: int) -> list[Holdings]:
    return [at(replace(ORIGIN, short_name=f"c{n}", chain_id=ChainId(900 + n)), age) for n, age in enumerate(ages)]


def test_a_destination_that_stands_still_is_said_with_hours_instead_of_seconds() -> None:
    snapshot = Snapshot(SENDER, (at(TARGET, 3 * 3600), *others(1, 2, 3)))
    (leg,) = with_halts(Way((direct(100),)), snapshot, NOW).legs
    assert leg.notes == ("Right seems to be halted: its newest block is 3 h old. Nothing arrives until it goes on",)
    assert leg.duration == Seconds(3 * 3600 - 2), "the other chains made their blocks 1, 2 and 3 s ago"


def test_a_source_that_stands_still_is_said_too() -> None:
    leg = replace(direct(100), source=ORIGIN, delivers=Amount(100, TARGET.tokens[0]))
    snapshot = Snapshot(SENDER, (at(ORIGIN, 100 * 3600), at(TARGET, 2), *others(1, 2, 3)))
    (noted,) = with_halts(Way((leg,)), snapshot, NOW).legs
    assert "Left seems to be halted: its newest block is 4 days old" in noted.notes[0]


@pytest.mark.parametrize("age", [0, 60, HALTED - 10])
def test_a_chain_that_goes_on_is_left_alone(age: int) -> None:
    way = Way((direct(100),))
    assert with_halts(way, Snapshot(SENDER, (at(TARGET, age), *others(1, 2, 3))), NOW) == way


@pytest.mark.parametrize("error", [-3 * 3600, 3 * 3600])
def test_this_machines_clock_is_not_asked_where_other_chains_say_the_time(error: int) -> None:
    here = at(TARGET, 5)
    assert seconds_behind(here, Snapshot(SENDER, (here, *others(1, 2, 3))), NOW + error) < HALTED
    halted = at(TARGET, 3 * 3600)
    assert seconds_behind(halted, Snapshot(SENDER, (halted, *others(1, 2, 3))), NOW + error) >= HALTED


def test_one_other_chain_with_a_wrong_clock_halts_no_chain() -> None:
    here = at(TARGET, 5)
    assert seconds_behind(here, Snapshot(SENDER, (here, *others(-(10**9), 2, 3))), NOW) < HALTED


def test_a_chain_alone_is_compared_with_this_machine() -> None:
    here = at(TARGET, 2 * 3600)
    assert seconds_behind(here, Snapshot(SENDER, (here,)), NOW) == 2 * 3600
