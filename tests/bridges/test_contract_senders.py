"""Orders whose sender is a contract: the refund of an unfilled one goes to that contract, on its own chain.

A small contract opens orders of every bridge of the devnet and of the stand-ins, by the very transactions of a quote's
builder; the refund is asked for by another account.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from l2send.bridges import bridges_of
from l2send.bridges.across.deposit import Deposit, new_nonce
from l2send.bridges.eco.order import open_tx as open_eco
from l2send.bridges.hyperlane7683.order import open_tx as open_hyperlane7683
from l2send.bridges.oif.order import open_tx as open_oif
from l2send.core.address import Address
from l2send.core.bridge_protocol import RefundAddress
from l2send.core.calldata import APPROVE, Function
from l2send.core.effects import Opens
from l2send.core.plan import ChainAddress, Order, Payment, UnsignedTx
from l2send.core.rpc import open_rpcs
from l2send.core.settlers import EcoSettlers, HyperlaneSettlers, OifSettlers, Settlers
from l2send.core.units import Amount, UnixTime, Wei
from l2send.devnet import solver_client, state
from l2send.devnet.modes import Mode
from l2send.devnet.relays import SETTLEMENT_SECONDS
from tests.bridges.standins import StandIns, deliver_refund
from tests.support.addresses import new_address
from tests.support.settlers import across_of

pytestmark = pytest.mark.lab

EXECUTE = Function("execute(address,uint256,bytes)")


@pytest.fixture
def wallet(stand_ins: StandIns) -> Iterator[Address]:
    """A contract with 100 USDC and 1 ETH on the origin, whose orders are not filled."""
    devnet = state.require(stand_ins.home.paths.state)
    solver_client.set_mode(devnet, Mode.IGNORE)
    account = stand_ins.origin.create(stand_ins.code["ContractWallet"])
    stand_ins.home.fund(account, stand_ins.origin.chain.short_name, USDC="100", ETH="1")
    yield account
    solver_client.set_mode(devnet, Mode.FILL)


def written(world: StandIns, bridge: str, payment: Payment, pays: Amount, deadline: UnixTime) -> UnsignedTx:
    """The `open` of that bridge, from the origin's settlers to the target's."""

    def listed(kind: type[Settlers]) -> tuple[Settlers, Settlers]:
        found = [side.chain.settlers_of(bridge, kind) for side in (world.origin, world.target)]
        assert found[0]
        assert found[1]
        return found[0], found[1]

    match bridge:
        case "eco":
            here, there = listed(EcoSettlers)
            assert isinstance(here, EcoSettlers)
            assert isinstance(there, EcoSettlers)
            return open_eco(here, there, payment, pays, deadline)
        case "hyperlane7683":
            here, there = listed(HyperlaneSettlers)
            assert isinstance(here, HyperlaneSettlers)
            assert isinstance(there, HyperlaneSettlers)
            return open_hyperlane7683(here, there, payment, pays, deadline)
        case _:
            here, there = listed(OifSettlers)
            assert isinstance(here, OifSettlers)
            assert isinstance(there, OifSettlers)
            return open_oif(here, there, payment, pays, deadline)


def opened(world: StandIns, wallet: Address, bridge: str, token: str, units: int) -> Order:
    """An order of that bridge that the contract has opened."""
    pays, delivers = (Amount(units, side.chain.token(token)) for side in (world.origin, world.target))
    payment = Payment(wallet, ChainAddress(world.target.chain.chain_id, new_address()), delivers)
    now = max(
        int(side.node.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16) for side in world.sides.values()
    )
    tx = written(world, bridge, payment, pays, UnixTime(now + 3600))
    effect = bridges_of(world.registry)[bridge].effects(tx, world.registry)
    assert isinstance(effect, Opens)
    assert effect.order.sender == wallet
    if pays.token.address:
        world.origin.must(wallet, EXECUTE.encode(pays.token.address, 0, APPROVE.encode(tx.to, units)))
    world.origin.must(wallet, EXECUTE.encode(tx.to, tx.value, tx.data))
    return effect.order


@pytest.mark.parametrize(
    ("bridge", "token", "units"),
    [
        ("eco", "USDC", 10_000_000),
        ("eco", "ETH", 10**17),
        ("hyperlane7683", "USDC", 10_000_000),
        ("hyperlane7683", "ETH", 10**17),
        ("oif", "USDC", 10_000_000),
    ],
)
def test_an_unfilled_order_of_a_contract_is_refunded_to_it(
    stand_ins: StandIns, wallet: Address, bridge: str, token: str, units: int
) -> None:
    name, home = stand_ins.origin.chain.short_name, stand_ins.home
    before = home.holds(wallet, name, token)
    order = opened(stand_ins, wallet, bridge, token, units)
    assert home.holds(wallet, name, token) == before - units
    stand_ins.advance(4 * 3600)

    async def ask() -> UnsignedTx:
        async with open_rpcs(stand_ins.registry) as rpcs:
            step = await bridges_of(stand_ins.registry)[bridge].refund(order, rpcs)
            assert step
            return step.tx

    tx = asyncio.run(ask())
    stand_ins.sides[tx.chain_id].must(tx.to, tx.data, tx.value)
    if bridge == "hyperlane7683":
        deliver_refund(stand_ins, order)
    assert home.holds(wallet, name, token) == before
    assert bridges_of(stand_ins.registry)[bridge].contract_senders.ok


def test_every_bridge_says_whether_a_contract_may_be_the_sender(stand_ins: StandIns) -> None:
    said = {name: bridge.contract_senders for name, bridge in bridges_of(stand_ins.registry).items()}
    assert {name for name, one in said.items() if not one.ok} == {"across-gasless", "sponsor"}
    assert {name for name, one in said.items() if one.refunds_to is RefundAddress.SENDER} == {"hyperlane7683"}
    assert all(one.why.endswith(".") for one in said.values())


@pytest.mark.parametrize(("token", "back", "units"), [("USDC", "USDC", 10_000_000), ("WETH", "WETH", 10**17)])
def test_across_pays_a_contract_back_by_itself(
    stand_ins: StandIns, wallet: Address, token: str, back: str, units: int
) -> None:
    """A deposit of the contract at the SpokePool; of coin, which the pool wraps, the wrapped token comes back."""
    name, home, origin, target = stand_ins.origin.chain.short_name, stand_ins.home, stand_ins.origin, stand_ins.target
    before = home.holds(wallet, name, back)
    blocks = [side.node.call("eth_getBlockByNumber", "latest", False) for side in (origin, target)]
    now, later = (pick(int(block["timestamp"], 16) for block in blocks) for pick in (min, max))
    given, wanted = (side.chain.token(token).address for side in (origin, target))
    assert given
    assert wanted
    deposit = Deposit(
        origin=origin.chain.chain_id,
        destination=target.chain.chain_id,
        depositor=wallet,
        recipient=new_address(),
        input_token=given,
        input_units=units,
        output_token=wanted,
        output_units=units,
        nonce=new_nonce(wallet),
        fill_deadline=later + 3600,
    )
    pool, value = across_of(origin.chain).spoke_pool, units if token == "WETH" else 0
    tx = UnsignedTx(origin.chain.chain_id, pool, Wei(value), deposit.unsafe_deposit(now - 60))
    effect = bridges_of(stand_ins.registry)["across"].effects(tx, stand_ins.registry)
    assert isinstance(effect, Opens)
    assert effect.order.sender == wallet
    if not value:
        origin.must(wallet, EXECUTE.encode(given, 0, APPROVE.encode(pool, units)))
    origin.must(wallet, EXECUTE.encode(tx.to, tx.value, tx.data))
    stand_ins.advance(3700 + SETTLEMENT_SECONDS)
    until = time.monotonic() + 30
    while home.holds(wallet, name, back) != before + (units if value else 0) and time.monotonic() < until:
        time.sleep(0.5)
    assert home.holds(wallet, name, back) == before + (units if value else 0)
