"""What remains of the paid token: by the plan before a payment, by the chains after it."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace

from l2send.cli.money import KINDS, shorter
from l2send.cli.progress import Live
from l2send.cli.screen import err
from l2send.cli.times import clock
from l2send.client import Client
from l2send.core.plan import Fee, Plan, Quote
from l2send.core.units import Amount
from l2send.resolver.balances import Patience, Snapshot, take_snapshot
from l2send.review import Review
from l2send.wallet.fees_paid import NETWORK_FEE, FeesPaid
from l2send.wallet.journal.records import Record

_SHORT = Patience(soon=2.0, silent=2.0, late=2.0)
"""How long a delivered payment waits for the chains' balances."""


def left_after(plan: Plan, held: Snapshot, paid: FeesPaid | None = None) -> str:
    """What remains of the token after `plan`: on the paying chain, and on all chains that answered; empty if unknown.

    `paid`: the actual costs of the transactions, in place of the expected ones.
    """
    return _left(plan, held, lambda leg: _spent(leg, paid).units)


async def left_now(client: Client, review: Review, record: Record) -> str:
    """What the account has after a delivered payment; empty if unknown.

    At a terminal the chains are asked. A script does not wait: it gets what the balances of the review would leave,
    with their time. So does a terminal after Ctrl-C, and if the paying chain does not answer or still shows the balance
    from before the payment.
    """
    held = review.held
    if held is None:
        return ""
    if err().is_terminal:
        with suppress(CancelledError, KeyboardInterrupt), Live("asking what is left"):
            asked = [holdings.chain for holdings in held.chains]
            now = await take_snapshot(held.account, client.rpcs, chains=asked, patience=_SHORT)
            if all(_has_changed(leg, held, now) for leg in review.plan.legs):
                return _left(review.plan, now, lambda _: 0)
    planned = left_after(review.plan, held, client.fees_paid(record))
    return planned and f"{planned}, as of {clock(held.on(review.plan.legs[0].source).timestamp or record.created_at)}"


def _has_changed(leg: Quote, held: Snapshot, now: Snapshot) -> bool:
    before, after = (snapshot.on(leg.source).held(leg.pays.token) for snapshot in (held, now))
    return after is not None and after != before


def _left(plan: Plan, held: Snapshot, spent: Callable[[Quote], int]) -> str:
    """What `held` has of the token, less what each leg spends, in base units of the token it pays."""
    token = plan.payment.amount.token
    everywhere = [
        amount.in_units_of(token)
        for holdings in held.chains
        for own in [holdings.chain.asset_like(token)]
        for amount in [holdings.held(own) if own else None]
        if amount
    ]
    gone = sum(replace(leg.pays, units=spent(leg)).in_units_of(token) for leg in plan.legs)
    rest = Amount(max(0, sum(everywhere) - gone), token)
    places = "all chains" if not held.unknown else "the chains that answered"
    if len(plan.legs) > 1:
        return f"{shorter(rest)} on {places}"
    here = _left_here(plan.quote, held, spent(plan.quote))
    if here is None or here.units == rest.units:
        return f"{shorter(rest)} on {places}" if here is None else f"{shorter(here)} on {plan.quote.source.name}"
    return f"{shorter(here)} on {plan.quote.source.name}, {shorter(rest)} on {places}"


def _left_here(leg: Quote, held: Snapshot, spent: int) -> Amount | None:
    before = held.on(leg.source).held(leg.pays.token)
    return replace(before, units=max(0, before.units - spent)) if before else None


def _spent(leg: Quote, paid: FeesPaid | None) -> Amount:
    """How much of the paid token leaves, gas included if it is the same coin."""
    fees = _network_fees(leg)
    if paid is not None and paid.is_whole:
        fees = (fee for fee in paid.fees if fee.name == NETWORK_FEE)
    gas = sum(fee.amount.units for fee in fees if fee.amount.token == leg.pays.token)
    return replace(leg.pays, units=leg.pays.units + gas)


def _network_fees(leg: Quote) -> Iterable[Fee]:
    return (fee for fee in leg.fees if fee.name not in KINDS)
