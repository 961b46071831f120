"""One payment from three chains, on one of which the sender holds the token and no gas: a sponsor opens that leg.

Real settlers, Permit2 and USDC on the devnet; its sponsor, or one that refuses. Every amount is read from the chains.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from l2send.client import Client
from l2send.core.address import Address
from l2send.core.bridge_protocol import OrderState
from l2send.core.errors import NotFinal, Refused, Sent
from l2send.core.paths import Paths
from l2send.core.units import Wei
from l2send.devnet import faucet
from l2send.devnet.modes import Mode
from l2send.devnet.node import Node
from l2send.devnet.relays import SETTLEMENT_SECONDS
from l2send.devnet.state import require
from l2send.review import Review
from l2send.wallet.failpoints import Failpoint
from l2send.wallet.journal.records import GroupRecord, PaymentRecord, Record
from l2send.wallet.journal.states import PaymentState, SponsoredState
from l2send.wallet.legs import missing
from tests.bridges.standins import order_state
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.gasless import GASLESS, LATER, USDC, Broke, forwarding, mode, signatures, submit

pytestmark = pytest.mark.lab

POOR, TARGET = "dev1", "dev4"
CHAINS = (POOR, "dev2", "dev3")
"""Each holds 40 USDC; all but the first hold gas too."""
EACH, AMOUNT = 40 * USDC, 100 * USDC
_TRIES = 30


@dataclass
class Payer:
    """An account with gas on two chains of three, and a recipient."""

    broke: Broke
    to: Address = field(default_factory=new_address)

    def holds(self) -> dict[str, int]:
        return {chain: self.broke.home.holds(self.broke.address, chain) for chain in CHAINS}

    def arrived(self) -> int:
        return self.broke.home.holds(self.to, TARGET)

    def plan(self) -> Review:
        async def use(client: Client) -> Review:
            to = client.destination(f"{TARGET}:{self.to}")
            return await client.plan(client.payment(self.broke.address, "100", "USDC", to))

        return self.broke.do(use)

    def begin(self) -> GroupRecord:
        review = self.plan()

        async def use(client: Client) -> Record:
            return client.begin(review)

        group = self.broke.do(use)
        assert isinstance(group, GroupRecord)
        return group

    def resume(self, group: Record, patience: float = 30.0) -> Record:
        return self.broke.do(lambda client: client.resume(group.id, self.broke.signer, patience=patience))

    def look(self, group: Record) -> Record:
        return self.broke.do(lambda client: client.status(group.id))

    def until(self, group: Record, reached: Callable[[Record], bool]) -> Record:
        """Resume it until it is there; it does not end meanwhile."""
        for _ in range(_TRIES):
            with pytest.raises(NotFinal):
                self.resume(group, 1.5)
            group = self.look(group)
            if reached(group):
                return group
        raise AssertionError(group)


@pytest.fixture
def payer(home: Home, tmp_path: Path) -> Payer:
    made = Payer(Broke(home, require(home.paths.state), Paths.under(tmp_path / "mine")))
    fund(home, made.broke.address)
    assert made.broke.has_no_gas()
    return made


def fund(home: Home, address: Address) -> None:
    for chain in CHAINS:
        home.fund(address, chain, USDC="40", **({} if chain == POOR else {"ETH": "1"}))


def sponsored_leg(group: Record) -> PaymentRecord:
    (leg,) = (leg for leg in group.legs if leg.sponsored)
    return leg


def messages_of(group: Record) -> SponsoredState:
    record = sponsored_leg(group).sponsored
    assert record
    return record.state


def own_are(state: OrderState) -> Callable[[Record], bool]:
    """Whether the orders of the legs with gas of their own are there."""
    return lambda group: all(order_state(leg) is state for leg in group.legs if not leg.sponsored)


def test_three_chains_pay_and_one_of_them_has_no_gas(home: Home, payer: Payer) -> None:
    """By the command itself: what the plan says, what is signed, what left and what arrived."""
    name, address = home.new_account()
    fund(home, address)
    words = ("100", "USDC", f"{TARGET}:{payer.to}", "--json", "--account", name)
    plan = home.must("plan", *words).json
    by_chain = {leg["source"]: leg for leg in plan["legs"]}
    assert set(by_chain) == set(CHAINS)
    assert {chain: leg["bridge"] == GASLESS for chain, leg in by_chain.items()} == {c: c == POOR for c in CHAINS}
    poor = by_chain[POOR]
    assert (poor["messages"], poor["transactions"]) == (["permit", "open_for"], 0)
    assert any("a sponsor sends the transactions" in note for note in poor["notes"])
    assert any("refund on Devnet 1 would come by itself" in note for note in poor["notes"])
    fees = {fee["name"]: fee for fee in poor["fees"]}
    assert fees["sponsor fee"]["amount"]["human"] == "0.07"
    assert fees["sponsor fee"]["usd"] == pytest.approx(0.07)
    assert plan["cost_usd"] == pytest.approx(sum(fee["usd"] for leg in plan["legs"] for fee in leg["fees"]))

    paid = home.must(*words, "--yes").json
    assert (paid["state"], payer.arrived()) == ("delivered", AMOUNT)
    for leg in paid["legs"]:
        assert home.holds(address, leg["source"]) == EACH - int(leg["pays"]["base_units"])
    assert home.holds(address, POOR, "ETH") == 0
    assert {tx["chain"] for tx in paid["transactions"]} == set(CHAINS) - {POOR}
    assert (payer.broke.deposits(address), payer.broke.allowed(address)) == (1, 0)


def test_a_source_with_gas_is_taken_before_one_that_costs_a_sponsor(payer: Payer) -> None:
    """Of three that hold enough for two: the sponsor's fee counts as every other does, and gas is cheap or dear."""
    payer.broke.home.fund(payer.broke.address, "dev2", USDC="25")
    gas_costs(payer.broke.home, Wei(10**6))
    plan = payer.plan().plan
    costs = [way.cost_usd for way in (plan.way, *plan.alternatives)]
    assert plan.way.cost_usd == min(cost for cost in costs if cost is not None)
    gas_costs(payer.broke.home, Wei(2 * 10**9))
    assert {leg.source.short_name for leg in payer.plan().plan.legs} == {"dev2", POOR}
    gas_costs(payer.broke.home, Wei(10**6))


