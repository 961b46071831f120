"""The public API: plan a payment, make it, and stay with it.

    async with open_client() as client:
        destination = client.destination("base:0x…")
        payment = client.payment(sender, "25", "USDC", destination)
        review = await client.plan(payment)
        record = await client.pay(review, signer)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from l2send.bridges import BRIDGES, decode
from l2send.core.address import Address
from l2send.core.chains import Registry, load_registry
from l2send.core.effects import Effects, TakesBack, check
from l2send.core.errors import Refused
from l2send.core.paths import Paths
from l2send.core.plan import Payment, Plan, Quote, UnsignedTx
from l2send.core.rpc import Rpcs, open_rpcs
from l2send.core.units import parse_amount
from l2send.resolver.balances import Snapshot, take_snapshot
from l2send.resolver.destination import Destination, parse_destination
from l2send.resolver.planner import Limits, make_plan


@dataclass(frozen=True, slots=True)
class Review:
    """A plan, and what its own bytes do: checked against the payment, ready to be shown."""

    plan: Plan
    effects: tuple[Effects, ...]


def review_plan(plan: Plan, registry: Registry) -> Review:
    """Decode every step of a plan and compare the whole with the payment. Raises Refused."""
    effects = _effects(plan.payment, plan.quote, registry)
    return Review(plan, effects)


def _effects(payment: Payment, quote: Quote, registry: Registry) -> tuple[Effects, ...]:
    effects = tuple(decode(step.tx, registry) for step in quote.steps)
    check(effects, payment, quote.pays, registry)
    return effects
