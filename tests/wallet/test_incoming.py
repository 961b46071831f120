"""Incoming money: counted once it has enough confirmations by enough endpoints, and only from then on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from l2send.core.address import Address
from l2send.core.chains import Registry
from l2send.core.rpc import Rpc, open_rpcs
from l2send.core.units import Amount
from l2send.wallet.incoming import Arrivals, Expected, Incoming, Place, expect, look, look_everywhere, wait_for
from tests.support.addresses import new_address
from tests.support.faultproxy import FaultProxy
from tests.wallet.rig import ETHER, NATIVE, Rig

T = TypeVar("T")


def ask(rig: Rig, work: Callable[[Rpc], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_rpcs(Registry({rig.chain.short_name: rig.chain})) as rpcs:
            return await work(rpcs.on(rig.chain.chain_id))

    return asyncio.run(run())


def give(rig: Rig, to: Address, wei: int) -> None:
    rig.node.call("anvil_setBalance", to, hex(rig.node.balance(to) + wei))
    rig.node.mine(1)


def begin(rig: Rig, to: Address, wei: int = ETHER) -> Expected:
    return ask(rig, lambda rpc: expect(Amount(wei, NATIVE), to, rpc))


def seen(rig: Rig, expected: Expected) -> Incoming:
    return ask(rig, lambda rpc: look(expected, rpc))


def test_what_was_there_before_does_not_count(own_rig: Rig) -> None:
    to = new_address()
    give(own_rig, to, 5 * ETHER)
    expected = begin(own_rig, to)
    assert not seen(own_rig, expected).is_enough(expected)
    give(own_rig, to, ETHER - 1)
    assert seen(own_rig, expected).settled.units == ETHER - 1
    assert not seen(own_rig, expected).is_enough(expected)
    give(own_rig, to, 1)
    assert seen(own_rig, expected).is_enough(expected)


def test_it_counts_once_it_is_as_deep_as_the_chain_needs(own_rig: Rig) -> None:
    own_rig.confirmations = 3
    to = new_address()
    expected = begin(own_rig, to)
    give(own_rig, to, ETHER)
    for _ in range(2):
        found = seen(own_rig, expected)
        assert (found.seen.units, found.settled.units, found.is_enough(expected)) == (ETHER, 0, False)
        own_rig.node.mine(1)
    assert seen(own_rig, expected).is_enough(expected)


def test_an_endpoint_that_denies_it_stops_it(own_rig: Rig) -> None:
    to = new_address()
    with FaultProxy(own_rig.node.url) as proxy:
        both = own_rig.through(own_rig.node.url, proxy.url)
        expected = begin(both, to)
        give(own_rig, to, ETHER)
        proxy.lie("eth_getBalance", "0x0")
        found = seen(both, expected)
        assert proxy.sent("eth_getBalance"), "the lie was told"
        assert (found.settled.units, found.is_enough(expected)) == (ETHER, False)
        assert "does not show it" in found.doubt
        proxy.stop_lying("eth_getBalance")
        assert seen(both, expected).is_enough(expected)


def test_an_endpoint_that_is_behind_does_not_make_what_came_before_count(own_rig: Rig) -> None:
    """The first endpoint stood still before the account was paid; the waiting begins after it."""
    to = new_address()
    with FaultProxy(own_rig.node.url) as proxy:
        both = own_rig.through(proxy.url, own_rig.node.url)
        proxy.lie("eth_blockNumber", hex(own_rig.node.height()))
        give(own_rig, to, ETHER)
        assert begin(both, to).since == own_rig.node.height()
        assert proxy.sent("eth_blockNumber"), "the lie was told"


def test_a_chain_that_does_not_answer_is_asked_again_until_the_time_is_over(own_rig: Rig) -> None:
    told, expected = list[Arrivals](), begin(own_rig, new_address())
    nowhere = own_rig.through("http://127.0.0.1:1")
    last = ask(nowhere, lambda rpc: wait_for([Place(expected, rpc)], told.append, patience=0.5, pause=0.1))
    assert not last.is_enough()
    assert last.doubts
    assert len(told) == 1, "said once, not at every look"


def test_parts_on_several_chains_add_up_and_a_silent_one_does_not_count(own_rig: Rig) -> None:
    """The second place is the same chain, paid at another account: two balances that are looked at by themselves."""
    one, other = new_address(), new_address()
    first, second = begin(own_rig, one), begin(own_rig, other)

    def looked(*, silent: bool = False) -> Arrivals:
        async def work(rpc: Rpc) -> Arrivals:
            async with open_rpcs(Registry({"far": own_rig.through("http://127.0.0.1:1").chain})) as far:
                at = far.on(own_rig.chain.chain_id) if silent else rpc
                places = (Place(first, rpc), Place(second, at))
                nothing = Incoming(Amount(0, NATIVE), Amount(0, NATIVE))
                return await look_everywhere(Arrivals(places, (nothing, nothing)))

        return ask(own_rig, work)

    give(own_rig, one, ETHER // 2)
    assert (looked().settled.units, looked().is_enough()) == (ETHER // 2, False)
    give(own_rig, other, ETHER // 2)
    assert (looked().settled.units, looked().is_enough()) == (ETHER, True)
    assert (looked(silent=True).is_enough(), len(looked(silent=True).doubts)) == (False, 1)
    give(own_rig, one, ETHER // 2)
    assert looked(silent=True).is_enough(), "what one chain shows alone is enough"
