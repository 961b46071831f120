"""A snapshot waits a few seconds for every chain, and longer only for chains that the payment needs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from l2send.core.chains import Chain, Registry
from l2send.core.errors import NetworkError
from l2send.core.http import open_http
from l2send.core.rpc import Rpc, Rpcs
from l2send.core.units import ChainId
from l2send.devnet.deploy import ETH_USD
from l2send.resolver.balances import Patience, Snapshot, highest_native_usd, take_snapshot
from tests.bridges.registry import ORIGIN, SENDER, TARGET
from tests.conftest import Home
from tests.support.faultproxy import FaultProxy

QUICK = Patience(soon=0.6, late=2.0)


@asynccontextmanager
async def silent(drip: float | None = None) -> AsyncIterator[str]:
    """The URL of a server that takes a request and says nothing, or drips its answer and never ends it."""
    serving = set[asyncio.Task[None] | None]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        try:
            await reader.readuntil(b"\r\n\r\n")
            if drip is None:
                await asyncio.sleep(30)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(drip or 0)
        except (ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in serving:
            if task:
                task.cancel()
        await asyncio.sleep(0.05)


def unlike(chain: Chain, chain_id: int, url: str) -> Chain:
    """Another chain, whose node is at `url`."""
    named = {"short_name": f"c{chain_id}", "name": f"C{chain_id}", "chain_id": ChainId(chain_id), "rpcs": (url,)}
    return replace(chain, **named)  # type: ignore[arg-type]


async def snapshot_beside(
    known: Chain, url: str, enough: Callable[[Snapshot], bool] = lambda _: True
) -> tuple[Snapshot, float]:
    """A snapshot of `known` and of a chain whose node is at `url`, and the seconds it took."""
    registry = Registry({"dev1": known, "c5": unlike(ORIGIN, 5, url)})
    async with open_http() as http:
        started = time.monotonic()
        snapshot = await take_snapshot(SENDER, Rpcs(registry, http), enough=enough, patience=QUICK)
        return snapshot, time.monotonic() - started


@pytest.mark.parametrize("drip", [None, 0.05], ids=["silent", "dripping"])
def test_a_chain_that_is_late_is_unknown_and_costs_the_others_no_more_than_the_deadline(
    home: Home, drip: float | None
) -> None:
    async def run() -> None:
        async with silent(drip) as url:
            snapshot, seconds = await snapshot_beside(home.chain("dev1"), url)
        assert [holdings.chain.short_name for holdings in snapshot.unknown] == ["c5"]
        assert "did not answer within" in snapshot.unknown[0].error
        assert QUICK.soon <= seconds < QUICK.late

    asyncio.run(run())


def test_a_chain_that_the_payment_needs_is_waited_for_longer(home: Home) -> None:
    async def run() -> None:
        async with silent() as url:
            _, seconds = await snapshot_beside(home.chain("dev1"), url, lambda snapshot: not snapshot.unknown)
        assert seconds >= QUICK.late

    asyncio.run(run())


def test_a_node_that_refuses_is_unknown_at_once_and_never_zero(home: Home) -> None:
    async def run() -> None:
        snapshot, seconds = await snapshot_beside(home.chain("dev1"), "http://127.0.0.1:9")
        (unknown,) = snapshot.unknown
        assert unknown.held(ORIGIN.native) is None
        assert seconds < QUICK.late
        snapshot.refuse_if_offline()

    asyncio.run(run())


@pytest.mark.parametrize("drip", [None, 0.05], ids=["silent", "dripping"])
def test_where_no_chain_answers_it_is_not_waited_as_long_as_for_one_that_is_needed(drip: float | None) -> None:
    async def run() -> None:
        patience = Patience(soon=0.1, silent=0.4, late=30.0)
        async with silent(drip) as url, open_http() as http:
            registry = Registry({f"c{number}": unlike(ORIGIN, number, url) for number in (5, 6, 7)})
            started = time.monotonic()
            snapshot = await take_snapshot(SENDER, Rpcs(registry, http), patience=patience)
            assert 0.4 <= time.monotonic() - started < 10, "it waited for a chain that was not needed"
        with pytest.raises(NetworkError, match="none of the 3 chains answered"):
            snapshot.refuse_if_offline()

    asyncio.run(run())


def test_without_any_answer_there_is_one_line() -> None:
    async def run() -> None:
        registry = Registry({c.short_name: c for c in (ORIGIN, TARGET)})
        async with open_http() as http:
            snapshot = await take_snapshot(SENDER, Rpcs(registry, http), patience=QUICK)
        with pytest.raises(NetworkError, match=r"^none of the 2 chains answered\. This machine seems to be offline\.$"):
            snapshot.refuse_if_offline()

    asyncio.run(run())


def test_a_coin_without_a_feed_has_the_price_it_has_elsewhere(home: Home) -> None:
    """And the higher of two prices counts: a feed that says less than the others does not make gas cheap."""

    async def run() -> None:
        one, two = home.chain("dev1"), replace(home.chain("dev2"), price_feed=None)
        async with open_http() as http:
            snapshot = await take_snapshot(SENDER, Rpcs(Registry({"dev1": one, "dev2": two}), http))
        assert snapshot.on(two).native_usd == snapshot.on(one).native_usd is not None

    asyncio.run(run())


@pytest.mark.parametrize("first", ["the one that says less", "the honest one"])
def test_of_the_prices_of_a_coin_by_each_endpoint_the_highest_counts(home: Home, first: str) -> None:
    """One endpoint's price feed says one dollar: gas is not cheap by that."""
    chain, true, low = home.chain("dev1"), f"{ETH_USD:064x}", f"{10**8:064x}"

    def cheap(_: list[Any], answer: dict[str, Any]) -> dict[str, Any]:
        return answer | {"result": answer["result"].replace(true, low)}

    async def price(*urls: str) -> float | None:
        async with open_http() as http:
            return await highest_native_usd(Rpc(replace(chain, rpcs=urls), http))

    with FaultProxy(chain.rpcs[0]) as liar:
        liar.twist("eth_call", cheap)
        assert asyncio.run(price(liar.url)) == 1.0, "the price is not in the answer"
        urls = (liar.url, chain.rpcs[0])
        assert asyncio.run(price(*(urls if first.startswith("the one") else urls[::-1]))) == ETH_USD / 10**8
