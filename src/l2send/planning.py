"""Plans a payment, or the most of a token, into a review: balances, the best way, notes about the recipient."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from l2send.bridges import decode
from l2send.bridges.direct import AskedAhead, Direct, time_to_confirm
from l2send.bridges.via_delegation import via_batches
from l2send.bridges.via_safe import look_at_safe, via_safe
from l2send.bridges.via_safe_owners import proposed, via_owners
from l2send.core.address import Address
from l2send.core.bridge_protocol import Bridge
from l2send.core.chains import Chain, Registry
from l2send.core.deadlines import machine_time
from l2send.core.effects import Effects, Opens, Pays, each_of
from l2send.core.errors import Refused
from l2send.core.plan import BRIDGE_FEE, ChainAddress, Fee, Payment, Plan, StepKind, UnsignedTx, Way
from l2send.core.rpc import Rpcs
from l2send.core.safe import safe_tx_of
from l2send.core.units import Amount, Seconds
from l2send.fee_caps import within_limit
from l2send.resolver.balances import Snapshot, take_snapshot
from l2send.resolver.max_amount import plan_of_max
from l2send.resolver.over_max_fee import exceeds_limits, fees_too_high
from l2send.resolver.planner import make_plan
from l2send.resolver.quotes import can_do_without, priced
from l2send.resolver.recipient import LookAlikes, look
from l2send.resolver.way_limits import Limits
from l2send.review import Review, can_pay, quote_of, refuse_late, review_plan


async def plan_payment(
    payment: Payment, limits: Limits, bridges: Callable[[], Mapping[str, Bridge]], rpcs: Rpcs, like: LookAlikes
) -> Review:
    """The best way to make `payment`, decoded and checked. Raises CannotPay, NetworkError, Refused.

    `bridges`: called once the balances are known, so that no request waits for their modules.
    """
    # Requested together: the balances, the recipient, and the cost of a direct transfer.
    looking = asyncio.create_task(look(payment, rpcs, like(payment.to.address)))
    ahead = AskedAhead(payment, rpcs)
    target = rpcs.on(payment.to.chain_id)
    held = {payment.amount: asyncio.create_task(can_pay(payment, payment.amount, target))}
    try:
        snapshot = await _funding(payment, limits, rpcs)
        usable = _usable(payment, bridges(), Direct(ahead), limits)
        plan = await make_plan(payment, snapshot, usable, rpcs, limits)
        plan = await within_limit(plan, snapshot, limits, rpcs)
        review = await review_plan(plan, await looking, rpcs, held)
        _refuse_unasked_delegation(review, limits)
        return replace(review, held=snapshot)
    finally:  # No request may outlive a failed plan: the connections are closed then.
        for task in (looking, *held.values()):
            task.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await asyncio.gather(*held.values(), return_exceptions=True)
        await ahead.drop()


def _refuse_unasked_delegation(review: Review, limits: Limits) -> None:
    """Raises Refused for a payment that would make the account delegate though its sender did not ask for it."""
    if review.delegations and not limits.batch:
        raise Refused("the plan would have the account delegate to code, which was not asked for.")


def _usable(payment: Payment, bridges: Mapping[str, Bridge], direct: Direct, limits: Limits) -> Mapping[str, Bridge]:
    """The bridges that the sender can use, as an account, a Safe through one owner, or a Safe whose owners sign."""
    if payment.by_owners:
        return via_owners(bridges)
    if payment.executor is not None:
        return via_safe(bridges)
    return via_batches({**bridges, Direct.name: direct}, delegating=limits.batch)


async def plan_max(
    asked: Payment, limits: Limits, bridges: Mapping[str, Bridge], rpcs: Rpcs, like: LookAlikes
) -> Review:
    """The largest payment like `asked`, of any amount, decoded and checked. Raises as `plan_payment` does."""
    snapshot = await _funding(asked, limits, rpcs)
    usable = _usable(asked, bridges, Direct(), limits)
    plan = await plan_of_max(asked, snapshot, usable, rpcs, limits)
    plan = await within_limit(plan, snapshot, limits, rpcs)
    findings = await look(plan.payment, rpcs, like(plan.payment.to.address))
    review = await review_plan(plan, findings, rpcs)
    _refuse_unasked_delegation(review, limits)
    return replace(review, held=snapshot)


def payment_of_calls(safe: Address, calls: Sequence[UnsignedTx], registry: Registry) -> Payment:
    """The payment that these calls of a Safe make, for its owners to sign. Needs no network.

    Raises Refused unless they make exactly one, in calls that l2send knows.
    """
    effects = _effects_of(safe, calls, registry)
    paying = [effect for effect in effects if isinstance(effect, Pays | Opens)]
    if len(paying) != 1 or paying[0] is not effects[-1]:
        raise Refused(
            f"the file makes {len(paying)} payments, in {len(effects)} calls. l2send prepares one: an approval if a "
            "bridge needs it, then what pays.",
            hint="Nothing was prepared. Several are prepared together only if each call is a transfer.",
        )
    match paying[0]:
        case Pays(amount, to):
            return Payment(safe, to, amount, by_owners=True)
        case Opens(order):
            return Payment(safe, ChainAddress(order.destination, order.recipient), order.delivers, by_owners=True)


def payments_of_calls(safe: Address, calls: Sequence[UnsignedTx], registry: Registry) -> tuple[Payment, ...]:
    """The payments that these calls of a Safe make: several transfers, or one payment. Raises as `payment_of_calls`."""
    effects = _effects_of(safe, calls, registry)
    transfers = [effect for effect in effects if isinstance(effect, Pays)]
    if len(transfers) == len(effects) > 1:
        return tuple(Payment(safe, one.to, one.amount, by_owners=True) for one in transfers)
    return (payment_of_calls(safe, calls, registry),)


async def plan_calls(
    payment: Payment,
    calls: Sequence[UnsignedTx],
    limits: Limits,
    bridges: Mapping[str, Bridge],
    rpcs: Rpcs,
    like: LookAlikes,
) -> Review:
    """Exactly these calls as the way to make the `payment` of `payment_of_calls`, decoded and checked.

    Raises CannotPay, NetworkError, Refused.
    """
    rpc = rpcs.on(calls[0].chain_id)
    looking = asyncio.create_task(look(payment, rpcs, like(payment.to.address)))
    try:
        snapshot, safe = await asyncio.gather(_funding(payment, limits, rpcs), look_at_safe(payment.sender, rpc))
        effect = _effects_of(safe.address, calls, rpcs.registry)[-1]
        quote = quote_of(effect, rpc.chain, _kept_by_bridge(effect), _longest_duration(effect, rpc.chain), None)
        if quote.bridge not in via_owners(bridges) or limits.via not in {"", quote.bridge}:
            raise Refused(f"the file pays by {quote.bridge}, which may not be used here.", hint="Nothing was prepared.")
        refuse_late(quote)
        kind = StepKind.OPEN if quote.order else StepKind.TRANSFER
        safe_tx = safe_tx_of(safe.address, calls, safe.version.multi_send_call_only.address)
        quote = priced(await proposed(quote, safe, safe_tx, kind, rpc), snapshot.on(rpc.chain))
        way = Way((quote,))
        if exceeds_limits(way, limits):
            raise fees_too_high([way], limits, [])
        plan = await within_limit(Plan(payment, way, "exactly the calls of the file"), snapshot, limits, rpcs)
        return replace(await review_plan(plan, await looking, rpcs), held=snapshot)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def _effects_of(safe: Address, calls: Sequence[UnsignedTx], registry: Registry) -> tuple[Effects, ...]:
    """The effects of the calls, decoded from the Safe's transaction. Raises Refused."""
    chain = registry.chain(calls[0].chain_id)
    if not chain.safes:
        raise Refused(f"the registry lists no Safe on {chain.name}.")
    safe_tx = safe_tx_of(safe, calls, chain.safes[0].multi_send_call_only.address)
    return each_of(decode(safe_tx.execution(b""), registry))


def _kept_by_bridge(effect: Effects) -> tuple[Fee, ...]:
    """The bridge's fee: what leaves the Safe and does not arrive. It counts for the sender's limits."""
    if not isinstance(effect, Opens):
        return ()
    pays, delivers = effect.order.pays, effect.order.delivers
    return (Fee(BRIDGE_FEE, Amount(max(pays.units - delivers.in_units_of(pays.token), 0), pays.token)),)


def _longest_duration(effect: Effects, source: Chain) -> Seconds:
    """The longest time until the money arrives: until the order's fill deadline, or the transfer's confirmations."""
    if isinstance(effect, Opens):
        return Seconds(max(effect.order.fill_deadline - machine_time(), 0))
    return time_to_confirm(source)


async def _funding(payment: Payment, limits: Limits, rpcs: Rpcs) -> Snapshot:
    """The sender's balances on chains that may fund `payment`: test money never pays for real money."""
    target = rpcs.registry.chain(payment.to.chain_id)
    return await take_snapshot(
        payment.sender,
        rpcs,
        chains=[chain for chain in rpcs.registry if chain.testnet == target.testnet],
        enough=lambda snapshot: can_do_without(payment, snapshot, rpcs, limits),
    )
