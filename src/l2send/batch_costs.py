"""Limits what a batch costs: `--max-fee` per line, `--max-fee-total` for the batch, over all its runs.

A run also counts the payments of earlier runs: ended ones by their receipts, open ones by their caps. Refunds have
their own cap: see fee_caps.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from l2send.batch_review import BatchReview
from l2send.core.bridge_protocol import OrderState
from l2send.core.chains import Chain, Registry
from l2send.core.errors import Refused
from l2send.core.plan import Plan
from l2send.core.rpc import Rpcs
from l2send.core.units import ChainId
from l2send.fee_caps import capped, cost_by, fee_usd, highest_prices, is_network_fee, payment_cap
from l2send.resolver.balances import Snapshot
from l2send.resolver.batch_plan import LineWay, Planned, PlannedLine
from l2send.resolver.way_limits import Limits
from l2send.wallet.fees_paid import part_of
from l2send.wallet.journal.records import PaymentRecord, Record, TxRecord
from l2send.wallet.journal.states import ENDED_IN_BLOCK
from l2send.wallet.keys.signed import limits_of

T = TypeVar("T")


async def refuse_expensive_lines(planned: Planned, each_usd: float | None, held: Snapshot, rpcs: Rpcs) -> Planned:
    """`planned`, with lines refused that cost more than the limit per line at the highest known price.

    Raises NetworkError.
    """
    plans = [line.plan for line in planned.lines if line.plan]
    if each_usd is None or not plans:
        return planned
    prices = await highest_prices((leg.source for plan in plans for leg in plan.legs), held, rpcs)

    def judged(line: PlannedLine) -> PlannedLine:
        cost = cost_by(line.plan.way, prices) if line.plan else 0.0
        if cost <= each_usd:
            return line
        error = Refused(f"it costs ${cost:.4f} by the highest known price, more than ${each_usd:g}.")
        return replace(line, way=LineWay.REFUSED, plan=None, error=error)

    return replace(planned, lines=tuple(map(judged, planned.lines)))


async def together_within(
    apart: Planned, together: tuple[Planned, tuple[T, ...]], limits: Limits, rpcs: Rpcs, *, is_asked: bool
) -> tuple[Planned, tuple[T, ...]]:
    """`together`, the plan with its shared transactions; or `apart`, if a line costs more than its limit only there.

    `is_asked`: the lines cannot, or shall not, be paid apart: raises Refused instead. Raises NetworkError.
    """
    planned, shared = together
    if not shared:
        return together
    judged = await refuse_expensive_lines(planned, limits.max_fee_usd, planned.ledger.snapshot, rpcs)
    expensive = [line for line, before in zip(judged.lines, planned.lines, strict=True) if line is not before]
    if not expensive:
        return together
    if is_asked and (error := expensive[0].error):
        raise Refused(
            f"line {expensive[0].wanted.line.row.line}, in one transaction with others: {error.message}",
            hint=f"Nothing was signed. Raise --max-fee{', or leave --batch out' if limits.batch else ''}.",
        )
    return apart, ()


async def within(
    review: BatchReview, begun: Iterable[Record], each_usd: float | None, total_usd: float | None, rpcs: Rpcs
) -> BatchReview:
    """`review` with a cap on all its network fees, if the sender set a limit in dollars: per line, for the batch, or
    both. `begun`: the batch's payments in the journal.

    Raises Refused if the total is higher or a price is missing; NetworkError.
    """
    if (each_usd is None and total_usd is None) or not review.plans:
        return review
    legs = [leg for record in begun for leg in record.legs]
    sources = [leg.source for plan in review.plans for leg in plan.legs]
    prices = await highest_prices([*sources, *_known_sources(legs, rpcs.registry)], review.held, rpcs)
    before = 0.0 if total_usd is None else sum(_committed(leg, rpcs.registry, prices) for leg in legs)
    cost = sum(cost_by(plan.way, prices) for plan in review.plans)
    if total_usd is not None and before + cost > total_usd:
        raise _fees_too_high(review.name, cost, before, total_usd)
    spare = math.inf if total_usd is None else (total_usd - before - cost) / len(review.plans)

    def limited(plan: Plan) -> Plan:
        """`plan` with a cap: the fees shown, plus its share of what remains of the limits."""
        costs = cost_by(plan.way, prices)
        if math.isinf(costs):
            return plan
        most = min(costs + spare, math.inf if each_usd is None else each_usd)
        return replace(plan, way=capped(plan.way, costs, max(costs, most), prices))

    lines = tuple(replace(line, plan=limited(line.plan)) if line.plan else line for line in review.lines)
    return replace(review, lines=lines, moves=tuple(replace(move, plan=limited(move.plan)) for move in review.moves))


def _fees_too_high(name: str, cost: float, before: float, total: float) -> Refused:
    shown = f"${cost:.4f}" if math.isfinite(cost) else "a fee without a price"
    if not before:
        hint = "Nothing was signed. Raise it, split the file, or try again when fees are lower."
        return Refused(f"the batch costs {shown}, more than the ${total:g} of --max-fee-total.", hint=hint)
    spent = f"${before:.4f}" if math.isfinite(before) else "a fee without a price"
    return Refused(
        f"the new lines cost {shown}, and what was begun of the batch before up to {spent}: together more than the "
        f"${total:g} of --max-fee-total.",
        hint=f"Nothing was signed. What is open counts with its cap: end it first, l2send batch resume {name}, or "
        "raise the limit.",
    )


def _known_sources(legs: Iterable[PaymentRecord], registry: Registry) -> list[Chain]:
    ids = {leg.terms.source for leg in legs}
    return [chain for chain in registry if chain.chain_id in ids]


def _committed(leg: PaymentRecord, registry: Registry, prices: Mapping[ChainId, float]) -> float:
    """The most that a recorded payment costs, in dollars; infinite if a price is missing."""
    price, coin = prices.get(leg.terms.source, math.inf), registry.shown(leg.terms.source).native
    kept = [fee for fee in leg.terms.fees if not is_network_fee(fee)]
    if leg.meaning.open:
        network = int(payment_cap(leg))
    else:
        network = part_of(sum(_fee_of(tx) for tx in leg.transactions if tx.state in ENDED_IN_BLOCK), leg)
        kept = kept if leg.order and leg.order.state is OrderState.FILLED else []
    rest = sum(fee_usd(fee, price) for fee in kept)
    return rest + (network / 10.0**coin.decimals * price if network else 0.0)


def _fee_of(tx: TxRecord) -> int:
    """The fee in wei by the receipt; without one, the most that the signed bytes allow."""
    if tx.fee is not None:
        return tx.fee.total
    gas, price = limits_of(tx.raw)
    return gas * price
