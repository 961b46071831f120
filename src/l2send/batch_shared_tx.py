"""Pays several lines of a batch in one transaction: transfers on one chain, if the account can batch calls.

From an account without code, only native coin to recipients without code, through Multicall3, and only if that costs
less. A recipient that is a contract would see Multicall3 as its payer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from l2send.bridges.direct_many import Market, market_of
from l2send.bridges.shared_tx import MOST_CALLS, Account, quote_together, quotes_of_parts, shared_payment
from l2send.bridges.via_safe import look_at_safe
from l2send.bridges.via_safe_owners import proposed_together
from l2send.core.account_code import those_with_code
from l2send.core.address import Address
from l2send.core.delegate_code import code_of_payer, refuse_impossible
from l2send.core.delegation import delegate_for_batches
from l2send.core.effects import Effects
from l2send.core.errors import CannotPay, Refused
from l2send.core.multicall3 import runs_pinned_code
from l2send.core.plan import Payment, Plan, Quote, Way
from l2send.core.rpc import Call, Rpc, Rpcs
from l2send.core.rpc.calls import ETH_BALANCE
from l2send.core.shared_tx import can_batch
from l2send.core.units import Amount, ChainId
from l2send.guard import checked_together
from l2send.resolver.batch_funds import spent_by
from l2send.resolver.batch_plan import LineWay, Planned, PlannedLine
from l2send.resolver.quotes import priced

_ONE_BY_ONE = "Nothing was signed. Pay the lines one by one: --no-batching."


@dataclass(frozen=True, slots=True)
class Shared:
    """One transaction that pays several lines: all of them, or none."""

    quote: Quote
    lines: tuple[int, ...]
    """The numbers of its lines in the file, in the order of its calls."""
    effect: Effects
    """The decoded effects of its bytes, call by call, compared with the lines."""

    @property
    def payment(self) -> Payment:
        """The payment that represents it in the journal."""
        return shared_payment(self.quote)

    @property
    def plans(self) -> dict[int, Plan]:
        """For each line the plan in the journal: its share of the fees, and no step of its own."""
        why, parts = f"one transaction pays {len(self.lines)} lines", quotes_of_parts(self.quote)
        of_lines = zip(self.lines, self.quote.carries, parts, strict=True)
        return {line: Plan(payment, Way((part,)), why) for line, payment, part in of_lines}


@dataclass(frozen=True, slots=True)
class Sharing:
    """How lines share a transaction."""

    wanted: bool = True
    """Whether they share one if the account can."""
    owner: Address | None = None
    """The owner who sends it if the account is a Safe: every line is paid this way then."""
    by_owners: bool = False
    """Whether the owners of a Safe sign it: every line is paid this way then."""

    @property
    def of_safe(self) -> bool:
        """Whether the account is a Safe: another one pays the gas."""
        return self.owner is not None or self.by_owners


async def put_together(
    planned: Planned, sharing: Sharing, rpcs: Rpcs, *, delegating: bool = False
) -> tuple[Planned, tuple[Shared, ...]]:
    """`planned`, with the transfers of each chain in one transaction, if the account or Multicall3 can make them so.

    `delegating`: an account that cannot batch yet delegates in its transaction. Raises Refused if that or a Safe's
    transaction is impossible, CannotPay if the owner has no gas, NetworkError.
    """
    if not (sharing.wanted or sharing.of_safe):
        return planned, ()
    by_chain = dict[ChainId, list[PlannedLine]]()
    for line in planned.lines:
        if line.way is LineWay.DIRECT and line.plan:
            by_chain.setdefault(line.wanted.payment.to.chain_id, []).append(line)
    if sharing.by_owners:
        asked = [_for_owners(lines, planned, rpcs) for lines in by_chain.values()]
    else:
        asked = [_on_chain(lines, planned, sharing.owner, rpcs, delegating=delegating) for lines in by_chain.values()]
    found = await asyncio.gather(*asked)
    shared = tuple(one for some in found for one in some)
    plans = {line: plan for one in shared for line, plan in one.plans.items()}
    ledger, lines = planned.ledger.copy(), list[PlannedLine]()
    for one in shared:
        ledger.take({one.quote.source.native: 0 if sharing.of_safe else one.quote.needs or 0})
    for line in planned.lines:
        plan = plans.get(line.wanted.line.row.line)
        if plan and line.plan:
            ledger.take({token: -units for token, units in spent_by(line.plan.quote).items()})
            ledger.take({plan.quote.pays.token: plan.quote.pays.units})
        lines.append(replace(line, plan=plan) if plan else line)
    return replace(planned, lines=tuple(lines), ledger=ledger), shared


async def _on_chain(
    lines: Sequence[PlannedLine], planned: Planned, owner: Address | None, rpcs: Rpcs, *, delegating: bool
) -> list[Shared]:
    if owner is None and len(lines) < 2:
        return []
    first = lines[0].wanted.payment
    rpc = rpcs.on(first.to.chain_id)
    account = await _account(first.sender, owner, rpc, delegating=delegating)
    if account is None:
        return []
    if account.multicall3:
        lines = await _payable_by_multicall3(lines, account.multicall3, rpc)
        return await _cheapest(lines, account, await market_of(rpc, first), planned, rpcs) if len(lines) > 1 else []
    found = await _grouped(lines, account, await market_of(rpc, first), planned, rpcs)
    if owner:
        await _refuse_without_gas(found, owner, rpc)
    return found


async def _for_owners(lines: Sequence[PlannedLine], planned: Planned, rpcs: Rpcs) -> list[Shared]:
    """One transaction for all of them, which the Safe's owners sign. Raises Refused, CannotPay, NetworkError."""
    payments = [line.wanted.payment for line in lines]
    rpc = rpcs.on(payments[0].to.chain_id)
    quote = await proposed_together(payments, await look_at_safe(payments[0].sender, rpc), rpc)
    quote = priced(quote, planned.ledger.snapshot.on(rpc.chain))
    assert quote.proposal is not None
    effect = checked_together(shared_payment(quote), quote.carries, quote.proposal.execution, rpcs.registry)
    return [Shared(quote, tuple(line.wanted.line.row.line for line in lines), effect)]


