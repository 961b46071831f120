"""A plan ready to be shown and approved: decoded from its own bytes, and compared with the payment."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from l2send.bridges import decode
from l2send.bridges.shared_tx import shared_payment
from l2send.core.address import Address
from l2send.core.chains import Chain, Registry
from l2send.core.deadlines import TIME_TO_FILL, machine_time, moment
from l2send.core.delegate_code import code_of_payer
from l2send.core.effects import Delegates, Effects, Executes, Opens, Pays, delegations_in, each_of
from l2send.core.errors import Refused, Sent
from l2send.core.pinned_code import HOW_TO_PIN, not_pinned, why_other_code
from l2send.core.plan import Fee, Order, Payment, Plan, Quote, Way
from l2send.core.rpc import Rpc, Rpcs
from l2send.core.shared_tx import TOGETHER
from l2send.core.units import Amount, Seconds, UnixTime
from l2send.fee_caps import network_fees
from l2send.guard import checked_legs
from l2send.resolver.balances import Snapshot, confirm
from l2send.resolver.fill_rehearsal import refuse_undeliverable
from l2send.resolver.max_fee import DEFAULT_MAX_FEE_PERCENT
from l2send.resolver.over_max_fee import exceeds_limits, fees_too_high
from l2send.resolver.recipient import Findings, resemblance
from l2send.resolver.token_exactness import refuse_inexact
from l2send.resolver.way_limits import Limits
from l2send.wallet.journal.records import PaidBefore
from l2send.wallet.nonces import look_ahead
from l2send.wallet.offline import Bundle, Part, most_of
from l2send.wallet.safe_files import SafeBundle

NOT_ASKED = (
    "not asked here, without a network: whether the token blocks the recipient, whether the recipient is a contract, "
    "and whether the bridge runs the code that was pinned"
)
_MAYBE_RUN = (
    "Nothing was signed here, but others may have signed and sent it before: `l2send broadcast FILE`, with a network, "
    "finds out. Only if the Safe did not run it, have its owners cancel it: l2send cancel ID -o cancel.json. Then: "
)


@dataclass(frozen=True, slots=True)
class Review:
    """A plan and the decoded effects of its bytes, checked against the payment, ready to be shown and approved."""

    plan: Plan
    by_leg: tuple[tuple[Effects, ...], ...]
    """The effects of each leg's transactions, in order."""
    findings: Findings
    """The chains' answers about the recipient, to be shown and confirmed."""
    not_pinned: tuple[str, ...] = ()
    """Bridge contracts whose code is not pinned, only their address."""
    held: Snapshot | None = None
    """What the sender held when it was planned; None for a prepared payment."""
    paid_before: PaidBefore | None = None
    """The journal's earlier payments to this account; None if there are none."""

    @property
    def effects(self) -> tuple[Effects, ...]:
        """Everything that will be signed."""
        return tuple(effect for leg in self.by_leg for effect in leg)

    @property
    def delegations(self) -> tuple[Delegates, ...]:
        """The code that accounts delegate to in transactions of this payment (EIP-7702)."""
        return delegations_in(self.effects)


PendingChecks = Mapping[Amount, Awaitable[None]]
"""Amounts, each with a pending `can_pay` check."""
_NOTHING_ASKED: PendingChecks = {}


async def review_plan(plan: Plan, findings: Findings, rpcs: Rpcs, held: PendingChecks = _NOTHING_ASKED) -> Review:
    """The plan, decoded and checked against the payment and the chains' answers.

    `held` are amounts whose `can_pay` check was started ahead. Raises Refused, NetworkError.
    """
    by_leg = checked_legs(plan, rpcs.registry)
    target = rpcs.registry.chain(plan.payment.to.chain_id)
    notes = await asyncio.gather(*(_confirm_leg(plan.payment, leg, rpcs, held) for leg in plan.legs))
    legs = tuple(replace(leg, notes=(*leg.notes, *said)) for leg, said in zip(plan.legs, notes, strict=True))
    plan = replace(plan, way=replace(plan.way, legs=legs))
    unknown = [name for leg in plan.legs for name in not_pinned(leg.settlers, (leg.source, target))]
    return Review(plan, by_leg, findings, tuple(dict.fromkeys(unknown)))


