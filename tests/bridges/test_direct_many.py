"""Many transfers priced in few requests: the same gas as one by one, and each failure is reported for its own line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from l2send.bridges.direct import Direct
from l2send.bridges.direct_many import market_of, quote_transfers, quote_transfers_later
from l2send.core.errors import Refused
from l2send.core.plan import ChainAddress, Payment, Quote
from l2send.core.rpc import Rpc, Rpcs, open_rpcs
from l2send.core.units import Amount
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.paying import Payer

T = TypeVar("T")


@pytest.fixture(scope="module")
def payer(home: Home) -> Payer:
    return Payer(home, "dev1", "dev3")


def payments(payer: Payer, chain: str, count: int, token: str = "USDC") -> list[Payment]:
    target = payer.home.chain(chain)
    amount = Amount(1_000, target.token(token))
    return [Payment(payer.address, ChainAddress(target.chain_id, new_address()), amount) for _ in range(count)]


def ask(payer: Payer, work: Callable[[Rpcs], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_rpcs(payer.home.registry) as rpcs:
            return await work(rpcs)

    return asyncio.run(run())


def rpc_of(rpcs: Rpcs, wanted: list[Payment]) -> Rpc:
    return rpcs.on(wanted[0].to.chain_id)


@pytest.mark.parametrize(("chain", "token"), [("dev1", "USDC"), ("dev1", "ETH"), ("dev3", "USDC")])
def test_each_costs_what_it_costs_by_itself(payer: Payer, chain: str, token: str) -> None:
    wanted = payments(payer, chain, 3, token)

    async def both(rpcs: Rpcs) -> tuple[list[Quote | Refused], Quote | None]:
        rpc = rpc_of(rpcs, wanted)
        alone = await Direct().quote(wanted[0], rpc.chain, wanted[0].amount, Amount(10**18, rpc.chain.native), rpcs)
        return await quote_transfers(wanted, await market_of(rpc, wanted[0]), rpc), alone

    many, alone = ask(payer, both)
    assert alone is not None
    for quote in many:
        assert isinstance(quote, Quote)
        assert (quote.pays, quote.duration) == (alone.pays, alone.duration)
        assert abs(quote.steps[0].gas - alone.steps[0].gas) <= 200, "zeros in an address cost less"
        assert [fee.name for fee in quote.fees] == [fee.name for fee in alone.fees]
    assert len({quote.steps[0].tx for quote in many if isinstance(quote, Quote)}) == 3


def test_one_that_would_revert_is_told_apart_among_sixty(payer: Payer) -> None:
    wanted = payments(payer, "dev1", 60, "ETH")
    payer.node("dev1").call("anvil_setCode", wanted[55].to.address, "0x5f5ffd")

    async def work(rpcs: Rpcs) -> list[Quote | Refused]:
        rpc = rpc_of(rpcs, wanted)
        return await quote_transfers(wanted, await market_of(rpc, wanted[0]), rpc)

    found = ask(payer, work)
    assert [place for place, quote in enumerate(found) if isinstance(quote, Refused)] == [55]


def test_before_the_money_is_there_the_cost_is_known_within_a_fifth(payer: Payer) -> None:
    wanted = payments(payer, "dev1", 3)

    async def work(rpcs: Rpcs) -> tuple[list[Quote | Refused], list[Quote]]:
        rpc = rpc_of(rpcs, wanted)
        market = await market_of(rpc, wanted[0])
        return await quote_transfers(wanted, market, rpc), await quote_transfers_later(wanted, market, rpc)

    now, later = ask(payer, work)
    for quote, guess in zip(now, later, strict=True):
        assert isinstance(quote, Quote)
        assert 1 <= guess.fees[0].amount.units / quote.fees[0].amount.units < 1.2
        assert guess.steps[0].gas >= quote.steps[0].gas
