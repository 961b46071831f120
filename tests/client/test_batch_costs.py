"""The cost limits of a batch, with plain numbers; with a journal and money: test_batches.py."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from l2send.batch_costs import refuse_expensive_lines, together_within, within
from l2send.batch_review import BatchReview
from l2send.batch_shared_tx import Shared
from l2send.core.chains import Registry
from l2send.core.errors import Refused
from l2send.core.http import Http
from l2send.core.plan import Plan
from l2send.core.rpc import Rpcs
from l2send.resolver.balances import Holdings, Snapshot
from l2send.resolver.batch_funds import Ledger
from l2send.resolver.batch_lines import BatchLine
from l2send.resolver.batch_plan import LineWay, Move, Planned, PlannedLine, Wanted
from l2send.resolver.recipient import Findings
from l2send.resolver.way_limits import Limits
from tests.bridges.registry import ORIGIN, SENDER, TARGET
from tests.client.test_max_fee import ETHER, PAYMENT, way

RPCS = Rpcs(Registry({chain.short_name: chain for chain in (ORIGIN, TARGET)}), cast("Http", None))
HELD = Snapshot(SENDER, (Holdings(ORIGIN, native_usd=4000.0), Holdings(TARGET, native_usd=4000.0)))


def line(gas: int, kind: LineWay = LineWay.DIRECT) -> PlannedLine:
    """Costs `gas` wei."""
    wanted = Wanted(cast("BatchLine", None), PAYMENT, Findings())
    return PlannedLine(wanted, kind, Plan(PAYMENT, way(ORIGIN, gas), "why"))


def review(*lines: PlannedLine, moves: tuple[Move, ...] = ()) -> BatchReview:
    return BatchReview(name="november", sender=SENDER, lines=lines, moves=moves, left=(), held=HELD, first_time=())


def limited(asked: BatchReview, each: float | None, total: float | None) -> BatchReview:
    return asyncio.run(within(asked, (), each, total, RPCS))


def test_a_limit_of_nothing_is_a_limit() -> None:
    (paid,) = limited(review(line(0)), 0.0, None).lines
    assert paid.plan
    assert paid.plan.quote.fee_cap == 0
    free, dear = asyncio.run(refuse_expensive_lines(planned(line(0), line(1)), 0.0, HELD, RPCS)).lines
    assert (free.plan is None, dear.way, dear.plan) == (False, LineWay.REFUSED, None)
    assert limited(review(line(0)), None, 0.0).lines[0].plan
    with pytest.raises(Refused, match="--max-fee-total"):
        limited(review(line(1)), None, 0.0)


def test_what_the_limit_leaves_is_shared() -> None:
    found = limited(review(line(ETHER // 4000), line(ETHER // 4000)), None, 4.0)
    caps = [one.plan.quote.fee_cap for one in found.lines if one.plan]
    assert all(cap is not None and abs(cap - ETHER // 2000) < ETHER // 10**9 for cap in caps), "a dollar more for each"


def test_a_fee_without_a_price_is_above_every_limit_in_dollars() -> None:
    unpriced = replace(review(line(1)), held=Snapshot(SENDER, (Holdings(ORIGIN), Holdings(TARGET))))
    with pytest.raises(Refused, match="a fee without a price"):
        limited(unpriced, None, 1000.0)


def test_nothing_new_is_within_every_limit() -> None:
    empty = review()
    assert limited(empty, 0.0, 0.0) is empty


def test_a_line_is_not_put_together_where_that_costs_it_more_than_its_limit() -> None:
    """An authorization is paid by few lines: each line's share exceeds what it costs alone."""
    dollar, limits = ETHER // 4000, Limits(max_fee_usd=2.0)
    row = cast("BatchLine", SimpleNamespace(row=SimpleNamespace(line=7)))
    alone, shared = (replace(one, wanted=replace(one.wanted, line=row)) for one in (line(dollar), line(3 * dollar)))
    apart, together = planned(alone), (planned(shared), (cast("Shared", "one transaction"),))

    def chosen(limits: Limits, *, is_asked: bool = False) -> object:
        return asyncio.run(together_within(apart, together, limits, RPCS, is_asked=is_asked))

    assert chosen(limits) == (apart, ())
    assert chosen(Limits()) == chosen(replace(limits, max_fee_usd=3.1)) == together
    with pytest.raises(Refused, match=r"line 7, in one transaction with others: it costs \$3\.0000 .* than \$2"):
        chosen(limits, is_asked=True)


def planned(*lines: PlannedLine, moves: tuple[Move, ...] = ()) -> Planned:
    return Planned(lines, moves, Ledger(HELD))


def test_money_is_moved_for_lines_that_are_paid() -> None:
    moved = line(1, LineWay.MOVED)
    move = Move(Plan(PAYMENT, way(ORIGIN, 1), "why"), 2, None, None)
    assert not planned(moved, moved, line(1), moves=(move,)).moves_too_much
    refused = replace(moved, way=LineWay.REFUSED, plan=None)
    assert planned(moved, refused, line(1), moves=(move,)).moves_too_much