async def _confirm_leg(payment: Payment, leg: Quote, rpcs: Rpcs, held: PendingChecks) -> list[str]:
    """Check that the sender has the money, that contracts run their pinned code, and that the recipient can be paid.

    Returns notes about what could not be simulated. Raises Refused, NetworkError.
    """
    target = rpcs.on(payment.to.chain_id)
    source = rpcs.on(leg.source.chain_id)
    other_code, _, *notes = await asyncio.gather(
        why_other_code(leg.settlers, (leg.source, target.chain), rpcs),
        held.get(leg.pays) or can_pay(payment, leg.pays, source),
        *(_order_checks(leg.order, rpcs) if leg.order else []),
    )
    if other_code:
        raise Refused(f"{other_code}.", hint=HOW_TO_PIN)
    return [note for note in notes if note]


async def can_pay(payment: Payment, amount: Amount, source: Rpc) -> None:
    """Check that every endpoint sees `amount` with the sender, and that the sender runs only pinned code.

    Raises Refused, NetworkError.
    """
    if payment.is_of_safe:
        await confirm(payment.sender, amount, source)
        return
    await asyncio.gather(
        code_of_payer(payment.sender, source),
        confirm(payment.sender, amount, source),
        look_ahead(source, payment.sender),
    )


def _order_checks(order: Order, rpcs: Rpcs) -> tuple[Awaitable[str], ...]:
    """Checks that the agreed amount is locked and that the recipient can be paid. Each raises Refused."""
    origin, target = rpcs.on(order.origin), rpcs.on(order.destination)
    return refuse_inexact(order.pays, order.sender, origin), refuse_undeliverable(order, target)


async def has_expired(review: Review, rpcs: Rpcs) -> bool:
    """Whether any leg's price has expired, by the clock of its chain. Raises NetworkError.

    A clock read a few seconds ago suffices: before each signature the chain's clock is checked again, and what has
    expired by then is cancelled before anything is signed.
    """
    legs = [leg for leg in review.plan.legs if leg.expires is not None]
    times = await asyncio.gather(*(rpcs.on(leg.source.chain_id).recent_time() for leg in legs))
    return any(leg.expires is not None and now >= leg.expires for leg, now in zip(legs, times, strict=True))


@dataclass(frozen=True, slots=True)
class OfflineLimits:
    """The sender's limits without known prices, since no network is used."""

    percent: float = DEFAULT_MAX_FEE_PERCENT
    """The most that bridges may take, in percent of the amount."""
    coins: float = 0.05
    """The most that network fees on one chain may cost, in its coin."""


def review_of(
    bundle: Bundle, registry: Registry, known: Iterable[Address] = (), limits: OfflineLimits | None = None
) -> Review:
    """A prepared payment, decoded and checked like a plan, with only its bytes, the registry and a clock.

    `known` are accounts that the recipient could imitate. Every fee is its maximum, computed from what is signed.
    Raises Refused for what must not be signed, UnknownChain.
    """
    limits = limits or OfflineLimits()
    way = Way(tuple(_quote_of_part(part, registry) for part in bundle.parts))
    review = _decoded(bundle.payment, way, registry, known)
    for leg in way.legs:
        refuse_late(leg)
        _refuse_expensive(leg, limits)
    _refuse_expensive_bridges(way, limits)
    return review


