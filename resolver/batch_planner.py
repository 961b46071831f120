"""Plans every line of a batch from one ledger of funds, in file order: transfers first, then lines whose money must
come from other chains. Every transfer is simulated, fifty per request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from l2send.bridges.direct_many import market_of, quote_transfers
from l2send.core.bridge_protocol import Bridge
from l2send.core.chains import Chain
from l2send.core.errors import NetworkError, Refused
from l2send.core.plan import Quote
from l2send.core.rpc import Rpcs
from l2send.core.units import ChainId, Token
from l2send.resolver.balances import Snapshot
from l2send.resolver.batch_funds import Ledger, spent_by
from l2send.resolver.batch_moves import bridge_each, bring_money
from l2send.resolver.batch_plan import LineWay, Planned, Planning, Wanted, may_pay_directly
from l2send.resolver.way_limits import Limits


async def plan_lines(
    wanted: Sequence[Wanted],
    ledger: Ledger,
    bridges: Mapping[str, Bridge],
    rpcs: Rpcs,
    limits: Limits,
    *,
    gas_elsewhere: bool = False,
) -> Planned:
    """How each of these lines is paid. Raises NetworkError, UsageError; an error of one line is attached to that line.

    `gas_elsewhere`: an account other than the sender pays for gas.
    """
    planning = Planning(bridges, rpcs, limits, ledger, gas_elsewhere)
    by_chain = dict[ChainId, list[Wanted]]()
    own = list[Wanted]()
    for one in wanted:
        if one.payment.sender == one.payment.to.address:
            own.append(one)  # A transfer to the account itself would only burn gas: it is bridged, or refused.
        else:
            by_chain.setdefault(one.payment.to.chain_id, []).append(one)
    for chain_id in by_chain:
        _must_be_known(ledger.snapshot, rpcs.registry.chain(chain_id))
    quoted = await asyncio.gather(*(_quoted(lines, planning) for lines in by_chain.values()))
    for lines, quotes in zip(by_chain.values(), quoted, strict=True):
        _pay_directly(lines, quotes, planning)
    for lines in _by_token(own):
        await bridge_each(lines, planning)
    for short in _by_token(one for one in wanted if one.line.row.line not in planning.lines):
        await bring_money(short, planning)
    return Planned(tuple(planning.lines[one.line.row.line] for one in wanted), tuple(planning.moves), ledger)


def _must_be_known(snapshot: Snapshot, chain: Chain) -> None:
    """Raises NetworkError if the balances on a destination are unknown."""
    if error := snapshot.on(chain).error:
        raise NetworkError(f"{chain.name} cannot be asked: {error}", hint="Nothing was sent. Try again later.")


async def _quoted(lines: Sequence[Wanted], planning: Planning) -> dict[int, Quote | Refused]:
    """Quotes, by line, of transfers on one chain whose tokens are there, gas aside. Raises NetworkError."""
    chain = planning.rpcs.registry.chain(lines[0].payment.to.chain_id)
    rpc, left = planning.rpcs.on(chain.chain_id), planning.ledger.copy()
    sample = max((one.payment for one in lines), key=lambda payment: payment.amount.token.address is not None)
    market = planning.markets[chain.chain_id] = await market_of(rpc, sample)
    if not may_pay_directly(chain, planning.limits):
        return {}
    funded = list[Wanted]()
    for group in _by_token(lines):
        for one in group:
            spent = {one.payment.amount.token: one.payment.amount.units}
            if not left.covers(spent):
                break
            left.take(spent)
            funded.append(one)
    quotes = await quote_transfers([one.payment for one in funded], market, rpc)
    if planning.gas_elsewhere:
        quotes = [q if isinstance(q, Refused) else replace(q, needs=q.steps[0].tx.value) for q in quotes]
    return {one.line.row.line: quote for one, quote in zip(funded, quotes, strict=True)}


def _pay_directly(lines: Sequence[Wanted], quotes: Mapping[int, Quote | Refused], planning: Planning) -> None:
    """Settle the lines whose transfers the ledger covers, including gas. A token's first line that it does not cover
    stops that token: money is spent in file order.
    """
    ended = set[Token]()
    for one in lines:
        quote, token = quotes.get(one.line.row.line), one.payment.amount.token
        if isinstance(quote, Refused):
            planning.decide(one, LineWay.REFUSED, error=quote)
        elif quote is not None and token not in ended and planning.ledger.covers(spent_by(quote)):
            planning.decide_transfer(one, LineWay.DIRECT, quote, f"the money is already on {quote.source.name}")
        else:
            ended.add(token)


def _by_token(wanted: Iterable[Wanted]) -> list[list[Wanted]]:
    """The lines of each token on each chain, in order."""
    groups = dict[Token, list[Wanted]]()
    for one in wanted:
        groups.setdefault(one.payment.amount.token, []).append(one)
    return list(groups.values())
