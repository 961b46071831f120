"""Completes every quote: approvals, simulation, prices, a second decoding, and whether the sender can afford it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from l2send.bridges.gas_costs import Costed, approval, cost, refund_cost, refuse_without_gas
from l2send.core.address import Address, checksum
from l2send.core.bridge_protocol import Bridge
from l2send.core.chains import Chain
from l2send.core.effects import Opens
from l2send.core.errors import CannotPay, Refused
from l2send.core.plan import BRIDGE_FEE, Fee, Order, Payment, Quote, StepKind, UnsignedTx
from l2send.core.rpc import Rpc, Rpcs
from l2send.core.units import Amount, Seconds, UnixTime

PRICE_HOLDS = Seconds(60)
"""How long a price is valid if the quote does not say."""
USUAL_FILL_TIME = Seconds(60)
"""How long a fill takes if the quote does not say."""

Demand = Callable[[bool, str], None]
Agree = Callable[[Order], Sequence[Awaitable[object]]]
"""Checks against the chains once the order is known. Each raises Refused if they decode the order differently."""


@dataclass(frozen=True, slots=True)
class Funding:
    """The request for a quote: the payment, and what the sender holds on the source."""

    payment: Payment
    source: Chain
    held: Amount
    """The balance of the asset that is paid."""
    native: Amount
    """The balance of the coin that pays gas."""


@dataclass(frozen=True, slots=True)
class SolverPrice:
    """What leaves the sender, and how long that price is valid (None: `PRICE_HOLDS`)."""

    pays: Amount
    duration: Seconds
    valid_until: UnixTime | None = None
    allowed: int | None = None
    """The settler's present allowance, if it was requested beside the price; None: it is requested."""


def demanding(bridge: str) -> Demand:
    """A check for orders of `bridge`: raises Refused, "the order for Eco …", if its condition is false."""

    def demand(condition: bool, otherwise: str) -> None:
        if not condition:
            raise Refused(f"the order for {bridge} {otherwise}.")

    return demand


def account_of(word: bytes, what: str, demand: Demand) -> Address:
    """The account in a bytes32. Raises Refused for upper bytes other than zero, which a settler would drop."""
    demand(not any(word[:12]), f"has a {what} that is no EVM account")
    return checksum(word[12:])


def refuse_unaffordable(pays: Amount, funding: Funding) -> None:
    """Raises CannotPay if the sender holds less than `pays`."""
    if pays.units > funding.held.units:
        name, wanted = funding.source.name, funding.payment.amount
        raise CannotPay(f"{name} needs {pays} to deliver {wanted}, you hold {funding.held}.")


async def costed(rpc: Rpc, funding: Funding, pays: Amount, wanted: list[tuple[StepKind, UnsignedTx]]) -> Costed:
    """These transactions, which pay `pays`, with gas limits and fees.

    Raises CannotPay if the coin for them is missing, NoGas if only gas is missing, NetworkError, Refused.
    """
    found = await cost(rpc, funding.payment.sender, wanted)
    refuse_without_gas(found, pays, funding.source, funding.native)
    return found


async def finish(
    bridge: Bridge, funding: Funding, price: SolverPrice, tx: UnsignedTx, now: UnixTime, rpcs: Rpcs, agree: Agree
) -> Quote:
    """The quote with `tx` as its last step, once the contracts agree on its order; `now` is by the source's clock.

    Raises CannotPay if the coin for the fees is missing, NetworkError, Refused.
    """
    rpc, payment = rpcs.on(funding.source.chain_id), funding.payment
    opens = bridge.effects(tx, rpcs.registry)
    if not isinstance(opens, Opens):
        raise Refused(f"the order built for {bridge.name} does not decode.")
    wanted = [*await approval(rpc, payment.sender, tx.to, price.pays, price.allowed), (StepKind.OPEN, tx)]
    found, refund, _ = await asyncio.gather(
        costed(rpc, funding, price.pays, wanted),
        refund_cost(bridge, opens.order, rpcs),
        asyncio.gather(*agree(opens.order)),
    )
    holds_until = UnixTime(now + PRICE_HOLDS)
    return Quote(
        bridge=bridge.name,
        source=funding.source,
        pays=price.pays,
        delivers=payment.amount,
        fees=(bridge_fee(payment, price.pays), *found.fees),
        duration=price.duration,
        steps=found.steps,
        order=opens.order,
        expires=holds_until if price.valid_until is None else min(holds_until, price.valid_until),
        notes=found.notes,
        needs=found.needs,
        refund=refund,
    )


def with_notes(quote: Quote, *notes: str) -> Quote:
    """The quote with these notes first."""
    return replace(quote, notes=(*notes, *quote.notes))


def bridge_fee(payment: Payment, pays: Amount) -> Fee:
    """The part of `pays` that the bridge and its solver keep."""
    return Fee(BRIDGE_FEE, Amount(pays.units - payment.amount.in_units_of(pays.token), pays.token))
