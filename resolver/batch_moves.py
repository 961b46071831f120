"""Plans lines whose money is on other chains: each bridged separately, or one move to the sender's own account.

A bridged payment to the own account costs one bridge fee and one order, and transfers from there are cheap. Both ways
are priced and the cheaper one is chosen; the review shows both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from l2send.bridges.direct import Direct
from l2send.bridges.direct_many import quote_transfers_later
from l2send.core.errors import CannotPay, L2sendError, NetworkError
from l2send.core.plan import ChainAddress, Payment, Plan, Quote
from l2send.core.units import Amount
from l2send.resolver.batch_funds import Ledger, spent_by
from l2send.resolver.batch_plan import LineWay, Move, Planning, Wanted, may_pay_directly, unfunded
from l2send.resolver.planner import make_plan
from l2send.resolver.quotes import priced

_ASKED_EACH = 5
"""How many lines are quoted separately for comparison; further lines are assumed to cost as much."""


async def bring_money(lines: Sequence[Wanted], planning: Planning) -> None:
    """Settle lines of one token on one chain that the money there does not pay. Raises NetworkError."""
    if planning.limits.via == Direct.name:
        return _leave_unfunded(
            lines, unfunded(lines[0], "only transfers are allowed, and it is not on that chain."), planning
        )
    move = await _movable(lines, planning)
    if move is None:
        return await bridge_each(lines, planning)
    each = await _cost_of_each(lines[: move.count], planning)
    if each is not None and (move.cost_usd is None or each <= move.cost_usd):
        return await bridge_each(lines, planning)
    planning.moves.append(Move(move.plan, move.count, move.cost_usd, each))
    _take(move.plan, planning.ledger)
    # What arrives can be spent again; what was there before was counted already.
    planning.ledger.take({move.plan.payment.amount.token: -move.plan.payment.amount.units})
    for one, quote in zip(lines, move.quotes, strict=False):
        planning.decide_transfer(one, LineWay.MOVED, quote, "its money is moved there first")
    if rest := lines[move.count :]:
        _leave_unfunded(
            rest, unfunded(rest[0], "all that other chains can bring is spent on the lines before."), planning
        )
    return None


@dataclass(frozen=True, slots=True)
class _Movable:
    """The move that pays the first `count` lines."""

    plan: Plan
    count: int
    quotes: tuple[Quote, ...]
    cost_usd: float | None


async def _movable(lines: Sequence[Wanted], planning: Planning) -> _Movable | None:
    """The move that pays as many lines as possible, from the first on; None if it pays fewer than two, or the coin for
    the transfers is missing.
    """
    chain = planning.rpcs.registry.chain(lines[0].payment.to.chain_id)
    if len(lines) < 2 or not may_pay_directly(chain, planning.limits):
        return None
    market, payments = planning.markets[chain.chain_id], [one.payment for one in lines]
    later = await quote_transfers_later(payments, market, planning.rpcs.on(chain.chain_id))
    quotes = [priced(quote, planning.ledger.snapshot.on(chain)) for quote in later]
    found = await _move_for(lines, quotes, planning)
    low, high = 2, len(lines) - 1
    while found is None and low <= high:  # Bisects for the most lines that can be paid.
        middle = (low + high + 1) // 2
        attempt = await _move_for(lines[:middle], quotes[:middle], planning)
        if attempt is None:
            high = middle - 1
        elif middle == high:
            found = attempt
        else:
            low = middle
    return found


async def _move_for(lines: Sequence[Wanted], quotes: Sequence[Quote], planning: Planning) -> _Movable | None:
    token, market = lines[0].payment.amount.token, planning.markets[lines[0].payment.to.chain_id]
    spent = dict.fromkeys((token, market.chain.native), 0)
    for quote in quotes:
        for what, units in spent_by(quote).items():
            spent[what] += units
    coin = market.chain.native
    if token != coin and planning.ledger.has(coin) < spent[coin]:
        return None
    sender = lines[0].payment.sender
    amount = Amount(max(1, spent[token] - planning.ledger.has(token)), token)
    payment = Payment(sender, ChainAddress(market.chain.chain_id, sender), amount)
    snapshot = planning.ledger.after(without=token)
    try:
        plan = await make_plan(payment, snapshot, planning.bridges, planning.rpcs, planning.limits)
    except NetworkError:
        raise
    except L2sendError:
        return None
    costs = [plan.way.cost_usd, *(quote.cost_usd for quote in quotes)]
    known = [cost for cost in costs if cost is not None]
    return _Movable(plan, len(lines), tuple(quotes), sum(known) if len(known) == len(costs) else None)


async def _cost_of_each(lines: Sequence[Wanted], planning: Planning) -> float | None:
    """The cost of bridging each line, in dollars; None if impossible, or if a fee has no price."""
    asked, ledger = lines[:_ASKED_EACH], planning.ledger.copy()
    costs = list[float]()
    for one in asked:
        plan = await _bridged(one, ledger, planning)
        if isinstance(plan, L2sendError) or plan.way.cost_usd is None:
            return None
        costs.append(plan.way.cost_usd)
    return sum(costs) * len(lines) / len(asked)


async def bridge_each(lines: Sequence[Wanted], planning: Planning) -> None:
    """Bridge one line after another from the remaining money. The first line without money ends it."""
    for place, one in enumerate(lines):
        plan = await _bridged(one, planning.ledger, planning)
        if isinstance(plan, CannotPay):
            return _leave_unfunded(lines[place:], plan, planning)
        if isinstance(plan, L2sendError):
            planning.decide(one, LineWay.REFUSED, error=plan)
        else:
            planning.decide(one, LineWay.BRIDGED, plan)
    return None


async def _bridged(one: Wanted, ledger: Ledger, planning: Planning) -> Plan | L2sendError:
    """The plan of one line, taken from `ledger`, or why there is none. Raises NetworkError."""
    try:
        plan = await make_plan(one.payment, ledger.after(), planning.bridges, planning.rpcs, planning.limits)
    except NetworkError:
        raise
    except L2sendError as error:
        return error
    _take(plan, ledger)
    return plan


def _take(plan: Plan, ledger: Ledger) -> None:
    for leg in plan.legs:
        ledger.take(spent_by(leg))


def _leave_unfunded(lines: Sequence[Wanted], why: CannotPay, planning: Planning) -> None:
    for one in lines:
        planning.decide(one, LineWay.UNFUNDED, error=why)
