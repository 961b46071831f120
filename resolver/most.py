"""The most that one source can deliver: all that it holds of a token, less what sending it costs.

Directly, a token is sent whole, and native coin less exactly its gas (see `Direct.everything`). Through a bridge the
amount that arrives has to be named, and its price asked: the fee of a smaller amount bounds that of a greater one from
above, since fees are a flat sum and a share. Each answer so leads to a greater amount whose price must fit, and a
handful of them to within a few millionths of the best.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from l2send.bridges.direct import Direct
from l2send.core.address import Address
from l2send.core.bridge import Bridge
from l2send.core.chains import Chain
from l2send.core.errors import CannotPay, L2sendError, NetworkError, Refused
from l2send.core.plan import ChainAddress, Payment, Plan, Quote
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount, Token
from l2send.resolver.balances import Snapshot
from l2send.resolver.limits import Limits
from l2send.resolver.planner import make_plan
from l2send.resolver.quotes import Source, allowed, ask, sources_of

_QUESTIONS = 5
_GOOD_ENOUGH = 100_000
"""A step that gains less than this part of the amount is not taken."""
_GAS_RESERVE_PERCENT = 125
"""Of native coin that pays its own gas: prices may rise until it is signed."""


async def make_most_plan(
    sender: Address,
    to: ChainAddress,
    token: Token,
    snapshot: Snapshot,
    bridges: Mapping[str, Bridge],
    rpcs: Rpcs,
    limits: Limits,
) -> Plan:
    """The greatest payment of `token`, from the chain that can make it. Raises CannotPay, NetworkError, Refused."""
    asked = Payment(sender, to, Amount(1, token))
    ways = [
        _most_by(bridge, asked, source, rpcs)
        for source in sources_of(asked, snapshot, rpcs, limits)
        for bridge in allowed(bridges, limits)
    ]
    answers = await asyncio.gather(*ways)
    problems = [answer for answer in answers if isinstance(answer, str)]
    quotes = [answer for answer in answers if isinstance(answer, Quote)]
    too_dear: Refused | None = None
    for best in sorted(quotes, key=lambda quote: (-quote.delivers.units, quote.order is not None)):
        others = [f"{_name(q)}: could deliver {q.delivers}" for q in quotes if q is not best]
        payment = replace(asked, amount=best.delivers)
        only = replace(limits, from_chains=(best.source.short_name,), via=best.bridge)
        try:
            plan = await make_plan(payment, snapshot, {best.bridge: _Answered(best)}, rpcs, only)
        except Refused as refused:
            too_dear = too_dear or refused
            continue
        return replace(plan, why=_why(best, snapshot), rejected=(*others, *problems))
    raise too_dear or _nothing(asked, snapshot, problems)


async def _most_by(bridge: Bridge, asked: Payment, source: Source, rpcs: Rpcs) -> Quote | str | None:
    """A bridge's greatest quote from one source; a reason if it fails; None where it does not serve that pair."""
    chain = source.holdings.chain
    if not isinstance(bridge, Direct):
        return await _through(bridge, asked, source, rpcs)
    if chain.chain_id != asked.to.chain_id:
        return None
    if not source.held.token.is_native:
        return await ask(bridge, replace(asked, amount=source.held), source, rpcs)
    try:
        return await bridge.everything(asked, chain, source.native, rpcs)
    except L2sendError as error:
        return f"{chain.short_name} by {bridge.name}: {error.message}"


async def _through(bridge: Bridge, asked: Payment, source: Source, rpcs: Rpcs) -> Quote | str | None:
    """Ask for half of what is held, then for as much as the last answer proves to be affordable."""
    best: Quote | None = None
    units = _in_units_of(source.held.units // 2, source.held.token, asked.amount.token)
    for _ in range(_QUESTIONS):
        if units <= 0:
            break
        answer = await ask(bridge, replace(asked, amount=Amount(units, asked.amount.token)), source, rpcs)
        if not isinstance(answer, Quote):
            return answer if best is None else _with_note(best, source)
        if answer.pays.units > source.held.units:
            break
        best = answer
        more = _affordable(answer, _usable(answer, source))
        if more - units <= units // _GOOD_ENOUGH:
            break
        units = more
    return None if best is None else _with_note(best, source)


def _usable(quote: Quote, source: Source) -> int:
    """What of the held units can go to the bridge: of native coin, what neither gas nor a refund would need."""
    if not source.held.token.is_native:
        return source.held.units
    if quote.needs is None:
        return quote.pays.units
    gas = quote.needs - quote.pays.units + quote.refund_gas
    return source.held.units - gas * _GAS_RESERVE_PERCENT // 100


def _affordable(quote: Quote, usable: int) -> int:
    """Units that arrive for at most `usable` units, by a fee that grows no faster than the amount."""
    arrives = quote.delivers.in_units_of(quote.pays.token)
    fee = quote.pays.units - arrives
    return _in_units_of(usable - -(-fee * usable // arrives), quote.pays.token, quote.delivers.token)


def _in_units_of(units: int, token: Token, other: Token) -> int:
    """The same value in base units of the same asset elsewhere, rounded down."""
    shift = other.decimals - token.decimals
    return units * int(10**shift) if shift >= 0 else units // int(10**-shift)


def _with_note(quote: Quote, source: Source) -> Quote:
    left = Amount(source.held.units - quote.pays.units, source.held.token)
    note = f"{left} stays on {quote.source.name}"
    if left.token.is_native:
        note += ", of which the network fee is paid"
        note += ", and a refund if nobody fills it" if quote.refund_gas else ""
    return replace(quote, notes=(*quote.notes, note)) if left.units else quote


def _name(quote: Quote) -> str:
    return f"{quote.source.short_name} by {quote.bridge}"


def _why(quote: Quote, snapshot: Snapshot) -> str:
    unknown = [holdings.chain.short_name for holdings in snapshot.unknown]
    silent = f"; not known, since they did not answer: {', '.join(unknown)}" if unknown else ""
    return f"the most that one chain can deliver, {quote.source.name}{silent}"


def _nothing(asked: Payment, snapshot: Snapshot, problems: list[str]) -> L2sendError:
    unknown = [holdings.chain.short_name for holdings in snapshot.unknown]
    lines = [f"no chain that answered can deliver any {asked.amount.token.symbol}.", *problems]
    if unknown:
        lines.append(f"Not known, since they did not answer: {', '.join(unknown)}.")
        return NetworkError("\n".join(lines), hint="Try again when all chains answer.")
    return CannotPay("\n".join(lines), hint="`l2send balances` shows what is held where.")


class _Answered(Direct):
    """A bridge whose quote is known."""

    def __init__(self, quote: Quote) -> None:
        self.name = quote.bridge
        self._quote = quote

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote:
        """The one it has."""
        return self._quote
