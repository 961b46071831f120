"""Gas for a refund: reserved if the amount is ours to choose, noted if the payment leaves too little."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from l2send.core.chains import Chain
from l2send.core.plan import Payment, Plan, Quote, RefundCost, Way
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount, Seconds, UnixTime, Wei
from l2send.devnet.node import Node
from l2send.resolver.balances import Holdings, Snapshot
from l2send.resolver.max_amount import _affordable, _usable
from l2send.resolver.quotes import Source
from l2send.resolver.refunds import with_warnings
from l2send.resolver.several_sources import _Offer
from tests.bridges.registry import ORIGIN, SENDER, TARGET
from tests.conftest import Home
from tests.resolver.test_planner import AMOUNT, NEAR, PAYMENT, RICH, THIRD, Priced, holding, plan
from tests.support.addresses import new_address

REFUND = 1_230_000
GAS = 500_000


def leg(source: Chain, needs: int | None, refund_on: Chain | None, *, native: bool = False) -> Quote:
    amount = Amount(1_000_000, source.native if native else source.tokens[0])
    cost = None if refund_on is None else RefundCost(refund_on, Wei(REFUND), Wei(0))
    wei = None if needs is None else Wei(needs)
    return Quote("b", source, amount, amount, (), Seconds(1), (), needs=wei, refund=cost)


def notes(*legs: Quote, left: int | None, right: int | None = 0) -> list[tuple[str, ...]]:
    """What each leg says, of these coins on both chains; None is a chain that did not answer."""
    held = [
        Holdings(chain, {} if units is None else {chain.native: units}, None, UnixTime(1))
        for chain, units in ((ORIGIN, left), (TARGET, right))
    ]
    return [each.notes for each in with_warnings(Way(legs), Snapshot(SENDER, tuple(held))).legs]


WORDS = "leaves no gas for a refund on {}; it would need about 0.0000000000013 ETH there then"
LEFT, RIGHT = (WORDS.format(chain.name) for chain in (ORIGIN, TARGET))


@pytest.mark.parametrize(
    ("made", "left", "right", "expected"),
    [
        (leg(ORIGIN, GAS, ORIGIN), GAS + REFUND, 0, ()),
        (leg(ORIGIN, GAS, ORIGIN), GAS + REFUND - 1, 0, (LEFT,)),
        (leg(ORIGIN, GAS, None), GAS, 0, ()),
        (leg(ORIGIN, GAS, TARGET), GAS, REFUND, ()),
        (leg(ORIGIN, GAS, TARGET), GAS + REFUND, REFUND - 1, (RIGHT,)),
        (leg(ORIGIN, GAS, ORIGIN), None, 0, ()),
        (leg(ORIGIN, None, ORIGIN), REFUND, 0, ()),
        (leg(ORIGIN, None, ORIGIN, native=True), REFUND + 999_999, 0, (LEFT,)),
    ],
    ids=["enough", "a wei short", "comes by itself", "destination", "short there", "unknown", "unsaid", "unsaid coin"],
)
def test_what_leaves_too_little_says_so(
    made: Quote, left: int | None, right: int | None, expected: tuple[str, ...]
) -> None:
    assert notes(made, left=left, right=right) == [expected]


def test_legs_share_what_is_left() -> None:
    """Two refunds start on the destination, from which a third leg takes coin besides."""
    legs = leg(ORIGIN, GAS, TARGET), leg(ORIGIN, GAS, TARGET), leg(TARGET, GAS, None)
    assert notes(*legs, left=RICH, right=2 * REFUND + GAS) == [(), (), ()]
    assert notes(*legs, left=RICH, right=2 * REFUND + GAS - 1) == [(RIGHT,), (RIGHT,), ()]


def test_the_most_leaves_gas_for_a_refund_of_native_coin_alone() -> None:
    held = Amount(10**9, ORIGIN.native)
    source = Source(Holdings(ORIGIN), held, held)
    quote = leg(ORIGIN, 1_000_000 + GAS, None, native=True)
    assert _usable(quote, source) == 10**9 - GAS * 125 // 100
    for chain, kept in ((ORIGIN, REFUND), (TARGET, 0)):
        refunding = replace(quote, refund=RefundCost(chain, Wei(REFUND), Wei(0)))
        assert _usable(refunding, source) == 10**9 - (GAS + kept) * 125 // 100
        assert _affordable(refunding, _usable(refunding, source)) <= 10**9 - GAS - kept


def test_a_source_of_several_keeps_it_too() -> None:
    held = Amount(10**9, ORIGIN.native)
    quote = replace(leg(ORIGIN, 1_000_000 + GAS, ORIGIN, native=True), delivers=Amount(10**6, TARGET.native))
    offer = _Offer(Source(Holdings(ORIGIN), held, held), Priced("b", {}), 0, {10**6: quote})
    option = offer.option(10**12)
    offer.keeps_refund_gas = False
    without = offer.option(10**12)
    assert option
    assert without
    assert without.most - option.most == REFUND + REFUND // 4


@dataclass
class Refunding(Priced):
    """A bridge of native coin, whose refund costs this much on the origin."""

    refund_cost: int = 0

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        made = await super().quote(payment, source, held, native, rpcs)
        refund = RefundCost(source, Wei(self.refund_cost), Wei(0))
        return made and replace(made, needs=Wei(native.units), refund=refund)


def test_an_exact_amount_is_planned_and_every_way_that_leaves_too_little_says_so() -> None:
    bridge = Refunding("b", {"left": (50_000, 10**12)}, refund_cost=1)

    def said(made: Plan) -> list[bool]:
        return [any("leaves no gas for a refund on Left" in note for note in each.notes) for each in made.legs]

    assert said(plan([bridge], holding(ORIGIN, RICH), holding(TARGET, 0))) == [True]
    parts = plan([bridge, NEAR], holding(ORIGIN, 20_000_000), holding(TARGET, 7_000_000))
    assert len(parts.legs) == 2
    assert sum(each.delivers.units for each in parts.legs) == AMOUNT.units
    assert said(parts) == [False, True]


@dataclass
class OfCoin(Priced):
    """A bridge of native coin: a flat fee, and a refund on the origin that needs a tenth of a coin."""

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        made = await super().quote(payment, source, held, native, rpcs)
        refund = RefundCost(source, Wei(10**17), Wei(0))
        return made and replace(made, needs=Wei(made.pays.units + 10**12), refund=refund)


@pytest.mark.parametrize(("tenths", "short"), [(17, False), (19, True)])
def test_several_sources_keep_it_unless_the_amount_needs_it(tenths: int, short: bool) -> None:
    """Of two coins, each on a chain of its own."""
    payment = replace(PAYMENT, amount=Amount(tenths * 10**17, TARGET.native))
    bridge = OfCoin("b", {"left": (10**10, 0), "third": (10**10, 0)})
    made = plan([bridge], holding(ORIGIN, 0), empty(TARGET), holding(THIRD, 0), payment=payment)
    assert sum(each.delivers.units for each in made.legs) == payment.amount.units
    warned = [any("no gas for a refund" in note for note in each.notes) for each in made.legs]
    assert (len(made.legs), any(warned)) == (2, short)


def empty(chain: Chain) -> Holdings:
    return Holdings(chain, {chain.native: 0}, 3000.0, UnixTime(1))


@pytest.mark.lab
def test_what_max_leaves_pays_for_the_refund(home: Home, no_solver: None) -> None:
    """All the coin of a chain, no solver fills it, and nothing is brought: it is back by its own gas."""
    name, sender = home.new_account()
    home.fund(sender, "dev1", ETH="1")
    words = ("max", "ETH", f"dev2:{new_address()}", "--via", "eco", "--yes", "--json", "--timeout", "2")
    waiting = home.run(*words, "--account", name)
    assert (waiting.status, waiting.json["state"]) == (8, "bridging")
    left = home.holds(sender, "dev1", "ETH")
    assert 0 < left < 10**16
    home.must("devnet", "advance", "7300")
    back = home.run("resume", waiting.json["id"], "--json", "--account", name)
    assert (back.status, back.json["state"]) == (9, "refunded")
    assert home.holds(sender, "dev1", "ETH") > 99 * 10**16


@pytest.mark.lab
def test_an_exact_amount_that_leaves_too_little_is_named_and_still_paid(home: Home, no_solver: None) -> None:
    """Its refund has to wait for gas, as the plan said: gas that rose took what was left."""
    name, sender = home.new_account()
    home.fund(sender, "dev1", ETH="1")
    to, by = f"dev2:{new_address()}", ("--via", "eco", "--json", "--account", name)
    most = home.must("max", "ETH", to, "--dry-run", *by).json

    def warned(plan: dict[str, Any]) -> bool:
        said = "leaves no gas for a refund on Devnet 1; it would need about 0.0"
        return any(note.startswith(said) for note in plan["legs"][0]["notes"])

    assert not warned(most)
    reserve = 10**18 - int(most["legs"][0]["pays"]["base_units"])
    # Prices move meanwhile: at any price, something is left for the order and not for its refund.
    asked = (f"0.{int(most['amount']['base_units']) + reserve * part // 100:018}" for part in (40, 70, 85, 93, 97, 99))
    amount = next(amount for amount in asked if warned(home.must("plan", amount, "ETH", to, *by).json))
    waiting = home.run(amount, "ETH", to, *by, "--yes", "--timeout", "2").json
    assert waiting["state"] == "bridging"
    home.must("devnet", "advance", "7300")
    Node(home.chain("dev1").rpcs[0]).call("anvil_setBalance", sender, "0x1")
    stuck = home.run("resume", waiting["id"], *by[2:])
    assert stuck.status == 6
    assert "Devnet 1 needs" in stuck.error["message"]
    home.fund(sender, "dev1", ETH="0.01")
    assert home.run("resume", waiting["id"], *by[2:]).json["state"] == "refunded"