def gas_costs(home: Home, base_fee: Wei) -> None:
    """On the chains where the sender has gas, after so many empty blocks that no tip counts."""
    for chain in set(CHAINS) - {POOR}:
        node = Node(require(home.paths.state).chain(chain).rpc_url)
        node.call("anvil_mine", "0x20")
        node.call("anvil_setNextBlockBaseFeePerGas", hex(base_fee))
        node.call("anvil_mine", "0x1")


def test_where_no_solver_fills_every_leg_comes_back(payer: Payer) -> None:
    """The gasless one without gas: Across pays it back by itself."""
    before = payer.holds()
    with mode(payer.broke.home, Mode.IGNORE):
        group = payer.until(payer.begin(), own_are(OrderState.OPEN))
        submit(payer.broke, sponsored_leg(group))
        group = payer.look(group)
        assert (group.state, messages_of(group)) == (PaymentState.BRIDGING, SponsoredState.OPENED)
        assert all(payer.holds()[chain] < EACH for chain in CHAINS)
        faucet.advance(payer.broke.home.paths.state, 7300)
        assert payer.look(group).state is PaymentState.REFUND_DUE
        faucet.advance(payer.broke.home.paths.state, SETTLEMENT_SECONDS)
        for _ in range(_TRIES):
            group = payer.resume(group)
            if group.state is PaymentState.REFUNDED:
                break
            for chain in CHAINS:
                Node(payer.broke.home.chain(chain).rpcs[0]).call("evm_mine")
    assert (group.state, payer.arrived()) == (PaymentState.REFUNDED, 0)
    assert payer.holds() == before == dict.fromkeys(CHAINS, EACH)
    assert payer.broke.has_no_gas()


def test_a_sponsor_that_refuses_costs_its_leg_alone_and_nothing_is_stranded(payer: Payer) -> None:
    """The others are delivered; its own money never leaves, and what is missing is said."""
    with forwarding(payer.broke, lambda _: {"status": "rejected", "message": "no gas today"}) as posted:
        group = payer.until(payer.begin(), own_are(OrderState.FILLED))
        assert posted, "the sponsor was not asked, so this test showed nothing"
        assert (group.state, messages_of(group)) == (PaymentState.PARTLY_DELIVERED, SponsoredState.SIGNED)
        first = signatures(sponsored_leg(group))
        faucet.advance(payer.broke.home.paths.state, LATER)
        group = payer.resume(group)
    left = sponsored_leg(group)
    assert (group.state, left.state) == (PaymentState.PARTLY_PAID, PaymentState.EXPIRED)
    assert len(set(posted)) == 1
    assert signatures(left) == first
    assert (payer.holds()[POOR], payer.broke.deposits(), payer.broke.allowed()) == (EACH, 0, 0)
    rest = missing(group)
    assert rest
    assert rest.amount == left.payment.amount
    assert payer.arrived() == AMOUNT - rest.amount.units