async def _payable_by_multicall3(lines: Sequence[PlannedLine], multicall3: Address, rpc: Rpc) -> list[PlannedLine]:
    """The lines of native coin to accounts without code; none if Multicall3 runs other code than is pinned."""
    coin = [line for line in lines if line.wanted.payment.amount.token.is_native]
    if len(coin) < 2 or not await runs_pinned_code(multicall3, rpc):
        return []
    contracts = await those_with_code([line.wanted.payment.to.address for line in coin], rpc)
    return [line for line in coin if line.wanted.payment.to.address not in contracts]


async def _cheapest(
    lines: Sequence[PlannedLine], account: Account, market: Market, planned: Planned, rpcs: Rpcs
) -> list[Shared]:
    """The transactions that save most, compared with one for each line: for all of `lines`, for those to accounts that
    hold coin already, or none. A call that creates an account costs 25,000 gas more than a transaction that does.
    """
    rpc, best, most = rpcs.on(market.chain.chain_id), list[Shared](), 0
    asked = [Call(None, ETH_BALANCE, (line.wanted.payment.to.address,)) for line in lines]
    held = (await rpc.aggregate(asked)).values
    existing = [line for line, balance in zip(lines, held, strict=True) if balance and balance[0]]
    alone = {line.wanted.line.row.line: _fees(line.plan.quote) for line in lines if line.plan}
    for some in (lines, *((existing,) if len(existing) < len(lines) else ())):
        found = await _grouped(some, account, market, planned, rpcs) if len(some) > 1 else []
        saved = sum(sum(alone[line] for line in one.lines) - _fees(one.quote) for one in found)
        if saved > most:
            best, most = found, saved
    return best


def _fees(quote: Quote) -> int:
    """All fees of a transfer, in wei."""
    return sum(fee.amount.units for fee in quote.fees)


async def _grouped(
    lines: Sequence[PlannedLine], account: Account, market: Market, planned: Planned, rpcs: Rpcs
) -> list[Shared]:
    """One transaction for up to `MOST_CALLS` lines each. Lines that would fail together are left out.

    Raises Refused if the account is a Safe and they would fail.
    """
    rpc, found = rpcs.on(market.chain.chain_id), list[Shared]()
    for at in range(0, len(lines), MOST_CALLS):
        part = lines[at : at + MOST_CALLS]
        try:
            quotes = await quote_together([line.wanted.payment for line in part], account, market, rpc)
        except Refused:
            if account.owner:
                raise
            continue  # One by one: each succeeds by itself.
        if quotes:
            account = account.later
        if quotes is None and (account.owner or account.delegate):
            raise Refused(f"{rpc.chain.name} does not show what one transaction would do.", hint=_ONE_BY_ONE)
        numbers = iter(line.wanted.line.row.line for line in part)
        for quote in quotes or ():
            whole = priced(quote, planned.ledger.snapshot.on(rpc.chain))
            effect = checked_together(shared_payment(whole), whole.carries, whole.steps[0].tx, rpcs.registry)
            found.append(Shared(whole, tuple(next(numbers) for _ in whole.carries), effect))
    return found


async def _account(sender: Address, owner: Address | None, rpc: Rpc, *, delegating: bool) -> Account | None:
    """How `sender` batches calls; None if it cannot. Raises CannotPay and Refused for a Safe, Refused for an account
    that cannot delegate, NetworkError.
    """
    if owner is None and delegating:
        delegate = delegate_for_batches(await rpc.code(sender), sender, rpc.chain)
        await (refuse_impossible(delegate, sender, rpc) if delegate else code_of_payer(sender, rpc))
        return Account(sender, delegate=delegate)
    if owner is None:
        code, payer = await rpc.code(sender), rpc.chain.pinned_multicall3
        if can_batch(code, rpc.chain):
            await code_of_payer(sender, rpc)
            return Account(sender)
        return Account(sender, multicall3=payer.address) if payer and not code else None
    safe = await look_at_safe(sender, rpc)
    if owner not in safe.owners or safe.threshold != 1:
        raise CannotPay(
            f"{owner} alone cannot have the Safe {sender} pay on {rpc.chain.name}: {safe.threshold} of its "
            f"{len(safe.owners)} owners have to sign.",
            hint="Nothing was signed. Write a file that they sign: l2send prepare FILE.csv --safe … -o pay.json",
        )
    return Account(sender, owner, safe.version.multi_send_call_only.address)


async def _refuse_without_gas(shared: Sequence[Shared], owner: Address, rpc: Rpc) -> None:
    needed, coin = sum(one.quote.needs or 0 for one in shared), rpc.chain.native
    holds = await rpc.balance(owner)
    if needed > holds:
        raise CannotPay(
            f"{owner}, which pays the gas, needs up to {Amount(needed, coin)} on {rpc.chain.name} and holds "
            f"{Amount(holds, coin)}.",
            hint="Nothing was signed.",
        )
