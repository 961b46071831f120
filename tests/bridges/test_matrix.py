"""Every bridge, from one chain and from three, a token and the native coin, delivered and refunded.

Eco and Across are the real contracts, filled and settled by the devnet's solver. Hyperlane7683 and OIF are
stand-ins (tests/contracts), whose solver and messenger this test is. What was paid is read from the chains.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from l2send.bridges.oif.order import PROOF_TIME
from l2send.client import Client
from l2send.core.address import Address
from l2send.core.bridge_protocol import OrderState
from l2send.core.errors import CannotPay, NotFinal
from l2send.core.plan import Order
from l2send.core.units import parse_amount
from l2send.devnet import solver_client, state
from l2send.devnet.modes import Mode
from l2send.devnet.node import Node
from l2send.devnet.relays import SETTLEMENT_SECONDS
from l2send.resolver.way_limits import Limits
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.journal.states import PaymentState
from tests.bridges.standins import (
    ORIGINS,
    TARGET,
    Payer,
    StandIns,
    deliver_refund,
    fill_hyperlane7683,
    fill_oif,
    order_of,
    order_state,
)
from tests.support.addresses import new_address

pytestmark = pytest.mark.lab

BRIDGES = ("eco", "across", "hyperlane7683", "oif")
PAYS = {("USDC", 1): "20", ("USDC", 3): "100", ("ETH", 1): "0.1", ("ETH", 3): "2.5"}
"""Of 40 USDC and 1 ETH on each chain: the greater ones need all three."""
GAS = 10**16
"""Wei: more than the transactions of a leg cost on a devnet."""
CELLS = [
    cell
    for cell in itertools.product(BRIDGES, (1, 3), ("USDC", "ETH"), ("delivered", "refunded"))
    if cell[0] != "oif" or cell[2] != "ETH"
]
_TRIES = 60
GIFT = "0.001"

Held = dict[tuple[str, str], int]


@pytest.fixture(scope="module")
def tally(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Which cells were played to their end, printed when all are over."""
    played = list[str]()
    yield played
    capture: Any = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n[bridges] {len(played)} of {len(CELLS)} payments delivered or refunded, by the chains' own count")


@pytest.fixture
def ignoring(stand_ins: StandIns) -> Iterator[None]:
    """No solver fills before all is open."""
    set_mode(stand_ins, Mode.IGNORE)
    yield
    set_mode(stand_ins, Mode.FILL)


def set_mode(world: StandIns, mode: Mode) -> None:
    solver_client.set_mode(state.require(world.home.paths.state), mode)


@dataclass
class Player:
    """The payer of one cell."""

    world: StandIns
    payer: Payer

    def held(self, account: Address) -> Held:
        """Base units by chain and token, read from the chains."""

        async def look(client: Client) -> Held:
            snapshot = await client.balances(account)
            amounts = {
                (holdings.chain.short_name, token.symbol): holdings.held(token)
                for holdings in snapshot.chains
                for token in holdings.chain.assets
            }
            return {key: amount.units for key, amount in amounts.items() if amount is not None}

        return self.payer.with_client(look)

    def open(self, bridge: str, sources: tuple[str, ...], token: str, to: Address) -> Record:
        """Pay, and stop once every leg's money is locked and none is filled."""

        async def use(client: Client) -> Record:
            payment = client.payment(
                self.payer.address, PAYS[token, len(sources)], token, client.destination(f"{TARGET}:{to}")
            )
            record = client.begin(await client.plan(payment, Limits(from_chains=sources, via=bridge)))
            for _ in range(_TRIES):
                try:
                    await client.resume(record.id, self.payer.signer, patience=1)
                except NotFinal:
                    record = await client.status(record.id)
                if all(leg.order and order_state(leg) is OrderState.OPEN for leg in record.legs):
                    return record
            raise AssertionError(record)

        return self.payer.with_client(use)

    def resume(self, record: Record) -> Record:
        return self.payer.with_client(lambda client: client.resume(record.id, self.payer.signer, patience=60))

    def status(self, record: Record) -> Record:
        return self.payer.with_client(lambda client: client.status(record.id))


