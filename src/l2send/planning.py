"""Plans a payment, or the most of a token, into a review: balances, the best way, notes about the recipient."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from l2send.bridges.direct import AskedAhead, Direct
from l2send.bridges.via_delegation import via_batches
from l2send.bridges.via_safe import via_safe
from l2send.bridges.via_safe_owners import via_owners
from l2send.core.address import Address
from l2send.core.bridge_protocol import Bridge
from l2send.core.errors import Refused
from l2send.core.plan import Payment
from l2send.core.rpc import Rpcs
from l2send.fee_caps import within_limit
from l2send.resolver.balances import Snapshot, take_snapshot
from l2send.resolver.max_amount import plan_of_max
from l2send.resolver.max_fee import Limits
from l2send.resolver.planner import make_plan
from l2send.resolver.quotes import can_do_without
from l2send.resolver.recipient import look
from l2send.review import Review, can_pay, review_plan

Like = Callable[[Address], Iterable[Address]]
"""Known accounts that this one could imitate."""


async def plan_payment(
    payment: Payment, limits: Limits, bridges: Mapping[str, Bridge], rpcs: Rpcs, like: Like
) -> Review:
    """The best way to make `payment`, decoded and checked. Raises CannotPay, NetworkError, Refused."""
    # Requested together: the balances, the recipient, and the cost of a direct transfer.
    looking = asyncio.create_task(look(payment, rpcs, like(payment.to.address)))
    ahead = AskedAhead(payment, rpcs)
    target = rpcs.on(payment.to.chain_id)
    held = {payment.amount: asyncio.create_task(can_pay(payment, payment.amount, target))}
    try:
        snapshot = await _funding(payment, limits, rpcs)
        usable = _usable(payment, bridges, ahead, limits)
        plan = await make_plan(payment, snapshot, usable, rpcs, limits)
        plan = await within_limit(plan, snapshot, limits, rpcs)
        review = await review_plan(plan, await looking, rpcs, held)
        return replace(_as_asked(review, limits), held=snapshot)
    finally:  # No request may outlive a failed plan: the connections are closed then.
        for task in (looking, *held.values()):
            task.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await asyncio.gather(*held.values(), return_exceptions=True)
        await ahead.drop()


def _as_asked(review: Review, limits: Limits) -> Review:
    """Raises Refused for a payment that would make the account delegate though its sender did not ask for it."""
    if review.delegations and not limits.batch:
        raise Refused("the plan would have the account delegate to code, which was not asked for.")
    return review


def _usable(payment: Payment, bridges: Mapping[str, Bridge], ahead: AskedAhead, limits: Limits) -> Mapping[str, Bridge]:
    """The bridges that the sender can use, as an account, a Safe through one owner, or a Safe whose owners sign."""
    if payment.by_owners:
        return via_owners(bridges)
    if payment.executor is not None:
        return via_safe(bridges)
    return via_batches({**bridges, Direct.name: Direct(ahead)}, delegating=limits.batch)


async def plan_most(asked: Payment, limits: Limits, bridges: Mapping[str, Bridge], rpcs: Rpcs, like: Like) -> Review:
    """The largest payment like `asked`, of any amount, decoded and checked. Raises as `plan_payment` does."""
    snapshot = await _funding(asked, limits, rpcs)
    token = asked.amount.token
    usable = via_batches(bridges, delegating=limits.batch)
    plan = await plan_of_max(asked.sender, asked.to, token, snapshot, usable, rpcs, limits)
    plan = await within_limit(plan, snapshot, limits, rpcs)
    findings = await look(plan.payment, rpcs, like(plan.payment.to.address))
    return replace(_as_asked(await review_plan(plan, findings, rpcs), limits), held=snapshot)


async def _funding(payment: Payment, limits: Limits, rpcs: Rpcs) -> Snapshot:
    """The sender's balances on chains that may fund `payment`: test money never pays for real money."""
    target = rpcs.registry.chain(payment.to.chain_id)
    return await take_snapshot(
        payment.sender,
        rpcs,
        chains=[chain for chain in rpcs.registry if chain.testnet == target.testnet],
        enough=lambda snapshot: can_do_without(payment, snapshot, rpcs, limits),
    )
