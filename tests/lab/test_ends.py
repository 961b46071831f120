"""Attacks on trust in one hash, one endpoint or one clock, at every step where they are possible: paid exactly once.

The nonce is used by another wallet or another machine; a second endpoint is silent, behind or lies; a node speaks as
another client does; the clock of this machine or of a chain is off. Each begins when the payment passes the step.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.lab.payer import quickened
from tests.lab.proxy import Proxy
from tests.lab.rivals import RIVALS
from tests.lab.scenario import Scenario, steps_of
from tests.lab.stage import Result, Stage
from tests.lab.test_matrix import FULL, TASKS, assert_all_well, play_here, report
from tests.lab.transport import WireTransport
from tests.lab.wire import Upstream
from tests.lab.witnesses import CLIENTS, OFFSETS, WITNESSES, clocks_that_can_be_off
from tests.lab.world import running_world

pytestmark = pytest.mark.lab

EACH = 4
"""Kinds at each step by default."""
LEAST = 3
"""Steps at which each kind is tried by default."""
_PLACES = [(bridged, step) for bridged in (False, True) for step in steps_of(bridged=bridged)]
_SAME_PAYMENT = RIVALS[3]


def _at(bridged: bool, step: str) -> list[Scenario]:
    """Everything that can strike there. An order has an id of its own on each machine: it is never the same payment."""
    faults = [fault for fault in (*RIVALS, *WITNESSES, *CLIENTS) if not (bridged and fault is _SAME_PAYMENT)]
    cells = [Scenario(bridged, step, fault, kill=False) for fault in faults]
    cells += [Scenario(bridged, step, None, kill=False, clock=offset) for offset in OFFSETS]
    return [cell for cell in cells if cell.possible]


def every() -> list[Scenario]:
    return [cell for bridged, step in _PLACES for cell in _at(bridged, step)]


def _kind(cell: Scenario) -> str:
    return cell.fault.name if cell.fault else f"clock {cell.clock:+d}"


def covering() -> list[Scenario]:
    """At every step some, at the next ones others: those that were tried least, the rarest first."""
    tried, chosen, places = Counter[str](), list[Scenario](), Counter(_kind(cell) for cell in every())
    for bridged, step in _PLACES:
        here = sorted(_at(bridged, step), key=lambda cell: _turn(tried[_kind(cell)], places[_kind(cell)]))[:EACH]
        for cell in here:
            tried[_kind(cell)] += 1
        chosen += here
    return chosen


def _turn(tried: int, places: int) -> tuple[int, int]:
    return max(0, tried - LEAST + 1), places


def test_the_part_that_runs_by_default_covers_every_step_and_every_kind() -> None:
    tried = defaultdict[str, set[tuple[bool, str]]](set)
    for cell in covering():
        tried[_kind(cell)].add((cell.bridged, cell.step))
    assert {(cell.bridged, cell.step) for cell in covering()} == set(_PLACES)
    assert set(tried) == {_kind(cell) for cell in every()}
    assert min(map(len, tried.values())) >= LEAST


def test_what_one_hash_one_endpoint_and_one_clock_do_not_tell(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    cells = every() if FULL else covering()
    before = time.monotonic()
    with clocks_that_can_be_off():
        results = asyncio.run(play_here(stage, cells, TASKS))
    with capsys.disabled():
        report("nonces, witnesses, clients and this machine's clock", results, time.monotonic() - before)
    assert_all_well(results)
    assert {_kind(r.scenario) for r in results if r.reached} == {_kind(cell) for cell in cells}


def _turning(offset: int) -> Iterator[Scenario]:
    """The first chain's clock jumps ahead, or falls behind as the other chain's jumps, at every step."""
    for bridged, step in _PLACES if FULL else _PLACES[:: 3 if abs(offset) < 3600 else 7]:
        yield Scenario(bridged, step, None, kill=False, clock=offset)


@pytest.mark.parametrize("offset", OFFSETS)
def test_the_clock_of_a_chain_is_off(tmp_path: Path, capsys: pytest.CaptureFixture[str], offset: int) -> None:
    cells, before = list(_turning(offset)), time.monotonic()
    with running_world(tmp_path / "world") as world, Proxy([node.url for node in world.nodes]) as proxy:
        results = asyncio.run(_turned(Stage(world, proxy, tmp_path), cells, 0 if offset > 0 else 1, abs(offset)))
    with capsys.disabled():
        report(f"a chain's clock {offset:+d} s", results, time.monotonic() - before)
    assert_all_well(results)


async def _turned(stage: Stage, cells: Sequence[Scenario], chain: int, seconds: int) -> list[Result]:
    """One at a time: a chain's clock is turned for all that are on it, and a payment whose quote another one's turn
    made late ends before its own step. Afterwards the other chain's clock catches up."""
    nodes = [Upstream(node.url) for node in stage.world.nodes]
    accounts = stage.world.accounts(len(cells))

    async def turn(which: int) -> None:
        await nodes[which].call("evm_increaseTime", seconds)
        await nodes[which].call("evm_mine")

    async def play(cell: Scenario, index: int) -> Result:
        turns = partial(turn, chain), partial(turn, 1 - chain)
        return await stage.play_here(cell, accounts[index], nodes, turns)

    transport = WireTransport(nodes)
    try:
        with quickened(0.03, transport):
            return [await asyncio.create_task(play(cell, index)) for index, cell in enumerate(cells)]
    finally:
        await transport.hang_up()
