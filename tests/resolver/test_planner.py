"""Which way is chosen: direct if the money is there, else the cheapest; a fee without a price is never free."""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import dataclass, field, replace

import pytest

from l2send.bridges.direct import Direct
from l2send.core.bridge_protocol import Bridge, OrderStatus
from l2send.core.chains import Chain, Registry, Stage
from l2send.core.effects import Effects
from l2send.core.errors import CannotPay, NetworkError, Refused, UsageError
from l2send.core.http import open_http
from l2send.core.plan import ChainAddress, Fee, Order, Payment, Plan, Quote, Step, StepKind, UnsignedTx
from l2send.core.rpc import Rpc, Rpcs
from l2send.core.units import Amount, ChainId, Gas, Seconds, UnixTime, Wei
from l2send.resolver.balances import Holdings, Snapshot
from l2send.resolver.planner import make_plan
from l2send.resolver.way_limits import Limits, Speed
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
    seconds: int = 5
    least: int = 0
    """Smaller amounts are refused."""
    contract_senders = Direct.contract_senders
    refunds_by_itself = Direct.refunds_by_itself

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        if source.short_name in self.fails:
            raise self.fails[source.short_name]
        if source.short_name not in self.prices:
            return None
        fee, gas = self.prices[source.short_name]
        pays = Amount(payment.amount.units + fee, held.token)
        if payment.amount.units < self.least:
            raise Refused("too little")
        if pays.units > held.units:
            raise CannotPay("too much")
        direct = source.chain_id == payment.to.chain_id
        order = None if direct else Order(
            self.name, "0x01", source.chain_id, SENDER, payment.to.chain_id, SENDER, SENDER,
            RECIPIENT, pays, payment.amount, UnixTime(1), UnixTime(1),
        )  # fmt: skip
        fees = (Fee("bridge fee", Amount(fee, held.token)), Fee("network fee", Amount(gas, source.native)))
        return Quote(self.name, source, pays, payment.amount, fees, Seconds(self.seconds), (), order)

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        raise NotImplementedError

    async def status(self, order: Order, rpcs: Rpcs) -> OrderStatus:
        raise NotImplementedError

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        return False

    async def refund(self, order: Order, rpcs: Rpcs) -> Step | None:
        raise NotImplementedError

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        raise NotImplementedError


@dataclass
class Shaky(Priced):
    """A bridge whose first questions fail by the network."""

    failures: int = 0

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        if self.failures:
            self.failures -= 1
            raise NetworkError("asleep")
        return await super().quote(payment, source, held, native, rpcs)


def holding(chain: Chain, usdc: int, *, usd: float | None = 3000.0, error: str = "") -> Holdings:
    units = {} if error else {chain.native: 10**18, chain.tokens[0]: usdc, chain.tokens[1]: 10**12}
    return Holdings(chain, units, usd, UnixTime(1), error)


def plan(bridges: list[Bridge], *holdings: Holdings, limits: Limits | None = None, payment: Payment = PAYMENT) -> Plan:
    async def run() -> Plan:
        async with open_http() as http:
            snapshot = Snapshot(SENDER, holdings)
            named = {bridge.name: bridge for bridge in bridges}
            return await make_plan(payment, snapshot, named, Rpcs(REGISTRY, http), limits or Limits())

    return asyncio.run(run())


RICH = 10**9
BRIDGE = Priced("b", {"left": (50_000, 10**12), "third": (40_000, 10**12)})
DIRECT = Priced("direct", {"right": (0, 10**15)})


def test_money_on_the_destination_is_sent_directly_even_if_a_bridge_were_cheaper() -> None:
    made = plan([BRIDGE, DIRECT], holding(ORIGIN, RICH), holding(TARGET, RICH), holding(THIRD, RICH))
    assert made.quote.bridge == "direct"
    assert [way.legs[0].source.short_name for way in made.alternatives] == ["third", "left"]


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


def test_a_bridge_that_refuses_is_named_and_does_not_stop_the_others() -> None:
    failing = Priced("f", {}, fails={"left": Refused("too small")})
    made = plan([failing, BRIDGE], holding(ORIGIN, RICH), holding(TARGET, 0), holding(THIRD, 0))
    assert made.quote.bridge == "b"
    assert made.rejected == ("left by f: too small",)


