"""The most that can be delivered: all chains together, to the last unit, and never more than the balance."""

from __future__ import annotations

import asyncio
import math
import os
import random
import secrets
from dataclasses import dataclass

import pytest

from l2send.core.bridge_protocol import Bridge
from l2send.core.chains import Chain
from l2send.core.errors import CannotPay, NetworkError, NoGas, Refused
from l2send.core.http import open_http
from l2send.core.plan import ChainAddress, Payment, Plan, Quote
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount
from l2send.resolver.balances import Holdings, Snapshot
from l2send.resolver.max_amount import plan_of_max
from l2send.resolver.way_limits import Limits
from tests.bridges.registry import ORIGIN, RECIPIENT, SENDER, TARGET
from tests.resolver.test_planner import ASLEEP, NEAR, PAYMENT, REGISTRY, THIRD, Priced, holding, plan

USDC = TARGET.tokens[0]


@dataclass
class Shared(Priced):
    """A bridge whose fee is a flat sum and a share, in millionths."""

    share: int = 0

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        if source.short_name not in self.prices:
            return None
        flat, gas = self.prices[source.short_name]
        fee = flat + -(-payment.amount.units * self.share // 10**6)
        return await Priced(self.name, {source.short_name: (fee, gas)}).quote(payment, source, held, native, rpcs)


@dataclass
class WithoutGas(Priced):
    """A way for which the coin for gas is missing."""

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        if source.short_name not in self.prices:
            return None
        raise NoGas("needs up to 1 ETH for fees, you hold 0 ETH.", needed=10**11)


def most(bridges: list[Bridge], *holdings: Holdings, limits: Limits | None = None) -> Plan:
    async def run() -> Plan:
        async with open_http() as http:
            named = {bridge.name: bridge for bridge in bridges}
            asked = Payment(SENDER, ChainAddress(TARGET.chain_id, RECIPIENT), Amount(1, USDC))
            snapshot = Snapshot(SENDER, holdings)
            return await plan_of_max(asked, snapshot, named, Rpcs(REGISTRY, http), limits or Limits())

    return asyncio.run(run())


def legs(made: Plan) -> dict[str, int]:
    return {leg.source.short_name: leg.delivers.units for leg in made.legs}


FLAT = Priced("b", {"left": (50_000, 10**12), "third": (40_000, 10**12)})


def test_all_chains_deliver_together_to_the_last_unit() -> None:
    made = most([FLAT], holding(ORIGIN, 497_000_000), holding(TARGET, 0), holding(THIRD, 380_000_001))
    assert legs(made) == {"left": 497_000_000 - 50_000, "third": 380_000_001 - 40_000}
    assert made.payment.amount.units == sum(legs(made).values())
    assert all(
        leg.pays.units == {"left": 497_000_000, "third": 380_000_001}[leg.source.short_name] for leg in made.legs
    )


@pytest.mark.parametrize("share", [1, 500, 30_000])
@pytest.mark.parametrize("held", [1_000_001, 877_123_456, 10**12 + 7])
def test_a_share_of_the_amount_is_counted_to_the_last_unit_too(share: int, held: int) -> None:
    bridge = Shared("b", {"left": (20_000, 10**9)}, share=share)
    (leg,) = most([bridge], holding(ORIGIN, held), holding(TARGET, 0), limits=Limits(100.0)).legs
    assert leg.pays.units <= held
    one_more = leg.delivers.units + 1
    assert one_more + 20_000 + -(-one_more * share // 10**6) > held


def test_a_named_chain_narrows_it() -> None:
    holdings = holding(ORIGIN, 497_000_000), holding(TARGET, 0), holding(THIRD, 380_000_000)
    assert set(legs(most([FLAT], *holdings, limits=Limits(from_chains=("third",))))) == {"third"}


def test_a_chain_that_costs_more_than_it_brings_is_left_out_and_named() -> None:
    dear_gas = Priced("b", {"left": (50_000, 10**12), "third": (100, 10**15)})
    made = most([dear_gas], holding(ORIGIN, 100_000_000), holding(TARGET, 0), holding(THIRD, 10_000))
    assert set(legs(made)) == {"left"}
    assert any(line.startswith("third by b: left out, it would deliver 0.0099 USDC for $3.") for line in made.rejected)


def test_a_chain_above_the_limit_is_left_out_and_named() -> None:
    dear = Priced("b", {"left": (50_000, 10**12), "third": (5_000_000, 10**9)})
    made = most([dear], holding(ORIGIN, 100_000_000), holding(TARGET, 0), holding(THIRD, 20_000_000))
    assert set(legs(made)) == {"left"}
    assert any(line.startswith("third by b: could deliver 15 USDC") for line in made.rejected)


def test_nothing_within_the_limit_is_a_refusal_with_the_smallest_sensible_amount() -> None:
    with pytest.raises(Refused, match="every way costs more than 5 %"):
        most([FLAT], holding(ORIGIN, 100_000), holding(TARGET, 0))


def test_a_quote_that_fails_by_the_network_is_not_taken_for_none() -> None:
    failing = Priced("b", {"left": (50_000, 10**12)}, fails={"third": ASLEEP})
    holdings = holding(ORIGIN, 100_000_000), holding(TARGET, 0), holding(THIRD, 100_000_000)
    with pytest.raises(NetworkError, match="third by b: no usable answer: asleep") as refused:
        most([failing], *holdings)
    assert "--from-chain left" in refused.value.hint


def test_a_chain_that_does_not_answer_is_named() -> None:
    made = most([FLAT], holding(ORIGIN, 100_000_000), holding(TARGET, 0), holding(THIRD, 0, error="asleep"))
    assert "not known is what you hold on third" in made.why


def test_no_gas_is_said_as_such_with_a_way_out() -> None:
    poor = Holdings(TARGET, {TARGET.native: 0, USDC: 50_000_000}, 3000.0)
    with pytest.raises(CannotPay) as refused:
        most([WithoutGas("direct", {"right": (0, 0)})], holding(ORIGIN, 0), poor)
    assert refused.value.message.startswith("no ETH on Right for gas (about $0.0003).\nYou hold 50 USDC on right.")
    assert "you hold 1 ETH on Left: l2send 0.000001 ETH right:" in refused.value.hint


def test_a_payment_without_gas_is_no_lack_of_money() -> None:
    poor = Holdings(TARGET, {TARGET.native: 0, USDC: 50_000_000}, 3000.0)
    with pytest.raises(CannotPay, match="no ETH on Right for gas"):
        plan([WithoutGas("direct", {"right": (0, 0)})], holding(ORIGIN, 0), poor)


def test_a_refusal_names_the_most_that_can_be_paid() -> None:
    with pytest.raises(CannotPay, match=r"The most that can be paid now is 22\.95 USDC\.") as refused:
        plan([FLAT, NEAR], holding(ORIGIN, 20_000_000), holding(TARGET, 3_000_000))
    assert f"l2send max USDC right:{RECIPIENT}" in refused.value.hint
    made = most([FLAT, NEAR], holding(ORIGIN, 20_000_000), holding(TARGET, 3_000_000))
    assert made.payment.amount.units == 22_950_000


@pytest.mark.parametrize(("amount", "least"), [(10_000, "1.1"), (100_000, "1.1"), (999_999, "1.1")])
def test_a_refusal_names_the_smallest_amount_that_makes_sense(amount: int, least: str) -> None:
    small = Payment(SENDER, PAYMENT.to, Amount(amount, USDC))
    with pytest.raises(Refused, match=rf"smallest amount that makes sense here is about {least} USDC") as refused:
        plan([FLAT], holding(ORIGIN, 10**9), holding(TARGET, 0), payment=small)
    assert "Send 1.1 USDC or more" in refused.value.hint
    enough = Payment(SENDER, PAYMENT.to, Amount(1_100_000, USDC))
    assert plan([FLAT], holding(ORIGIN, 10**9), holding(TARGET, 0), payment=enough).quote


def test_the_only_bridge_allowed_is_not_on_these_chains() -> None:
    other = Priced("elsewhere", {})
    with pytest.raises(CannotPay, match="elsewhere does not bring USDC from Left to Right") as refused:
        plan([FLAT, other], holding(ORIGIN, 50_000_000), holding(TARGET, 0), limits=Limits(via="elsewhere"))
    assert "missing" not in refused.value.message


def test_whatever_is_held_and_taken_it_is_the_most_by_counting() -> None:
    """Random balances and fees on three chains and two bridges: as much as trying every amount would find."""
    seed = int(os.environ.get("L2SEND_SEED", "0")) or secrets.randbits(32)
    chance = random.Random(seed)
    for _ in range(60):
        held = {chain.short_name: chance.choice([0, 1, chance.randrange(10**6, 10**10)]) for chain in (ORIGIN, THIRD)}
        fees = {
            name: {chain: (chance.choice([0, 1, 999, 70_000]), 10**9) for chain in held if chance.random() < 0.9}
            for name in "bc"
        }
        shares = {name: chance.choice([0, 1, 777, 20_000]) for name in "bc"}
        bridges: list[Bridge] = [Shared(name, fees[name], share=shares[name]) for name in "bc"]
        expected = {
            chain: found
            for chain, units in held.items()
            if (
                found := max(
                    (_by_counting(units, fees[n][chain][0], shares[n]) for n in "bc" if chain in fees[n]), default=0
                )
            )
        }
        holdings = [holding(chain, held[chain.short_name]) for chain in (ORIGIN, THIRD)]
        try:
            made = legs(most(bridges, *holdings, limits=Limits(max_fee_percent=math.inf)))
        except CannotPay:
            made = {}
        dust = {chain for chain, units in expected.items() if units < 10**5}  # a leg that costs more than it brings
        assert {c: u for c, u in made.items() if c not in dust} == {
            c: u for c, u in expected.items() if c not in dust
        }, f"L2SEND_SEED={seed}"


def _by_counting(held: int, flat: int, share: int) -> int:
    """The most that arrives where what arrives, the flat sum and the share of it rounded up are paid from `held`."""
    low, high = 0, held
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle + flat + -(-middle * share // 10**6) <= held else (low, middle - 1)
    return low
