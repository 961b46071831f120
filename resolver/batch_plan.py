"""The plan of a batch: how each line is paid, from one ledger of funds, in file order.

    direct    the money is on the destination
    moved     the same, once a payment to the sender's own account there has brought it: see batch_moves.py
    bridged   the line is bridged by itself
    unfunded  the money does not reach for it; of one token on one chain, nor for the lines after it
    refused   it would fail, or cost more than the sender allows

Before a line is signed, its values are requested again. batch_planner.py makes the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique

from l2send.bridges.direct import Direct
from l2send.bridges.direct_many import Market
from l2send.core.bridge_protocol import Bridge
from l2send.core.chains import Chain
from l2send.core.errors import CannotPay, L2sendError
from l2send.core.plan import Payment, Plan, Quote, Way
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount, ChainId, Token
from l2send.resolver.batch_funds import Ledger, spent_by
from l2send.resolver.batch_lines import BatchLine
from l2send.resolver.over_max_fee import cost_in_words, exceeds_limits, fees_too_high
from l2send.resolver.quotes import priced
from l2send.resolver.recipient import Findings
from l2send.resolver.way_limits import Limits


@unique
class LineWay(StrEnum):
    """How a line of a batch is paid, or why it is not."""

    DIRECT = "direct"
    MOVED = "moved"
    BRIDGED = "bridged"
    UNFUNDED = "unfunded"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line to pay, and the findings about its recipient."""

    line: BatchLine
    payment: Payment
    findings: Findings


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """How one line is paid; if it is not, `plan` is None and `error` says why."""

    wanted: Wanted
    way: LineWay
    plan: Plan | None = None
    error: L2sendError | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """One payment to the sender's own account, in place of a bridged payment for each line."""

    plan: Plan
    lines: int
    """How many lines its money pays."""
    cost_usd: float | None
    """The cost of the move and the transfers after it; None if a fee has no price."""
    instead_usd: float | None
    """The cost of bridging each line. Some of these prices were requested, the others are assumed equal."""


@dataclass(frozen=True, slots=True)
class Planned:
    """How every line is paid, in file order, and the remaining money."""

    lines: tuple[PlannedLine, ...]
    moves: tuple[Move, ...]
    ledger: Ledger

    @property
    def moves_too_much(self) -> bool:
        """Whether money is moved for lines that were refused later."""
        paid = sum(line.way is LineWay.MOVED and line.plan is not None for line in self.lines)
        return paid < sum(move.lines for move in self.moves)


@dataclass
class Planning:
    """A plan in progress."""

    bridges: Mapping[str, Bridge]
    rpcs: Rpcs
    limits: Limits
    ledger: Ledger
    gas_elsewhere: bool = False
    """Whether an account other than the sender pays for gas."""
    lines: dict[int, PlannedLine] = field(default_factory=dict[int, PlannedLine])
    """By line number in the file."""
    moves: list[Move] = field(default_factory=list[Move])
    markets: dict[ChainId, Market] = field(default_factory=dict[ChainId, Market])

    def decide(self, wanted: Wanted, way: LineWay, plan: Plan | None = None, error: L2sendError | None = None) -> None:
        """Record how a line is paid."""
        self.lines[wanted.line.row.line] = PlannedLine(wanted, way, plan, error)

    def decide_transfer(self, wanted: Wanted, way: LineWay, quote: Quote, why: str) -> None:
        """Pay a line by a transfer taken from the ledger, unless that costs more than the sender allows."""
        quote = priced(quote, self.ledger.snapshot.on(quote.source))
        only = Way((quote,))
        if exceeds_limits(only, self.limits):
            return self.decide(wanted, LineWay.REFUSED, error=fees_too_high([only], self.limits, [cost_in_words(only)]))
        self.ledger.take(spent_by(quote))
        return self.decide(wanted, way, Plan(wanted.payment, only, why))


def may_pay_directly(chain: Chain, limits: Limits) -> bool:
    """Whether the sender allows transfers from that chain."""
    return limits.via in {"", Direct.name} and (not limits.from_chains or chain.short_name in limits.from_chains)


def missing(planned: Iterable[PlannedLine]) -> list[tuple[Amount, int]]:
    """The sums of unfunded lines, by token and chain, with the number of lines."""
    found = dict[Token, tuple[int, int]]()
    for line in planned:
        if line.way is LineWay.UNFUNDED:
            amount = line.wanted.payment.amount
            units, count = found.get(amount.token, (0, 0))
            found[amount.token] = units + amount.units, count + 1
    return [(Amount(units, token), count) for token, (units, count) in found.items()]


def unfunded(one: Wanted, why: str) -> CannotPay:
    """The error for a line that the money does not cover."""
    return CannotPay(f"the money does not reach for {one.payment.amount}: {why}")