ASLEEP = NetworkError("asleep")


def test_a_way_that_fails_by_the_network_never_loses_to_a_dearer_one_by_itself() -> None:
    """Its price is not known: the payment is refused, with the option that takes the way that is known."""
    failing = Priced("f", {}, fails={"left": ASLEEP})
    holdings = holding(ORIGIN, RICH), holding(TARGET, 0), holding(THIRD, 0)
    with pytest.raises(NetworkError, match="left by f: no usable answer: asleep") as refused:
        plan([failing, BRIDGE], *holdings)
    assert "pay by left by b for about $0.0530 with --via b" in refused.value.hint
    assert plan([failing, BRIDGE], *holdings, limits=Limits(via="b")).quote.bridge == "b"


def test_a_chain_whose_quote_fails_never_loses_to_a_dearer_chain_by_itself() -> None:
    failing = Priced("b", {"left": (50_000, 10**12)}, fails={"third": ASLEEP})
    holdings = holding(ORIGIN, RICH), holding(TARGET, 0), holding(THIRD, RICH)
    with pytest.raises(NetworkError, match="third by b: no usable answer: asleep") as refused:
        plan([failing], *holdings)
    assert "--from-chain left" in refused.value.hint
    assert plan([failing], *holdings, limits=Limits(from_chains=("left",))).quote.source is ORIGIN


def test_money_on_a_destination_that_fails_once_is_sent_directly() -> None:
    """One wrong answer to one question used to cost 8 USDC of bridge fees."""
    shaky = Shaky("direct", {"right": (0, 10**12)}, failures=1)
    made = plan([BRIDGE, shaky], holding(ORIGIN, RICH), holding(TARGET, RICH))
    assert (made.quote.bridge, shaky.failures) == ("direct", 0)


def test_money_on_a_destination_that_fails_twice_is_not_brought_from_elsewhere() -> None:
    shaky = Shaky("direct", {"right": (0, 10**12)}, failures=4)  # of both chains, twice
    with pytest.raises(NetworkError, match="right by direct: no usable answer: asleep"):
        plan([BRIDGE, shaky], holding(ORIGIN, RICH), holding(TARGET, RICH))


def test_a_destination_whose_balance_is_unknown_may_hold_the_money() -> None:
    holdings = holding(ORIGIN, RICH), holding(TARGET, 0, error="right did not answer.")
    with pytest.raises(NetworkError, match="right by direct: right did not answer") as refused:
        plan([BRIDGE, DIRECT], *holdings)
    assert refused.value.retryable
    assert "--from-chain left" in refused.value.hint or "--via b" in refused.value.hint
    assert plan([BRIDGE, DIRECT], *holdings, limits=Limits(via="b")).quote.bridge == "b"


def test_several_sources_of_which_one_fails_are_not_replaced_by_dearer_ones() -> None:
    failing = Priced("b", {"left": (50_000, 10**12)}, fails={"third": ASLEEP})
    with pytest.raises(NetworkError, match="third by b: no usable answer: asleep"):
        plan([failing, NEAR], holding(ORIGIN, 20_000_000), holding(TARGET, 7_000_000), holding(THIRD, 19_000_000))


def test_a_network_error_alone_is_no_lack_of_money() -> None:
    failing = Priced("b", {}, fails={"left": NetworkError("HTTP 503")})
    with pytest.raises(NetworkError, match="HTTP 503") as refused:
        plan([failing], holding(ORIGIN, RICH), holding(TARGET, 0))
    assert refused.value.retryable
    assert "Fund the account" not in refused.value.hint


def test_an_unrelated_chain_that_does_not_answer_is_named_and_stops_nothing() -> None:
    made = plan([BRIDGE], holding(ORIGIN, RICH), holding(TARGET, 0), holding(THIRD, 0, error="asleep"))
    assert made.quote.source is ORIGIN
    assert "not known is what you hold on third" in made.why


def test_a_chain_that_cannot_hold_the_money_is_not_waited_for() -> None:
    """Without the asset it could not have paid, no matter what it would have answered."""
    coinless = replace(THIRD, tokens=())
    with pytest.raises(CannotPay):
        plan([BRIDGE], holding(ORIGIN, 0), holding(TARGET, 0), Holdings(coinless, error="asleep"))


