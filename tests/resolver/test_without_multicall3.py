"""Chains without a known Multicall3: the same answers and the same payments, in more requests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from l2send.core.address import Address
from l2send.core.calldata import BALANCE_OF, Function
from l2send.core.chains import Registry
from l2send.core.rpc import Aggregate, Call, open_rpcs
from l2send.devnet.node import Node
from l2send.resolver.balances import Snapshot, take_snapshot
from l2send.wallet.journal.states import PaymentState
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.paying import Payer


@pytest.fixture
def without(home: Home) -> Iterator[Registry]:
    """The devnet's registry without Multicall3, which is gone from the chains too."""
    erased: list[tuple[Node, Address, str]] = []
    for chain in home.registry:
        assert chain.multicall3
        node = Node(chain.rpcs[0])
        erased.append((node, chain.multicall3, node.call("eth_getCode", chain.multicall3, "latest")))
        node.call("anvil_setCode", chain.multicall3, "0x")
    chains = {name: replace(chain, multicall3=None) for name, chain in home.registry.by_name.items()}
    yield replace(home.registry, by_name=chains)
    for node, address, code in erased:
        node.call("anvil_setCode", address, code)


def snapshot(registry: Registry, account: Address) -> Snapshot:
    async def look() -> Snapshot:
        async with open_rpcs(registry) as rpcs:
            return await take_snapshot(account, rpcs)

    return asyncio.run(look())


def read(registry: Registry, *calls: Call) -> Aggregate:
    async def ask() -> Aggregate:
        async with open_rpcs(registry) as rpcs:
            return await rpcs.on(registry.named("dev1").chain_id).aggregate(calls)

    return asyncio.run(ask())


def test_the_balances_are_the_same(home: Home, request: pytest.FixtureRequest) -> None:
    payer = Payer(home, "dev1", "dev3")
    before = snapshot(home.registry, payer.address)
    without: Registry = request.getfixturevalue("without")
    assert all(holdings.error for holdings in snapshot(home.registry, payer.address).chains)
    after = snapshot(without, payer.address)
    assert [h.units for h in after.chains] == [h.units for h in before.chains]
    assert [h.native_usd for h in after.chains] == [h.native_usd for h in before.chains]
    assert before.chains[0].native_usd
    assert not after.unknown


def test_a_read_that_reverts_is_none_and_the_others_stand(home: Home, without: Registry) -> None:
    usdc = home.chain("dev1").token("USDC").address
    nothing = Function("thereIsNoSuchFunction()", "uint256")
    answer = read(without, Call(usdc, BALANCE_OF, (new_address(),)), Call(usdc, nothing), Call(new_address(), nothing))
    assert answer.values == ((0,), None, None)
    assert 0 <= Node(home.chain("dev1").rpcs[0]).now() - answer.timestamp <= 60


def test_a_payment_over_a_bridge(home: Home, without: Registry) -> None:
    payer, recipient = Payer(home, "dev1", registry=without), new_address()
    record = payer.resume(payer.begin(payer.plan("25", f"dev4:{recipient}")).id)
    assert record.state is PaymentState.DELIVERED