@pytest.fixture
def player(stand_ins: StandIns, tmp_path: Path) -> Player:
    return Player(stand_ins, stand_ins.payer(tmp_path, ORIGINS, "40"))


def orders(record: Record) -> list[Order]:
    return [order_of(leg) for leg in record.legs]


def let_fill(world: StandIns, bridge: str, record: Record) -> None:
    if bridge in {"eco", "across"}:
        set_mode(world, Mode.FILL)
    for order in orders(record):
        if bridge == "hyperlane7683":
            fill_hyperlane7683(world, order)
        if bridge == "oif":
            fill_oif(world, order)


def refunded(player: Player, bridge: str, record: Record) -> Record:
    """The payment once its money is back: each protocol's own way there."""
    world = player.world
    for chain in ORIGINS:
        world.home.fund(player.payer.address, chain, ETH=GIFT)  # Who paid with all of the coin has no gas left.
    world.advance(3700 if bridge == "across" else 3700 + PROOF_TIME)
    due = player.status(record)
    assert due.state is PaymentState.REFUND_DUE, "expired is not refunded"
    if bridge == "across":
        world.advance(SETTLEMENT_SECONDS)
        return wait_for(lambda: player.status(record), world)
    if bridge == "hyperlane7683":
        world.home.fund(player.payer.address, TARGET, ETH="0.1")
        assert player.resume(record).state is PaymentState.REFUND_DUE, "the message is still on its way"
        for order in orders(record):
            deliver_refund(world, order)
        return player.status(record)
    return player.resume(record)


def wait_for(look: Callable[[], Record], world: StandIns) -> Record:
    """The devnet's HubPool settles when it next looks at the chains."""
    record = look()
    for _ in range(_TRIES):
        if record.state is PaymentState.REFUNDED:
            return record
        for side in world.sides.values():
            Node(side.chain.rpcs[0]).call("evm_mine")
        record = look()
    raise AssertionError(record)


@pytest.mark.parametrize(("bridge", "chains", "token", "end"), CELLS, ids=["-".join(map(str, c)) for c in CELLS])
def test_paid_or_given_back(
    player: Player, ignoring: None, tally: list[str], bridge: str, chains: int, token: str, end: str
) -> None:
    to, sources, before = new_address(), ORIGINS[:chains], player.held(player.payer.address)
    opened = player.open(bridge, sources, token, to)
    assert {(leg.terms.bridge, order_of(leg).origin) for leg in opened.legs} == {
        (bridge, player.world.registry.named(chain).chain_id) for chain in sources
    }
    assert player.held(to)[TARGET, token] == 0, "a solver filled it at once"
    if end == "delivered":
        let_fill(player.world, bridge, opened)
        done = player.resume(opened)
    else:
        done = refunded(player, bridge, opened)
    assert done.state is PaymentState(end), done
    assert player.held(to)[TARGET, token] == (done.payment.amount.units if end == "delivered" else 0)
    after = player.held(player.payer.address)
    for leg in done.legs:
        money_went(leg, player.world.registry.chain(order_of(leg).origin).short_name, before, after, end)
    tally.append(f"{bridge} {chains} {token} {end}")


def money_went(leg: PaymentRecord, chain: str, before: Held, after: Held, end: str) -> None:
    """From the source exactly what the plan said, or nothing in the end; besides, gas."""
    paid, token = order_of(leg).pays.units, order_of(leg).pays.token
    left = before[chain, token.symbol] - after[chain, token.symbol]
    if end == "refunded" and token.is_native:
        left += parse_amount(GIFT, token).units
    if end == "refunded" and token.is_native and leg.terms.bridge == "across":
        assert after[chain, "WETH"] - before[chain, "WETH"] == paid, "Across pays native coin back as its wrapped token"
    elif end == "refunded":
        paid = 0
    assert paid <= left <= paid + (GAS if token.is_native else 0), (left, paid)


@pytest.mark.parametrize("chains", [1, 3])
def test_native_coin_does_not_go_through_oif(player: Player, ignoring: None, chains: int) -> None:
    with pytest.raises(CannotPay, match="the escrow of OIF takes tokens, and no native coin"):
        player.open("oif", ORIGINS[:chains], "ETH", new_address())
    assert player.held(player.payer.address)["dev2", "ETH"] == 10**18