def test_offline_is_one_line() -> None:
    with pytest.raises(NetworkError) as refused:
        plan([BRIDGE], *(holding(chain, 0, error="asleep") for chain in (ORIGIN, TARGET, THIRD)))
    assert refused.value.message == "none of the 3 chains answered. This machine seems to be offline."


def test_an_absurd_fee_is_refused() -> None:
    robber = Priced("b", {"left": (AMOUNT.units, 1)})
    with pytest.raises(Refused, match=r"100\.0 % of the amount"):
        plan([robber], holding(ORIGIN, RICH), holding(TARGET, 0))
    assert plan([robber], holding(ORIGIN, RICH), holding(TARGET, 0), limits=Limits(100.0)).quote


def test_limits_narrow_the_choice() -> None:
    everything = [holding(ORIGIN, RICH), holding(TARGET, RICH), holding(THIRD, RICH)]
    assert plan([BRIDGE, DIRECT], *everything, limits=Limits(from_chains=("left",))).quote.source is ORIGIN
    assert plan([BRIDGE, DIRECT], *everything, limits=Limits(via="b")).quote.source is THIRD


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Limits(from_chains=("left",)), "it is the only way from left, as you asked"),
        (Limits(via="b"), "it is the only way by b, as you asked"),
        (Limits(from_chains=("left",), via="b"), "it is the only way from left and by b, as you asked"),
        (Limits(), "Left is the only chain that can fund it alone"),
    ],
)
def test_the_only_way_among_those_wanted_is_not_said_to_be_the_only_one(limits: Limits, why: str) -> None:
    elsewhere = [] if limits == Limits() else [holding(THIRD, RICH if limits.from_chains else 0)]
    assert plan([BRIDGE], holding(ORIGIN, RICH), holding(TARGET, 0), *elsewhere, limits=limits).why == why


def test_a_chain_that_does_not_answer_is_a_network_error_not_poverty() -> None:
    with pytest.raises(NetworkError, match="third"):
        plan([BRIDGE], holding(ORIGIN, 0), holding(TARGET, 0), holding(THIRD, 0, error="asleep"))


def test_poverty_says_what_is_held_where_and_what_is_missing() -> None:
    """20 on the left deliver 19.95 after the fee, 3 are there already: of 25, 2.05 are missing."""
    with pytest.raises(CannotPay, match=r"20 USDC on left, 3 USDC on right") as refused:
        plan([BRIDGE, DIRECT], holding(ORIGIN, 20_000_000), holding(TARGET, 3_000_000))
    missing = re.search(r"([0-9.]+) USDC is missing", refused.value.message)
    assert missing
    assert float(missing[1]) == pytest.approx(2.05, abs=0.01)


NEAR = Priced("direct", {"right": (0, 10**12)})


def parts(made: Plan) -> dict[str, int]:
    return {f"{leg.source.short_name} by {leg.bridge}": leg.delivers.units for leg in made.legs}


def test_chains_that_are_too_poor_alone_pay_together() -> None:
    made = plan([BRIDGE, NEAR], holding(ORIGIN, 20_000_000), holding(TARGET, 7_000_000))
    assert sum(parts(made).values()) == AMOUNT.units
    assert parts(made) == {"right by direct": 7_000_000, "left by b": 18_000_000}
    assert "no chain can fund it alone" in made.why


def test_of_three_the_cheapest_two_pay_together() -> None:
    holdings = holding(ORIGIN, 20_000_000), holding(TARGET, 7_000_000), holding(THIRD, 19_000_000)
    assert set(parts(plan([BRIDGE, NEAR], *holdings))) == {"right by direct", "third by b"}


def test_one_chain_pays_unless_several_save_a_cent() -> None:
    """The fee is flat here, so the 7 on the destination save nothing; a source's whole gas would be saved by two."""
    made = plan([BRIDGE, NEAR], holding(ORIGIN, RICH), holding(TARGET, 7_000_000))
    assert set(parts(made)) == {"left by b"}
    dear_gas = Priced("b", {"left": (50_000, 10**16), "third": (1_000, 10**12)})
    made = plan([dear_gas, NEAR], holding(ORIGIN, RICH), holding(TARGET, 7_000_000), holding(THIRD, 20_000_000))
    assert set(parts(made)) == {"right by direct", "third by b"}
    assert [way.name for way in made.alternatives] == ["left by b"]
    assert made.alternatives[0].name in made.why


