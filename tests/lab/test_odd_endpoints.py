"""A payment through one odd endpoint of each known kind: delivered, or refused in words with nothing sent.

Where the odd endpoint is one of two, an end may have to wait for its word: then it is as others are, and it ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from l2send.core.chains import Registry
from l2send.core.errors import L2sendError, NetworkError, NodeError, NotFinal
from l2send.wallet.journal.records import Record
from l2send.wallet.journal.states import PaymentState
from tests.lab import odd_nodes as odd
from tests.lab.odd_nodes import OddTransport, Rule, says, shape
from tests.lab.payer import Errand, journaled, pay, quickened
from tests.lab.transport import urls_of
from tests.lab.verdict import judge
from tests.lab.wire import Upstream
from tests.lab.world import World
from tests.support.addresses import new_address

pytestmark = pytest.mark.lab

ESTIMATE, HISTORY, SIMULATE, RECEIPT = (
    "eth_estimateGas",
    "eth_feeHistory",
    "eth_simulateV1",
    "eth_getTransactionReceipt",
)
KINDS = ("direct", "bridged")
AT_ONCE = 6
FREE_PLAN = "is not available on the Free tier - upgrade your plan"


@dataclass(frozen=True)
class Odd:
    """An endpoint, and how a payment through it ends."""

    rule: Rule
    two: bool = False
    """Whether the chain has an honest endpoint after the odd one."""
    refused: type[L2sendError] | None = None
    """The error, where nothing can be paid: none for a payment that is delivered."""


ROWS: Mapping[str, Odd] = {
    "2 least tip of 25 gwei": Odd(odd.least_tip),
    "2 least tip, seen in the gas price alone": Odd(odd.least_tip_unsaid),
    "3 header not found, at an estimate": Odd(says(ESTIMATE, -32000, "header not found", 2)),
    "3 indexing in progress, at a receipt": Odd(says(RECEIPT, -32000, "transaction indexing is in progress", 2)),
    "3 missing trie node, at a call": Odd(says("eth_call", -32000, "missing trie node 5c0e (path ) <nil>", 2)),
    "3 initial sync, at a nonce": Odd(says("eth_getTransactionCount", -32008, "Initial sync is still in progress", 2)),
    "4 rate limit of QuickNode": Odd(odd.limits(-32007, "50/second request limit reached - reduce calls per second")),
    "4 rate limit of dRPC": Odd(odd.limits(15, "Too many request, try again later")),
    "4 rate limit -32029": Odd(odd.limits(-32029, "please slow")),
    "4 rate limit in plain words": Odd(odd.limits(-32000, "Too Many Requests")),
    "4 rate limit with Retry-After": Odd(odd.limits(-32005, "daily request count exceeded", 429, "1")),
    "5 401 with a text": Odd(odd.unauthorized, refused=NodeError),
    "5 401 with a text, and a second endpoint": Odd(odd.unauthorized, two=True),
    "6 no fee history, -32000": Odd(says(HISTORY, -32000, "the method eth_feeHistory does not exist/is not available")),
    "6 no fee history, -32603": Odd(says(HISTORY, -32603, "Internal error")),
    "6 no fee history, 404": Odd(odd.answers(HISTORY, lambda _: odd.Reply(b"", 404))),
    "7 no pending tag": Odd(odd.no_pending_tag),
    "7 no pending tag, -32000": Odd(says("eth_getTransactionCount", -32000, "pending block is not available", 1)),
    "8 no state override": Odd(odd.no_state_override),
    "9 simulation: 403 with HTML": Odd(odd.answers(SIMULATE, lambda _: odd.Reply(b"<html>forbidden</html>", 403))),
    "9 simulation: 404": Odd(odd.answers(SIMULATE, lambda _: odd.Reply(b"not here", 404))),
    "9 simulation: -32603": Odd(says(SIMULATE, -32603, "Internal error")),
    "9 simulation: a plan": Odd(says(SIMULATE, -32600, f"eth_simulateV1 {FREE_PLAN}")),
    "9 simulation: null": Odd(shape(SIMULATE, None)),
    "10 logs of 10 blocks": Odd(odd.ten_blocks),
    "10 no logs": Odd(says("eth_getLogs", -32601, "Method not found")),
    "11 503 for prices": Odd(odd.answers(HISTORY, lambda _: odd.Reply(b"unavailable", 503)), refused=NetworkError),
    "11 503 for prices, and a second endpoint": Odd(odd.answers(HISTORY, lambda _: odd.Reply(b"", 503)), two=True),
    "14 fee history is a list": Odd(shape(HISTORY, [])),
    "14 base fee of 2^255": Odd(shape(HISTORY, {"baseFeePerGas": [hex(2**255)], "reward": [["0x1"]]})),
    "14 rewards are numbers": Odd(shape(HISTORY, {"baseFeePerGas": ["0x1"], "reward": [7]}), two=True),
    "14 head of 2^63": Odd(shape("eth_blockNumber", hex(2**63)), two=True),
    "14 head of 2^63, twice": Odd(shape("eth_blockNumber", hex(2**63), 2)),
    "14 time of 2^255": Odd(shape("eth_getBlockByNumber", {"number": "0x1", "timestamp": hex(2**255)}, 2), two=True),
    "14 logs are texts": Odd(shape(RECEIPT, {"logs": "none"}, 2)),
    "15 overlapping arrays": Odd(shape("eth_call", odd.overlapping_arrays()), two=True),
    "15 overlapping arrays, alone": Odd(shape("eth_call", odd.overlapping_arrays()), refused=L2sendError),
    "24 silence, then nonsense": Odd(odd.times_out_then_nonsense),
    "nethermind's words": Odd(odd.nethermind),
    "besu's words": Odd(odd.besu),
    "zksync's words": Odd(odd.zksync),
    "arbitrum's ways": Odd(odd.arbitrum),
}


def test_a_payment_through_one_odd_endpoint(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = time.monotonic()
    rows = asyncio.run(play(world, tmp_path))
    with capsys.disabled():
        print(f"\n[lab] odd endpoints: {len(rows)} payments in {time.monotonic() - before:.0f} s")
        for name in ROWS:
            ends = " · ".join(f"{kind} {rows[name, kind][0]}" for kind in KINDS)
            print(f"[lab]   {name:42} {ends}")
    wrong = [f"{row}, {kind}: {said}: {why}" for (row, kind), (said, why) in rows.items() if why]
    assert not wrong, "\n".join(wrong)


async def play(world: World, folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """By row and kind of payment: how it ended, and what is wrong with that."""
    transport = OddTransport([Upstream(node.url) for node in world.nodes])
    accounts = world.accounts(2 * len(ROWS))
    rows, gate = dict[tuple[str, str], tuple[str, str]](), asyncio.Semaphore(AT_ONCE)

    async def one(name: str, kind: str, number: int) -> None:
        registry, index = seen_by(world, two=ROWS[name].two), KINDS.index(kind)
        errand = Errand(folder / str(number), registry, accounts[number], index, new_address(), patience=5)
        async with gate:
            rows[name, kind] = await play_one(world, errand, ROWS[name])

    with quickened(0.05, transport):
        cells = [(name, kind) for name in ROWS for kind in KINDS]
        await asyncio.gather(*(one(name, kind, number) for number, (name, kind) in enumerate(cells)))
    await transport.hang_up()
    return rows


def seen_by(world: World, *, two: bool) -> Registry:
    """The chains behind the odd endpoint, each with an honest one after it if there are two."""
    registry = world.seen_through([url.replace("wire", "odd") for url in urls_of(len(world.chains))], 1)
    if not two:
        return registry
    both = {
        chain.short_name: replace(chain, rpcs=(*chain.rpcs, chain.rpcs[0].replace("odd", "honest")))
        for chain in registry
    }
    return Registry(both, is_devnet=True)


async def play_one(world: World, errand: Errand, row: Odd) -> tuple[str, str]:
    meeting = odd.meet(row.rule)
    record: Record | None = None
    failure: BaseException | None = None
    waited = ""
    try:
        record = await pay(errand)
    except NotFinal as error:
        failure = error
        if row.two:  # An end needs both witnesses: here the odd one is as others again.
            meeting.rule, waited = None, " once its second witness answered"
            record = await pay(replace(errand, patience=20))
    except L2sendError as error:
        failure = error
    except Exception as error:  # noqa: BLE001 - what is looked for
        return "traceback", repr(error)
    known = record or journaled(errand)
    verdict = judge(world, errand.account, errand.recipient, errand.index, known, meeting.sent)
    said = f"{record.state}{waited}" if record else f"{type(failure).__name__}: {str(failure).splitlines()[0][:90]}"
    if verdict.wrong:
        return said, "; ".join(verdict.wrong)
    if row.refused and (failure is None or not meeting.sent):
        # A row that strikes a step which this kind of payment does not have delivers it.
        return said, "" if record or isinstance(failure, row.refused) else f"expected {row.refused.__name__}"
    return said, "" if record and record.state is PaymentState.DELIVERED else "not delivered"
