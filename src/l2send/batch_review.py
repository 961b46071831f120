"""A batch ready to be shown and approved: every line planned, decoded, and compared with the file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from l2send.batch_shared_tx import Shared
from l2send.core.address import Address
from l2send.core.chains import Chain
from l2send.core.errors import L2sendError, Refused
from l2send.core.plan import Plan
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount, Token
from l2send.guard import checked_legs
from l2send.resolver.balances import Snapshot, confirm
from l2send.resolver.batch_lines import BadLine, BatchLine
from l2send.resolver.batch_plan import LineWay, Move, Planned, PlannedLine, Wanted
from l2send.resolver.many_recipients import Found
from l2send.resolver.recipient import Findings
from l2send.review import review_plan
from l2send.wallet.journal.records import Record

_AT_ONCE = 8
_BY_ITSELF = "Compare it, then pay it by itself with `l2send send`, or keep the account as a contact."


@dataclass(frozen=True, slots=True)
class BatchReview:
    """How a whole batch is paid. Each line of the file appears exactly once."""

    name: str
    """The batch's name, used to resume it. A line's idempotency key is `name/ref`."""
    sender: Address
    lines: tuple[PlannedLine, ...]
    """Lines that are not in the journal yet, in file order; some may be unfunded or refused."""
    moves: tuple[Move, ...]
    left: tuple[tuple[Chain, Amount], ...]
    """The remaining balance of each token on each chain, with fees at their maximum."""
    held: Snapshot
    first_time: tuple[BatchLine, ...]
    """Lines to accounts that no payment of this journal has reached."""
    known: tuple[tuple[BatchLine, Record], ...] = ()
    """Lines that the journal has already: they are not begun again."""
    bad: tuple[BadLine, ...] = ()
    """Lines that are invalid, or differ from what was recorded for them."""
    twice: tuple[tuple[BatchLine, ...], ...] = ()
    """Groups of lines with the same amount to the same account."""
    not_pinned: tuple[str, ...] = ()
    """Bridge contracts whose code is not pinned, only their address."""
    shared: tuple[Shared, ...] = ()
    """Transactions that pay several lines each. Their costs are in the plans of their lines."""
    moves_before: int = 0
    """How many moves the batch had before. Another run may add some before this one begins."""
    shared_before: int = 0
    """How many shared transactions the batch had before."""
    left_alone: tuple[Record, ...] = ()
    """Lines that are recorded and unsigned, and differ in the file now: this run pays none of them."""

    @property
    def payable(self) -> tuple[PlannedLine, ...]:
        """The lines that begin once this is approved."""
        return tuple(line for line in self.lines if line.plan is not None)

    @property
    def stopped(self) -> tuple[PlannedLine, ...]:
        """The lines that are unfunded or refused."""
        return tuple(line for line in self.lines if line.plan is None)

    @property
    def plans(self) -> tuple[Plan, ...]:
        """All payments that begin: moves first."""
        return (*(move.plan for move in self.moves), *(line.plan for line in self.lines if line.plan))

    @property
    def cost_usd(self) -> float | None:
        """All fees in dollars; None if one has no price."""
        costs = [plan.way.cost_usd for plan in self.plans]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    @property
    def signatures(self) -> int:
        """The number of transactions and messages to sign."""
        return sum(plan.way.signatures for plan in self.plans) + len(self.shared)


def judged_recipients(lines: Sequence[Wanted], found: Sequence[Found]) -> tuple[list[Wanted], list[PlannedLine]]:
    """The lines whose recipients may be paid, and those that a person must check one by one.

    A single payment asks about such a recipient; among a thousand lines no one would read the question.
    """
    fine, refused = list[Wanted](), list[PlannedLine]()
    for one, finding in zip(lines, found, strict=True):
        error = finding if isinstance(finding, L2sendError) else _why_not_here(finding)
        if error:
            refused.append(PlannedLine(one, LineWay.REFUSED, error=error))
        else:
            assert isinstance(finding, Findings)
            fine.append(replace(one, findings=finding))
    return fine, refused


def _why_not_here(findings: Findings) -> Refused | None:
    reasons = [*findings.confirm, *([findings.type_out] if findings.type_out else [])]
    return Refused(reasons[0], hint=_BY_ITSELF) if reasons else None


async def checked(planned: Planned, rpcs: Rpcs) -> tuple[Planned, tuple[str, ...]]:
    """The plans, decoded and compared with their lines, and the contracts whose code is not pinned.

    Raises Refused, NetworkError: then nothing of the batch is begun.
    """
    turn, not_pinned = asyncio.Semaphore(_AT_ONCE), dict[str, None]()

    async def bridged(plan: Plan, findings: Findings) -> Plan:
        async with turn:
            review = await review_plan(plan, findings, rpcs)
        not_pinned.update(dict.fromkeys(review.not_pinned))
        return review.plan

    async def one(line: PlannedLine) -> PlannedLine:
        if line.plan is None:
            return line
        if line.way is LineWay.BRIDGED:
            try:
                return replace(line, plan=await bridged(line.plan, line.wanted.findings))
            except Refused as error:
                return replace(line, way=LineWay.REFUSED, plan=None, error=error)
        checked_legs(line.plan, rpcs.registry)
        return line

    moves = await asyncio.gather(*(bridged(move.plan, Findings()) for move in planned.moves))
    lines = await asyncio.gather(*map(one, planned.lines))
    await _all_endpoints_see(lines, rpcs)
    moved = tuple(replace(move, plan=plan) for move, plan in zip(planned.moves, moves, strict=True))
    return replace(planned, lines=tuple(lines), moves=moved), tuple(not_pinned)


async def _all_endpoints_see(lines: Iterable[PlannedLine], rpcs: Rpcs) -> None:
    """Check that every endpoint sees the sum of what direct transfers take from each chain. Raises NetworkError."""
    sums, sender = dict[Token, int](), None
    for line in lines:
        if line.way is LineWay.DIRECT and line.plan:
            pays, sender = line.plan.quote.pays, line.wanted.payment.sender
            sums[pays.token] = sums.get(pays.token, 0) + pays.units
    if sender is not None:
        await asyncio.gather(
            *(confirm(sender, Amount(units, token), rpcs.on(token.chain_id)) for token, units in sums.items())
        )
