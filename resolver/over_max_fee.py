"""Refuses ways whose fees exceed the sender's limits, and says what would be within them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from l2send.core.errors import Refused
from l2send.core.plan import Way
from l2send.core.units import Amount
from l2send.resolver.way_limits import Limits

_ROOM_PERCENT = 110
"""Margin above the smallest suggested amount: fees change."""


def exceeds_limits(way: Way, limits: Limits) -> bool:
    """Whether a way costs more than the sender allows. A fee without a price exceeds every limit in dollars."""
    if way.fee_percent > limits.max_fee_percent:
        return True
    return limits.max_fee_usd is not None and (way.cost_usd is None or way.cost_usd > limits.max_fee_usd)


def cost_in_words(way: Way) -> str:
    """A sentence on what it costs."""
    costs = "a fee without a price" if way.cost_usd is None else f"${way.cost_usd:.4f}"
    return f"its fee is {way.fee_percent:.1f} % of the amount, all fees together {costs}"


def fees_too_high(
    expensive: Sequence[Way], limits: Limits, rejected: Sequence[str], most: Amount | None = None
) -> Refused:
    """The refusal, with the least amount that would be within the limits, and the limit that would allow this one.

    `most`: what can be paid within the limits; None if unknown.
    """
    if limits.max_fee_usd is not None:
        costs = [way.cost_usd for way in expensive if way.cost_usd is not None]
        allow = f"--max-fee {math.ceil(min(costs) * 100) / 100:g}usd" if costs else "--max-fee 5%, which needs no price"
        first = f"every way costs more than ${limits.max_fee_usd:g}, or has a fee without a price."
        return Refused("\n".join([first, *rejected]), hint=f"Allow it: {allow}")
    allow = f"--max-fee {math.ceil(min(way.fee_percent for way in expensive))}%"
    least = least_sensible(expensive, limits)
    first = f"every way costs more than {limits.max_fee_percent:g} % of the amount."
    if least is None:
        return Refused("\n".join([first, *rejected]), hint=f"Send more at once, or allow it: {allow}")
    lines = [first, *sensible(least, most), *rejected]
    if most and least.units > most.units:
        return Refused("\n".join(lines), hint=f"That is more than you can pay: fund the account, or allow it: {allow}")
    return Refused("\n".join(lines), hint=f"Send {least} or more, or allow it: {allow}")


def sensible(least: Amount | None, most: Amount | None) -> list[str]:
    """A sentence for each known bound: the least that makes sense, and the most that can be paid."""
    lines = [f"The smallest amount that makes sense here is about {least}."] if least else []
    if most is None:
        return lines
    if not most.units:
        return [*lines, "Nothing that you hold can be paid there within the limit on fees."]
    return [*lines, f"The most that can be paid now is {most}."]


def least_sensible(ways: Sequence[Way], limits: Limits) -> Amount | None:
    """The smallest amount whose bridge fee is within the limit in percent; None if no way takes a fee."""
    charged = [way for way in ways if way.fee_percent > 0 and limits.max_fee_percent > 0]
    return min((_least(way, limits) for way in charged), default=None, key=_units)


def _units(amount: Amount) -> int:
    return amount.units


def _least(way: Way, limits: Limits) -> Amount:
    """The smallest amount for which a fee of this size is within the limit, rounded up to two digits.

    For small amounts, most of a bridge's fee is a flat sum that does not grow with the amount.
    """
    token = way.legs[0].delivers.token
    taken = max(sum(leg.pays.in_units_of(token) - leg.delivers.units for leg in way.legs), 1)
    units = math.ceil(taken * 100 / limits.max_fee_percent) * _ROOM_PERCENT // 100
    step = int(10 ** max(len(str(units)) - 2, 0))
    return Amount(-(-units // step) * step, token)
