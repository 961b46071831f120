"""A payment from three chains, each leg by a different bridge, one of them opened by a sponsor: killed, and with
faults.

The first leg has no gas and goes by messages, the second through Eco, the third through Across. A fault is of one
chain's endpoint, or of the sponsor; all others are well. A cell counts only if its kill and its fault are proven.
`L2SEND_LAB=full` runs every step, with six faults and with none.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from l2send.devnet.modes import Mode
from l2send.wallet.failpoints import Failpoint
from l2send.wallet.journal.states import PaymentState
from tests.lab.faults import FAULTS, REFUSING_SPONSOR, SPONSOR_FAULTS, answered, on_chain
from tests.lab.payer import Errand, quickened
from tests.lab.scenario import SEVERAL, Scenario, of_several, steps_of_several
from tests.lab.stage import Result, Stage
from tests.lab.test_matrix import FULL, PROCESSES, TASKS, assert_all_well, report
from tests.lab.transport import WireTransport
from tests.lab.wire import Fault, Upstream
from tests.lab.world import SOURCES

pytestmark = pytest.mark.lab

EACH_KILLED, EACH_HERE = (6, 4) if FULL else (1, 1)
KILLED_EVERY, HERE_EVERY, FATED_EVERY = (1, 1, 1) if FULL else (2, 3, 13)
"""Of the steps, one in so many is tried."""


@dataclass(frozen=True)
class Fate:
    """Why not all legs are delivered: what the solver does, before and after the clocks jump."""

    name: str
    first: Mode
    then: Mode
    jump: int
    """Seconds."""
    fault: Fault | None
    later: tuple[str, ...]
    """Steps that a process passes after the jump."""
    end: PaymentState
    legs: int
    """That are delivered."""
    not_before: tuple[str, ...]
    """Steps that are not passed before the jump."""


_CARRIED_ON = ("planned:1", "planned:2", "locked:1")
_REFUNDED = ("nonce_chosen:1", "signed:1", "journaled:1", "before_broadcast:1", "after_broadcast:1", "broadcast:1")
FATES = (
    Fate("no solver fills", Mode.IGNORE, Mode.IGNORE, 8000, None, (*_CARRIED_ON, *_REFUNDED, "mined:1", "final:1"),
         PaymentState.REFUNDED, 0, ("order_filled", "mined:5")),
    Fate("the sponsor refuses", Mode.FILL, Mode.FILL, 700, REFUSING_SPONSOR, ("planned:1", "locked:1"),
         PaymentState.PARTLY_PAID, 2, ("order_filled:3", "mined:5")),
    Fate("filled after all, too late for two", Mode.IGNORE, Mode.FILL, 700, None, (*_CARRIED_ON, *_REFUNDED),
         PaymentState.PARTLY_PAID, 1, ("order_filled", "mined:5")),
)  # fmt: skip


def test_every_failpoint_is_among_the_steps() -> None:
    assert {step.partition(":")[0] for step in steps_of_several()} == set(Failpoint)
    for kill in (True, False):
        cells = of_several(kill=kill, each=4)
        names = {cell.fault.name.partition(", on chain")[0] for cell in cells if cell.fault}
        assert names == {fault.name for fault in (*FAULTS, *SPONSOR_FAULTS)}


def test_killed_at_every_step_of_every_leg(scattered: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """kill -9 whichever leg comes to the step as the first, second, … of them, then fresh processes."""
    cells = of_several(kill=True, each=EACH_KILLED)[::KILLED_EVERY]
    if FULL:
        cells += [Scenario(True, step, None, kill=True, via=SEVERAL) for step in steps_of_several()]
    results, seconds = _killed(scattered, cells)
    with capsys.disabled():
        report("from three chains, killed by SIGKILL", results, seconds)
    assert_all_well(results)


def test_a_fault_of_one_chain_from_every_step_on(scattered: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """No kill: the fault begins when a leg passes the step."""
    cells = of_several(kill=False, each=EACH_HERE)[::HERE_EVERY]
    before = time.monotonic()
    results = asyncio.run(_here(scattered, cells))
    with capsys.disabled():
        report("from three chains, fault from the step on", results, time.monotonic() - before)
    assert_all_well(results)


def test_one_wrong_answer_about_code_ends_no_leg(scattered: Stage) -> None:
    """Told once, while approvals are mined, that nothing runs at a settler: one leg was cancelled, the others paid."""
    lie = Fault("no code", frozenset({"eth_getCode"}), answered("0x", forward=False), 1)
    steps = ("mined:1", "planned:4")
    cells = [Scenario(True, step, on_chain(lie, n), kill=False, via=SEVERAL) for n in SOURCES for step in steps]
    results = asyncio.run(_here(scattered, cells))
    assert [result for result in results if result.reached], "code was not asked for, so this test showed nothing"
    assert [result.verdict for result in results if not (result.verdict and result.verdict.once)] == []


@pytest.mark.parametrize("fate", FATES, ids=lambda fate: fate.name)
def test_legs_that_cannot_be_come_back(scattered: Stage, capsys: pytest.CaptureFixture[str], fate: Fate) -> None:
    """Killed at a step, and after the clocks have jumped at one more: while the money is asked back."""
    steps = steps_of_several()[::FATED_EVERY]
    cells = [
        Scenario(True, step, fate.fault, kill=True, via=SEVERAL, later=fate.later[number % len(fate.later)])
        for number, step in enumerate(steps)
        if not step.startswith(fate.not_before)
    ]
    before = time.monotonic()
    world = scattered.world
    world.solver(fate.first)
    plays = [scattered.begin(cell, account) for cell, account in zip(cells, world.scattered(len(cells)), strict=True)]
    try:
        with ThreadPoolExecutor(PROCESSES) as pool:
            list(pool.map(lambda play: scattered.carry_on(play[0], play[1], play[0].scenario.step, 2), plays))
            world.advance(fate.jump)
            world.solver(fate.then)
            results = list(pool.map(lambda play: _to_the_end(scattered, play), plays))
    finally:
        world.solver(Mode.FILL)
    with capsys.disabled():
        report(f"from three chains, {fate.name}", results, time.monotonic() - before)
        ends = Counter(str(result.verdict.state) for result in results if result.verdict)
        print(f"[lab]   ends: {', '.join(f'{state} {number}' for state, number in ends.most_common())}")
    assert_all_well(results)
    fated = [r for r in results if r.verdict and (r.verdict.state, r.verdict.times_received) == (fate.end, fate.legs)]
    assert len(fated) > 0.8 * len(results)


def _to_the_end(stage: Stage, play: tuple[Result, Errand]) -> Result:
    result, errand = play
    stage.carry_on(result, errand, result.scenario.later)
    return stage.judged(result, errand)


def _killed(stage: Stage, cells: Sequence[Scenario]) -> tuple[list[Result], float]:
    accounts = stage.world.scattered(len(cells))
    before = time.monotonic()
    with ThreadPoolExecutor(PROCESSES) as pool:
        return list(pool.map(stage.play_processes, cells, accounts)), time.monotonic() - before


async def _here(stage: Stage, cells: Sequence[Scenario]) -> list[Result]:
    nodes = [Upstream(node.url) for node in stage.world.nodes]
    transport = WireTransport(nodes, Upstream(stage.world.devnet.solver_url))
    gate, accounts = asyncio.Semaphore(TASKS), stage.world.scattered(len(cells))

    async def play(cell: Scenario, index: int) -> Result:
        async with gate:
            return await stage.play_here(cell, accounts[index], nodes)

    try:
        with quickened(0.03, transport):
            return await asyncio.gather(*(play(cell, index) for index, cell in enumerate(cells)))
    finally:
        await transport.hang_up()
