"""The caps that a person approved for a line that workers pay later, kept in the journal as JSON.

A worker plans the line again before it pays, and does not sign a plan that exceeds these caps.

| cap | where it comes from |
|---|---|
| fees of one line, in dollars | `--max-fee` in dollars, else ten times the most expensive line of the review |
| its part of all fees, in dollars | `--max-fee-total`, else ten times what the review came to |
| network fees of one line, in wei | ten times the most expensive line: where no price in dollars is known |
| percent that bridges take, chains, bridge | the options of the command |
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from l2send.batch_review import BatchReview
from l2send.core.errors import ConfigError, Refused
from l2send.core.plan import Plan
from l2send.fee_caps import FEES_MAY_GROW, SMALL_FEE, network_fees
from l2send.resolver.way_limits import Limits, Speed

_LEAST_USD = 0.01
"""The minimum of a cap in dollars: on chains cheaper than that, fees double within a minute."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The caps of each line of one approval."""

    percent: float | None
    """The most that bridges may take of the amount; None if `--max-fee` is in dollars."""
    line_usd: float | None
    """The most that all fees of one line may cost; None if no price was known."""
    share_usd: float | None
    """The line's share of what all lines of the approval may cost together."""
    line_wei: int
    """The most that one line's network fees may cost, in the chain's coin; used if `line_usd` is None."""
    from_chains: tuple[str, ...]
    via: str
    speed: Speed

    @property
    def limits(self) -> Limits:
        """The limits for the planner."""
        percent = math.inf if self.percent is None else self.percent
        return Limits(percent, self.line_usd, self.from_chains, self.via, self.speed)

    def for_all(self, lines: int) -> float | None:
        """The most that so many lines may cost together, including moves of money for them."""
        return None if self.share_usd is None else self.share_usd * lines

    def check(self, plan: Plan) -> None:
        """Raises Refused if no price is known and a plan's network fees exceed the cap in coin."""
        wei = sum(network_fees(leg.fees) for leg in plan.legs)
        if self.line_usd is None and wei > self.line_wei:
            raise Refused(f"its network fees come to {wei} wei, and {self.line_wei} were approved.")

    def __str__(self) -> str:
        """For display: what each line may cost."""
        if self.line_usd is None:
            return f"network fees of up to {self.line_wei / 10**18:.6f} coins for each line"
        return f"up to ${self.line_usd:.2f} in fees for each line"


def caps_of(review: BatchReview, limits: Limits, max_total_usd: float | None) -> Caps:
    """The caps that a yes to `review`, planned with these limits, approves."""
    plans = [line.plan for line in review.payable if line.plan]
    costs = [plan.way.cost_usd for plan in plans]
    highest = max((cost for cost in costs if cost is not None), default=0.0)
    moved = sum(move.plan.way.cost_usd or 0.0 for move in review.moves) / max(1, len(plans))
    grown = max(_LEAST_USD, FEES_MAY_GROW * (highest + moved)) if None not in costs else None
    line = limits.max_fee_usd if limits.max_fee_usd is not None else grown
    total = max_total_usd
    if total is None and review.cost_usd is not None:
        total = max(_LEAST_USD * len(plans), FEES_MAY_GROW * review.cost_usd)
    wei = max((sum(network_fees(leg.fees) for leg in plan.legs) for plan in plans), default=0)
    return Caps(
        None if math.isinf(limits.max_fee_percent) else limits.max_fee_percent,
        line,
        None if total is None else total / max(1, len(plans)),
        FEES_MAY_GROW * wei or SMALL_FEE,
        limits.from_chains,
        limits.via,
        limits.speed,
    )


def caps_text(caps: Caps) -> str:
    """The journal's form: one line of JSON."""
    fields = {
        "percent": caps.percent,
        "line_usd": caps.line_usd,
        "share_usd": caps.share_usd,
        "line_wei": str(caps.line_wei),
        "from_chains": list(caps.from_chains),
        "via": caps.via,
        "speed": caps.speed.value,
    }
    return json.dumps(fields, allow_nan=False, sort_keys=True)


def read_caps(text: str) -> Caps:
    """The caps that `caps_text` wrote. Raises ConfigError."""
    try:
        fields = json.loads(text)
        return Caps(
            fields["percent"],
            fields["line_usd"],
            fields["share_usd"],
            int(fields["line_wei"]),
            tuple(fields["from_chains"]),
            fields["via"],
            Speed(fields["speed"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            "the caps of an approved line are not readable: another program changed them.",
            hint="Nothing is paid for it. Take the batch back with `l2send batch withdraw NAME`, and approve it again.",
        ) from error