def spend_permit(payer: Payer, group: GroupRecord) -> None:
    """Pay another recipient from the chain without gas: the token's next permit is used by that."""
    payer.broke.home.fund(payer.broke.address, POOR, USDC="30")
    other = payer.broke.begin(payer.broke.plan(amount="20", via=GASLESS))
    assert payer.broke.resume(other).state is PaymentState.DELIVERED


def let_it_run_out(payer: Payer, group: GroupRecord) -> None:
    faucet.advance(payer.broke.home.paths.state, 61, POOR)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(spend_permit, "another permit of the token was used"), (let_it_run_out, "its quote expired")],
)
def test_nothing_is_opened_where_the_gasless_leg_cannot_be(
    payer: Payer, spoil: Callable[[Payer, GroupRecord], None], words: str
) -> None:
    group = payer.begin()
    spoil(payer, group)
    before = payer.holds()
    with pytest.raises(Refused, match="cancelled before anything was opened") as refused:
        payer.resume(group)
    assert words in refused.value.message
    assert (refused.value.sent, payer.look(group).state) == (Sent.NO, PaymentState.CANCELLED)
    assert (payer.holds(), payer.arrived()) == (before, 0)


PASSES = {
    Failpoint.PLANNED: 5,
    Failpoint.LOCKED: 5,
    Failpoint.NONCE_CHOSEN: 4,
    Failpoint.SIGNED: 5,
    Failpoint.JOURNALED: 5,
    Failpoint.BEFORE_BROADCAST: 5,
    Failpoint.AFTER_BROADCAST: 5,
    Failpoint.BROADCAST: 5,
    Failpoint.MINED: 5,
    Failpoint.FINAL: 2,
    Failpoint.ORDER_OPENED: 2,
    Failpoint.ORDER_FILLED: 3,
}
"""How often one such payment passes each place: two approvals, two orders, and the messages."""
_MIDDLE = os.environ.get("L2SEND_LAB") == "full"
KILLS = [
    f"{place}:{count}"
    for place, most in PASSES.items()
    for count in sorted({1, most} | ({-(-most // 2)} if _MIDDLE else set()))
]
"""The first and the last time that a payment passes each place; with `L2SEND_LAB=full` the one in the middle too."""


@pytest.fixture(scope="module")
def tally(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Which kills were proven and resumed, printed when all are over."""
    done = list[str]()
    yield done
    capture: Any = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n[gasless legs] killed at {len(done)} of {len(KILLS)} places, resumed, paid exactly once")


def test_every_place_is_killed_at() -> None:
    assert set(PASSES) == set(Failpoint)


@pytest.mark.parametrize("place", KILLS)
def test_killed_anywhere_it_pays_once(home: Home, payer: Payer, tmp_path: Path, tally: list[str], place: str) -> None:
    name, address = home.new_account()
    fund(home, address)
    proof = tmp_path / "proof"
    environment = {"ETH_KEYSTORE_ACCOUNT": name, "L2SEND_FAILPOINT": place, "L2SEND_FAILPOINT_PROOF": str(proof)}
    killed = home.run("100", "USDC", f"{TARGET}:{payer.to}", "--yes", **environment)
    assert (killed.status, proof.exists()) == (-9, True), "it was not killed there, so this test showed nothing"
    (payment,) = [p for p in home.must("history", "--json").json["payments"] if p["sender"] == address]
    resumed = home.must("resume", payment["id"], "--json", ETH_KEYSTORE_ACCOUNT=name).json
    again = home.must("resume", payment["id"], "--json", ETH_KEYSTORE_ACCOUNT=name).json
    assert resumed["state"] == again["state"] == "delivered"
    assert payer.arrived() == AMOUNT
    for leg in resumed["legs"]:
        assert home.holds(address, leg["source"]) == EACH - int(leg["pays"]["base_units"]), leg
    assert (payer.broke.deposits(address), payer.broke.allowed(address)) == (1, 0)
    tally.append(place)