def test_a_minimum_is_learned_and_kept() -> None:
    """The destination could give 24 of 25, and the bridge takes no amount below 5."""
    picky = Priced("b", {"left": (50_000, 10**12)}, least=5_000_000)
    made = plan([picky, NEAR], holding(ORIGIN, 20_000_000), holding(TARGET, 24_000_000))
    assert sum(parts(made).values()) == AMOUNT.units
    assert parts(made)["left by b"] >= 5_000_000


def test_time_has_a_price_that_the_sender_chooses() -> None:
    slow = Priced("slow", {"left": (1_000, 10**12)}, seconds=600)
    quick = Priced("quick", {"left": (200_000, 10**12)}, seconds=5)

    def bridge(speed: Speed) -> str:
        return plan([slow, quick], holding(ORIGIN, RICH), holding(TARGET, 0), limits=Limits(speed=speed)).quote.bridge

    assert (bridge(Speed.CHEAP), bridge(Speed.BALANCED), bridge(Speed.FAST)) == ("slow", "slow", "quick")


def test_a_cap_in_dollars_counts_every_fee() -> None:
    """0.05 USDC and 0.003 $ of gas."""
    holdings = holding(ORIGIN, RICH), holding(TARGET, 0)
    assert plan([BRIDGE], *holdings, limits=Limits(math.inf, 0.06)).quote
    with pytest.raises(Refused, match=r"more than \$0\.05") as refused:
        plan([BRIDGE], *holdings, limits=Limits(math.inf, 0.05))
    assert "--max-fee 0.06usd" in refused.value.hint
    with pytest.raises(Refused, match="a fee without a price"):
        plan([BRIDGE], holding(ORIGIN, RICH, usd=None), holding(TARGET, 0), limits=Limits(math.inf, 100.0))


def test_a_bridge_that_does_not_exist_is_named() -> None:
    with pytest.raises(UsageError, match="'teleport'"):
        plan([BRIDGE], holding(ORIGIN, RICH), limits=Limits(via="teleport"))


def signing(steps: int) -> tuple[Step, ...]:
    tx = UnsignedTx(ORIGIN.chain_id, SENDER, Wei(0), b"")
    return (Step(StepKind.OPEN, tx, Gas(1)),) * steps


@dataclass
class Signing(Priced):
    """A bridge whose payments from these sources need so many signatures."""

    signatures: dict[str, int] = field(default_factory=dict[str, int])

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        made = await super().quote(payment, source, held, native, rpcs)
        return made and replace(made, steps=signing(self.signatures[source.short_name]))


def tied(signatures: dict[str, int], *sources: Chain) -> str:
    """The source that wins where every cost is the same; whichever is asked first."""
    bridge = Signing("b", {c.short_name: (50_000, 10**12) for c in sources}, signatures=signatures)
    winners = set[str]()
    for order in (sources, sources[::-1]):
        made = plan([bridge], *(holding(c, RICH) for c in order), holding(TARGET, 0))
        winners.add(made.quote.source.short_name)
    (winner,) = winners
    return winner


def test_of_equal_costs_fewer_signatures_win() -> None:
    assert tied({"left": 2, "third": 1}, ORIGIN, THIRD) == "third"
    assert tied({"left": 1, "third": 2}, ORIGIN, THIRD) == "left"


@pytest.mark.parametrize("stages", [("2", "1"), ("1", "0"), ("0", "none"), ("2", "none")])
def test_of_equal_costs_and_signatures_the_higher_stage_wins(stages: tuple[str, str]) -> None:
    higher, lower = (Stage(value, "2026-01-01") for value in stages)
    same = {"left": 1, "third": 1}
    assert tied(same, replace(ORIGIN, stage=higher), replace(THIRD, stage=lower)) == "left"
    assert tied(same, replace(ORIGIN, stage=lower), replace(THIRD, stage=higher)) == "third"


def test_signatures_count_before_stages() -> None:
    first, second = replace(ORIGIN, stage=Stage("0", "2026-01-01")), replace(THIRD, stage=Stage("2", "2026-01-01"))
    assert tied({"left": 1, "third": 2}, first, second) == "left"
