"""An endpoint that changes to another chain between any two requests of a payment.

The sender's count is higher on the other chain: taken for a nonce, it would leave a gap that nothing fills.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial

import pytest

from l2send.core.errors import L2sendError
from tests.lab import payer
from tests.lab.faults import EVERYTHING, FAULTS
from tests.lab.payer import Errand, journaled, quickened
from tests.lab.stage import Stage, is_closed
from tests.lab.transport import URLS, WireTransport, current_wire
from tests.lab.verdict import Verdict, judge
from tests.lab.wire import Fault, Rule, Upstream, Wire
from tests.lab.world import Account
from tests.support.addresses import new_address

pytestmark = pytest.mark.lab

SWITCHED = next(fault for fault in FAULTS if fault.name == "node: another chain from now on")
FOR_GOOD = 1000
REQUESTS = 14
"""More than a direct payment makes after it was begun."""
_HIGHER = "0x7"


@pytest.mark.parametrize("times", [1, 2, 3, FOR_GOOD])
def test_switched_over_at_any_request_it_is_paid_once(
    stage: Stage, capsys: pytest.CaptureFixture[str], times: int
) -> None:
    before = time.monotonic()
    verdicts = asyncio.run(_all(stage, times))
    reached = [verdict for verdict, fired in verdicts if fired]
    with capsys.disabled():
        for_how_long = "for good" if times == FOR_GOOD else f"for {times} requests"
        print(
            f"\n[lab] switched over {for_how_long}, at each of {len(reached)} requests: "
            f"{sum(v.once for v in reached)} exactly once, in {time.monotonic() - before:.0f} s"
        )
    assert not [(number, verdict) for number, (verdict, _) in enumerate(verdicts) if not verdict.once]
    assert len(reached) >= 10


async def _all(stage: Stage, times: int) -> list[tuple[Verdict, int]]:
    nodes = [Upstream(node.url) for node in stage.world.nodes]
    transport = WireTransport(nodes)
    accounts = stage.world.accounts(REQUESTS)
    for account in accounts:
        await nodes[1].call("anvil_setNonce", account.address, _HIGHER)
    try:
        with quickened(0.03, transport):
            return await asyncio.gather(
                *(_one(stage, account, (n, times), nodes) for n, account in enumerate(accounts))
            )
    finally:
        await transport.hang_up()


async def _one(stage: Stage, account: Account, switch: tuple[int, int], nodes: list[Upstream]) -> tuple[Verdict, int]:
    number, times = switch
    fault = Fault("switched over", EVERYTHING, SWITCHED.act, times, in_all=True, chain=0)
    wire = Wire([Rule(fault, skip=number)], arms_when_begun=True)
    home = stage.folder / f"switched{number}-{times}"
    home.mkdir(mode=0o700)
    errand = Errand(home, stage.world.seen_through(URLS, 2), account, 0, new_address(), patience=0.6)
    current_wire.set(wire)
    payer.hooked(None)
    for _ in range(5):
        with contextlib.suppress(L2sendError):
            await payer.pay(errand, partial(wire.begun, nodes))
        wire.disarm()
        wire.arms_when_begun = False
        if is_closed(errand):
            break
    verdict = await asyncio.to_thread(
        judge, stage.world, account, errand.recipient, 0, journaled(errand), list(wire.sent)
    )
    return verdict, wire.fired
