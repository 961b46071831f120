"""Which way wins: directly if the money is there, else the cheapest; what has no price is never free."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from l2send.core.bridge import Bridge, OrderStatus
from l2send.core.chains import Chain, Registry
from l2send.core.effects import Effects
from l2send.core.errors import CannotPay, NetworkError, Refused
from l2send.core.http import open_http
from l2send.core.plan import ChainAddress, Fee, Order, Payment, Plan, Quote, Step, UnsignedTx
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount, ChainId, Seconds, UnixTime
from l2send.resolver.balances import Holdings, Snapshot
from l2send.resolver.planner import Limits, make_plan
from tests.bridges.registry import ORIGIN, RECIPIENT, SENDER, TARGET

THIRD = replace(
    ORIGIN,
    short_name="third",
    chain_id=ChainId(768_300_093),
    native=replace(ORIGIN.native, chain_id=ChainId(768_300_093)),
    tokens=tuple(replace(t, chain_id=ChainId(768_300_093)) for t in ORIGIN.tokens),
)
REGISTRY = Registry({c.short_name: c for c in (ORIGIN, TARGET, THIRD)})
AMOUNT = Amount(25_000_000, TARGET.tokens[0])
PAYMENT = Payment(SENDER, ChainAddress(TARGET.chain_id, RECIPIENT), AMOUNT)


@dataclass
class Priced:
    """A bridge that quotes these prices: source -> (token fee in base units, gas in wei)."""

    name: str
    prices: dict[str, tuple[int, int]]
    fails: dict[str, Exception] = field(default_factory=dict[str, Exception])

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        if source.short_name in self.fails:
            raise self.fails[source.short_name]
        if source.short_name not in self.prices:
            return None
        fee, gas = self.prices[source.short_name]
        pays = Amount(payment.amount.units + fee, held.token)
        direct = source.chain_id == payment.to.chain_id
        order = None if direct else Order(
            self.name, "0x01", source.chain_id, SENDER, payment.to.chain_id, SENDER, SENDER,
            RECIPIENT, pays, payment.amount, UnixTime(1), UnixTime(1),
        )  # fmt: skip
        fees = (Fee("bridge fee", Amount(fee, held.token)), Fee("network fee", Amount(gas, source.native)))
        return Quote(self.name, source, pays, payment.amount, fees, Seconds(5), (), order)

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        raise NotImplementedError

    async def status(self, order: Order, rpcs: Rpcs) -> OrderStatus:
        raise NotImplementedError

    def refund(self, order: Order) -> Step:
        raise NotImplementedError

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        raise NotImplementedError


def holding(chain: Chain, usdc: int, *, usd: float | None = 3000.0, error: str = "") -> Holdings:
    units = {} if error else {chain.native: 10**18, chain.tokens[0]: usdc, chain.tokens[1]: 10**12}
    return Holdings(chain, units, usd, UnixTime(1), error)


def plan(bridges: list[Bridge], *holdings: Holdings, limits: Limits | None = None) -> Plan:
    async def run() -> Plan:
        async with open_http() as http:
            snapshot = Snapshot(SENDER, holdings)
            named = {bridge.name: bridge for bridge in bridges}
            return await make_plan(PAYMENT, snapshot, named, Rpcs(REGISTRY, http), limits or Limits())

    return asyncio.run(run())


RICH = 10**9
BRIDGE = Priced("b", {"left": (50_000, 10**12), "third": (40_000, 10**12)})
DIRECT = Priced("direct", {"right": (0, 10**15)})


def test_money_on_the_destination_is_sent_directly_even_if_a_bridge_were_cheaper() -> None:
    made = plan([BRIDGE, DIRECT], holding(ORIGIN, RICH), holding(TARGET, RICH), holding(THIRD, RICH))
    assert made.quote.bridge == "direct"
    assert [q.source.short_name for q in made.alternatives] == ["third", "left"]


def test_the_cheapest_single_source_wins() -> None:
    made = plan([BRIDGE, DIRECT], holding(ORIGIN, RICH), holding(TARGET, 0), holding(THIRD, RICH))
    assert made.quote.source.short_name == "third"


def test_gas_counts_as_much_as_the_bridge_fee() -> None:
    dear_gas = Priced("b", {"left": (50_000, 10**12), "third": (40_000, 10**16)})
    made = plan([dear_gas], holding(ORIGIN, RICH), holding(TARGET, 0), holding(THIRD, RICH))
    assert made.quote.source.short_name == "left"


def test_a_cost_without_a_price_is_not_free() -> None:
    made = plan([BRIDGE], holding(ORIGIN, RICH), holding(TARGET, 0), holding(THIRD, RICH, usd=None))
    assert made.quote.source.short_name == "left"
    assert made.alternatives[0].cost_usd is None


def test_a_source_that_holds_too_little_is_not_asked() -> None:
    made = plan([BRIDGE], holding(ORIGIN, RICH), holding(TARGET, 0), holding(THIRD, AMOUNT.units - 1))
    assert made.quote.source.short_name == "left"
    assert not made.alternatives


def test_a_bridge_that_fails_is_named_and_does_not_stop_the_others() -> None:
    failing = Priced("f", {}, fails={"left": NetworkError("asleep")})
    made = plan([failing, BRIDGE], holding(ORIGIN, RICH), holding(TARGET, 0), holding(THIRD, 0))
    assert made.quote.bridge == "b"
    assert made.rejected == ("left by f: asleep",)


def test_an_absurd_fee_is_refused() -> None:
    robber = Priced("b", {"left": (AMOUNT.units, 1)})
    with pytest.raises(Refused, match=r"100\.0 % of the amount"):
        plan([robber], holding(ORIGIN, RICH), holding(TARGET, 0))
    assert plan([robber], holding(ORIGIN, RICH), holding(TARGET, 0), limits=Limits(100.0)).quote


def test_limits_narrow_the_choice() -> None:
    everything = [holding(ORIGIN, RICH), holding(TARGET, RICH), holding(THIRD, RICH)]
    assert plan([BRIDGE, DIRECT], *everything, limits=Limits(from_chain="left")).quote.source is ORIGIN
    assert plan([BRIDGE, DIRECT], *everything, limits=Limits(via="b")).quote.source is THIRD


def test_a_chain_that_does_not_answer_is_a_network_error_not_poverty() -> None:
    with pytest.raises(NetworkError, match="third"):
        plan([BRIDGE], holding(ORIGIN, 0), holding(TARGET, 0), holding(THIRD, 0, error="asleep"))


def test_poverty_says_what_is_held_where() -> None:
    with pytest.raises(CannotPay, match="20 USDC on left, 7 USDC on right"):
        plan([BRIDGE, DIRECT], holding(ORIGIN, 20_000_000), holding(TARGET, 7_000_000))
