"""`--max-fee` in dollars uses the highest known price of a coin, and applies to everything that is signed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from l2send.core.chains import Chain, Registry
from l2send.core.errors import Refused
from l2send.core.plan import ChainAddress, Fee, Payment, Plan, Quote, Way
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount, Seconds
from l2send.fee_caps import within_limit
from l2send.resolver.balances import Holdings, Snapshot
from l2send.resolver.way_limits import Limits
from tests.bridges.registry import ORIGIN, RECIPIENT, SENDER, TARGET

ETHER = 10**18
PAYMENT = Payment(SENDER, ChainAddress(TARGET.chain_id, RECIPIENT), Amount(10**6, TARGET.tokens[0]))


def way(source: Chain, gas: int, bridge: int = 0) -> Way:
    """Costs `gas` wei, and `bridge` base units of a stablecoin."""
    fees = (
        Fee("network fee", Amount(gas, source.native), 0.0),
        Fee("bridge fee", Amount(bridge, source.tokens[0]), 0.0),
    )
    amount = Amount(10**6 + bridge, source.tokens[0])
    return Way((Quote("eco", source, amount, PAYMENT.amount, fees, Seconds(2), ()),))


def kept(plan: Plan, limit: float, **prices: float) -> Plan:
    """`plan` within the limit; `prices` of the coin by the feeds of the chains, as a snapshot has them."""
    chains = tuple(Holdings(chain, native_usd=prices.get(chain.short_name)) for chain in (ORIGIN, TARGET))
    rpcs = cast("Rpcs", Rpcs.__new__(Rpcs))
    registry: Any = Registry({c.short_name: c for c in (ORIGIN, TARGET)})
    assert not any(chain.price_feed for chain in registry), "no node is asked here"
    return asyncio.run(within_limit(plan, Snapshot(SENDER, chains), Limits(max_fee_usd=limit), rpcs))


def test_a_feed_that_says_less_does_not_make_a_payment_cheap() -> None:
    """The first chain's feed, or its node, lies and says 1 dollar. Another chain with that coin says 4,000."""
    dear = Plan(PAYMENT, way(ORIGIN, ETHER // 1000), "why")
    with pytest.raises(Refused, match=r"\$4\.0000"):
        kept(dear, 1.0, left=1.0, right=4000.0)
    assert kept(dear, 5.0, left=1.0, right=4000.0).way.legs[0].fee_cap == ETHER // 1000 + ETHER // 4000
    assert kept(dear, 1.0, left=1.0).way.legs


def test_a_way_within_the_limit_takes_the_place_of_one_beyond_it() -> None:
    plan = Plan(PAYMENT, way(ORIGIN, ETHER), "why", (way(TARGET, ETHER // 10**6),))
    assert kept(plan, 1.0, left=4000.0).way.legs[0].source is TARGET


def test_what_the_bridge_takes_counts_and_the_rest_is_for_the_network() -> None:
    plan = Plan(PAYMENT, way(ORIGIN, 0, bridge=600_000), "why")
    (leg,) = kept(plan, 1.0, left=4000.0).way.legs
    assert leg.fee_cap
    assert abs(leg.fee_cap - ETHER // 10_000) <= ETHER // 10**12
    with pytest.raises(Refused):
        kept(plan, 0.5, left=4000.0)


def test_several_legs_share_what_is_left() -> None:
    legs = (*way(ORIGIN, ETHER // 10**6).legs, *way(TARGET, ETHER // 10**6).legs)
    plan = kept(Plan(PAYMENT, Way(legs), "why"), 1.0, left=4000.0)
    assert sum(leg.fee_cap or 0 for leg in plan.legs) <= ETHER // 4000


def test_without_a_limit_in_dollars_nothing_is_asked_and_nothing_changes() -> None:
    plan = Plan(PAYMENT, replace(way(ORIGIN, 5)), "why")
    assert asyncio.run(within_limit(plan, Snapshot(SENDER, ()), Limits(), cast("Rpcs", None))) is plan