def review_of_safe(
    bundle: SafeBundle, registry: Registry, known: Collection[Address] = (), limits: OfflineLimits | None = None
) -> Review:
    """The same for a payment that a Safe's owners sign; a cancellation is only decoded.

    Of several payments in one transaction, each is compared with its call. The network fee is taken from the file.
    `limits` are those of an owner who is about to sign. Without them neither deadline nor bridge fee is checked: what
    was signed may have been sent already, and is then followed.
    """
    if bundle.cancels:
        known = ()  # It pays no recipient: that one imitates another is a reason to cancel.
    source = registry.chain(bundle.proposal.execution.chain_id)
    effect = decode(bundle.proposal.execution, registry)
    if not isinstance(effect, Executes):
        raise Refused("the file has no Safe do anything.")
    fees = (Fee("network fee", Amount(bundle.network_fee, source.native)),)
    if bundle.carries:
        nothing = Amount(0, source.native)
        quote = Quote(TOGETHER, source, nothing, nothing, fees, bundle.duration, (), None, bundle.until)
        quote = replace(quote, carries=bundle.carries)
        if bundle.payment != shared_payment(quote):
            raise Refused("the file stands for another payment than its payments together.")
    else:
        quote = quote_of(effect.effects[-1], source, fees, bundle.duration, bundle.until)
    way = Way((replace(quote, proposal=bundle.proposal),))
    review = _decoded(bundle.payment, way, registry, known)
    if bundle.carries:
        alike = (resemblance(one.to.address, known) for one in bundle.carries)
        review = replace(review, findings=replace(review.findings, type_out=next(filter(None, alike), "")))
    if limits and not bundle.cancels:
        refuse_late(way.legs[0], _MAYBE_RUN, Sent.MAYBE)
        _refuse_expensive_bridges(way, limits)
    return review


def _decoded(payment: Payment, way: Way, registry: Registry, known: Iterable[Address]) -> Review:
    plan = Plan(payment, way, "prepared before")
    findings = Findings((NOT_ASKED,), (), resemblance(payment.to.address, known))
    return Review(plan, checked_legs(plan, registry), findings)


def _refuse_expensive_bridges(way: Way, limits: OfflineLimits) -> None:
    bridging = Limits(max_fee_percent=limits.percent)
    if exceeds_limits(way, bridging):
        raise fees_too_high([way], bridging, [])


def refuse_late(leg: Quote, first: str = "", sent: Sent = Sent.NO) -> None:
    """By this machine's clock, the only one offline. `first` is what to do before anything else. Raises Refused."""
    ends = [leg.expires] if leg.expires is not None else []
    ends += [UnixTime(leg.order.fill_deadline - TIME_TO_FILL)] if leg.order else []
    if ends and machine_time() >= min(ends):
        raise Refused(
            f"too late: the deadline was {moment(min(ends))}.",
            hint=f"{first}Prepare it again; or correct the clock of this machine, if it is wrong.",
            sent=sent,
        )


def _refuse_expensive(leg: Quote, limits: OfflineLimits) -> None:
    fees, coin = network_fees(leg.fees), leg.source.native
    if fees > limits.coins * 10**coin.decimals:
        needed = math.ceil(fees / 10**coin.decimals * 100) / 100
        raise Refused(
            f"the network fees on {leg.source.name} can reach {Amount(fees, coin)}, more than {limits.coins:g} "
            f"{coin.symbol}.",
            hint=f"Prepare it again when fees are lower, or allow it: --max-fee {needed:g}{coin.symbol}",
        )


def _quote_of_part(part: Part, registry: Registry) -> Quote:
    """The quote of a part; its amounts are read from the paying transaction, not from the file."""
    source = registry.chain(part.chain_id)
    fees = (Fee("network fee at most", Amount(sum(most_of(step) for step in part.steps), source.native)),)
    quote = quote_of(each_of(decode(part.steps[-1].tx, registry))[-1], source, fees, part.duration, part.until)
    return replace(quote, steps=part.steps)


def quote_of(effect: Effects, source: Chain, fees: tuple[Fee, ...], duration: Seconds, until: UnixTime | None) -> Quote:
    """The quote of what was decoded, without steps. Raises Refused if it does not pay."""
    match effect:
        case Opens(order):
            return Quote(order.bridge, source, order.pays, order.delivers, fees, duration, (), order, until)
        case Pays(amount):
            return Quote("direct", source, amount, amount, fees, duration, (), None, until)
        case _:
            raise Refused("the last call of the file does not pay.")
