"""Pays several lines of a batch in one transaction: transfers on one chain, if the account can batch calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from l2send.bridges.direct import Direct
from l2send.bridges.direct_many import market_of
from l2send.bridges.shared_tx import MOST_CALLS, Account, parts_of, quote_together, shared_payment
from l2send.bridges.via_delegation import refuse_other_code
from l2send.bridges.via_safe import look_at_safe
from l2send.core.address import Address
from l2send.core.delegation import delegate_for_batches
from l2send.core.effects import Effects
from l2send.core.errors import CannotPay, Refused
from l2send.core.plan import Payment, Plan, Quote, Way
from l2send.core.rpc import Rpc, Rpcs
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
        found, parts = dict[int, Plan](), parts_of(self.quote)
        for line, payment, fees in zip(self.lines, self.quote.carries, parts, strict=True):
            part = replace(
                self.quote,
                bridge=Direct.name,
                pays=payment.amount,
                delivers=payment.amount,
                fees=fees,
                steps=(),
                needs=None,
                carries=(),
            )
            found[line] = Plan(payment, Way((part,)), f"one transaction pays {len(self.lines)} lines")
        return found


async def put_together(
    planned: Planned, owner: Address | None, rpcs: Rpcs, *, delegating: bool = False
) -> tuple[Planned, tuple[Shared, ...]]:
    """`planned`, with the transfers of each chain in one transaction, if the account can batch calls.

    `owner` sends it if the account is a Safe: every line is paid this way then. `delegating`: an account that cannot
    batch yet delegates in its transaction. Raises Refused if either is impossible, CannotPay if the owner has no gas,
    NetworkError.
    """
    by_chain = dict[ChainId, list[PlannedLine]]()
    for line in planned.lines:
        if line.way is LineWay.DIRECT and line.plan:
            by_chain.setdefault(line.wanted.payment.to.chain_id, []).append(line)
    asked = (_on_chain(lines, planned, owner, rpcs, delegating=delegating) for lines in by_chain.values())
    found = await asyncio.gather(*asked)
    shared = tuple(one for some in found for one in some)
    plans = {line: plan for one in shared for line, plan in one.plans.items()}
    ledger, lines = planned.ledger, list[PlannedLine]()
    for one in shared:
        ledger.take({one.quote.source.native: 0 if owner else one.quote.needs or 0})
    for line in planned.lines:
        plan = plans.get(line.wanted.line.row.line)
        if plan and line.plan:
            ledger.take({token: -units for token, units in spent_by(line.plan.quote).items()})
            ledger.take({plan.quote.pays.token: plan.quote.pays.units})
        lines.append(replace(line, plan=plan) if plan else line)
    return replace(planned, lines=tuple(lines)), shared


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
    market, found = await market_of(rpc, first), list[Shared]()
    for at in range(0, len(lines), MOST_CALLS):
        part = lines[at : at + MOST_CALLS]
        try:
            quotes = await quote_together([line.wanted.payment for line in part], account, market, rpc)
        except Refused:
            if owner:
                raise
            continue  # One by one: each succeeds by itself.
        if quotes:
            account = account.later
        if quotes is None and (owner or account.delegate):
            raise Refused(f"{rpc.chain.name} does not show what one transaction would do.", hint=_ONE_BY_ONE)
        numbers = iter(line.wanted.line.row.line for line in part)
        for quote in quotes or ():
            whole = priced(quote, planned.ledger.snapshot.on(rpc.chain))
            effect = checked_together(shared_payment(whole), whole.carries, whole.steps[0].tx, rpcs.registry)
            found.append(Shared(whole, tuple(next(numbers) for _ in whole.carries), effect))
    if owner:
        await _refuse_without_gas(found, owner, rpc)
    return found


async def _account(sender: Address, owner: Address | None, rpc: Rpc, *, delegating: bool) -> Account | None:
    """How `sender` batches calls; None if it cannot. Raises CannotPay and Refused for a Safe, Refused for an account
    that cannot delegate, NetworkError.
    """
    if owner is None and delegating:
        delegate = delegate_for_batches(await rpc.code(sender), sender, rpc.chain)
        if delegate:
            await refuse_other_code(delegate, rpc)
        return Account(sender, delegate=delegate)
    if owner is None:
        batching = bool(rpc.chain.delegates) and can_batch(await rpc.code(sender), rpc.chain)
        return Account(sender) if batching else None
    safe = await look_at_safe(sender, rpc)
    if owner not in safe.owners or safe.threshold != 1:
        raise CannotPay(
            f"{owner} alone cannot have the Safe {sender} pay on {rpc.chain.name}: {safe.threshold} of its "
            f"{len(safe.owners)} owners have to sign.",
            hint="Nothing was signed. A batch is paid by a Safe of which one owner is enough.",
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
