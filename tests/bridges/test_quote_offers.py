"""Prices by quote endpoints: OIF's schema and LI.FI's, and times as their schemas allow them. No network."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from l2send.bridges.across.api import AcrossPrice, Delivery
from l2send.bridges.across.contracts import ContractState, fill_deadline, quoted_at
from l2send.bridges.across.price import price_of
from l2send.bridges.quoting import USUAL_FILL_TIME, Funding, SolverPrice
from l2send.bridges.solver_price import is_priced, solver_price
from l2send.core import erc7930
from l2send.core.errors import BadAnswer, L2sendError, Refused
from l2send.core.plan import ChainAddress, Payment
from l2send.core.rpc import Rpcs
from l2send.core.settlers import AcrossSettlers, OifSettlers
from l2send.core.units import Amount, Seconds, UnixTime
from tests.bridges.registry import ORIGIN, RECIPIENT, REGISTRY, SENDER, TARGET, address

LIFI = "https://order.test/api/v1/integrator/quote/request"
OIF = "https://quotes.test/v1/quotes"
SETTLER = address(160)
HERE, THERE = ORIGIN.tokens[0], TARGET.tokens[0]
PAYMENT = Payment(SENDER, ChainAddress(TARGET.chain_id, RECIPIENT), Amount(25_000_000, THERE))
FUNDING = Funding(PAYMENT, ORIGIN, Amount(10**12, HERE), Amount(10**18, ORIGIN.native))
PRICE = 25_100_000
HERE_CHAIN, THERE_CHAIN = f"eip155:{ORIGIN.chain_id}", f"eip155:{TARGET.chain_id}"


def by_lifi(**changes: Any) -> dict[str, Any]:
    """One offer as lifinance/intent.ts src/api/intentApi.ts has it."""
    order = {
        "type": "oif-user-open-v0",
        "openIntentTx": {"chain": HERE_CHAIN, "to": SETTLER, "data": "0xdeadbeef", "gasRequired": "250000"},
        "checks": {
            "allowances": [
                {"chain": HERE_CHAIN, "token": HERE.address, "user": SENDER, "spender": SETTLER, "required": str(PRICE)}
            ]
        },
    }
    preview = {
        "inputs": [{"chain": HERE_CHAIN, "user": SENDER, "asset": HERE.address, "amount": str(PRICE)}],
        "outputs": [
            {"chain": THERE_CHAIN, "receiver": RECIPIENT, "asset": THERE.address, "amount": str(PAYMENT.amount.units)}
        ],
    }
    offer = {"quoteId": "q", "provider": "a solver", "preview": preview, "order": order, "partialFill": False}
    return offer | {"failureHandling": "refund-claim", "metadata": {"exclusiveFor": None}} | changes


def by_oif(**changes: Any) -> dict[str, Any]:
    """One offer as openintentsframework/oif-specs specs/openapi.yaml has it."""
    token, spender = erc7930.text(erc7930.asset(HERE)), erc7930.text(ChainAddress(ORIGIN.chain_id, SETTLER))
    order = {
        "type": "oif-user-open-v0",
        "openIntentTx": {"to": spender, "data": "0xdeadbeef", "gasRequired": "250000"},
        "checks": {"allowances": [{"token": token, "user": token, "spender": spender, "required": str(PRICE)}]},
    }
    wanted = {"receiver": erc7930.text(PAYMENT.to), "asset": erc7930.text(erc7930.asset(THERE))}
    preview = {
        "inputs": [{"user": token, "asset": token, "amount": str(PRICE)}],
        "outputs": [wanted | {"amount": str(PAYMENT.amount.units)}],
    }
    return {"order": order, "preview": preview, "failureHandling": "refund-claim"} | changes


def ask(url: str, *offers: Any, asked: list[Any] | None = None) -> SolverPrice:
    """The price read from an answer with these offers. Raises L2sendError."""

    def reply(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append((request.url.path, json.loads(request.content)))
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps({"quotes": offers}).encode()))

    async def run() -> SolverPrice:
        async with httpx.AsyncClient(transport=httpx.MockTransport(reply)) as http:
            listed = OifSettlers(input_settler=SETTLER, oracle=address(161), quote_api=url)
            return await solver_price(listed, SETTLER, FUNDING, Rpcs(REGISTRY, http))

    return asyncio.run(run())


def test_lifi_is_asked_by_caip_2_and_plain_addresses() -> None:
    asked = list[Any]()
    price = ask(LIFI, by_lifi(), asked=asked)
    assert price == SolverPrice(Amount(PRICE, HERE), USUAL_FILL_TIME, None)
    ((path, request),) = asked
    assert path == "/api/v1/integrator/quote/request"
    assert request["user"] == {"chain": HERE_CHAIN, "address": SENDER}
    assert request["supportedTypes"] == ["oif-user-open-v0"]
    assert request["intent"]["swapType"] == "exact-output"
    assert request["intent"]["outputs"] == [
        {"chain": THERE_CHAIN, "receiver": RECIPIENT, "asset": THERE.address, "amount": "25000000"}
    ]
    assert request["intent"]["inputs"] == [{"chain": HERE_CHAIN, "user": SENDER, "asset": HERE.address, "amount": None}]


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """LI.FI's offer with the value at `path` changed."""
    offer: Any = by_lifi()
    place = offer
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return offer


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("order", "openIntentTx", "to"), address(5)),
        (("order", "openIntentTx", "chain"), THERE_CHAIN),
        (("order", "type"), "oif-escrow-v0"),
        (("order", "checks", "allowances"), []),
        (("order", "checks", "allowances", 0, "spender"), address(5)),
        (("order", "checks", "allowances", 0, "required"), str(PRICE + 1)),
        (("order", "checks", "allowances", 0, "chain"), THERE_CHAIN),
        (("preview", "inputs", 0, "asset"), address(5)),
        (("preview", "inputs", 0, "chain"), "solana:101"),
        (("preview", "inputs", 0, "chain"), "eip155:01"),
        (("preview", "outputs", 0, "receiver"), SENDER),
        (("preview", "outputs", 0, "chain"), HERE_CHAIN),
        (("preview", "outputs", 0, "amount"), "24999999"),
        (("preview", "outputs", 0, "asset"), "TXyz"),
        (("preview", "outputs"), []),
    ],
)
def test_an_offer_of_lifi_for_anything_else_is_refused(path: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(L2sendError):
        ask(LIFI, changed(path, value))


def test_the_cheapest_fitting_offer_of_lifi_is_taken() -> None:
    dear = changed(("order", "checks", "allowances", 0, "required"), "25200000")
    dear["preview"]["inputs"][0]["amount"] = "25200000"
    foreign = changed(("preview", "outputs", 0, "receiver"), SENDER)
    assert ask(LIFI, None, foreign, dear, by_lifi()).pays.units == PRICE


@pytest.mark.parametrize(("url", "offer"), [(LIFI, by_lifi), (OIF, by_oif)])
@pytest.mark.parametrize(
    ("eta", "seconds"), [(0, 0), (0.0, 0), (0.2, 1), (30, 30), (30.5, 31), ("30", 30), (None, USUAL_FILL_TIME)]
)
def test_an_eta_is_any_number(url: str, offer: Any, eta: Any, seconds: int) -> None:
    assert ask(url, offer(eta=eta)).duration == seconds


@pytest.mark.parametrize(("url", "offer"), [(LIFI, by_lifi), (OIF, by_oif)])
@pytest.mark.parametrize(("until", "time"), [(1_800_000_000, 1_800_000_000), (1_800_000_000.9, 1_800_000_000)])
def test_a_validity_is_any_number(url: str, offer: Any, until: Any, time: int) -> None:
    assert ask(url, offer(validUntil=until)).valid_until == time


@pytest.mark.parametrize(("url", "offer"), [(LIFI, by_lifi), (OIF, by_oif)])
def test_an_offer_that_ran_out_takes_nothing_from_the_others(url: str, offer: Any) -> None:
    with pytest.raises(Refused, match="ran out"):
        ask(url, offer(validUntil=0))
    assert ask(url, offer(validUntil=0), offer()).pays.units == PRICE


@pytest.mark.parametrize("nonsense", [-1, -0.5, float("nan"), float("inf"), True, "soon", [], 2**256])
def test_what_is_no_time_is_outside_the_schema(nonsense: Any) -> None:
    for name in ("eta", "validUntil"):
        with pytest.raises(BadAnswer):
            ask(OIF, by_oif(**{name: nonsense}))


def test_across_is_priced_by_your_own_fee_without_its_api() -> None:
    listed = AcrossSettlers(spoke_pool=address(106), solver_fee_bps=25, quote_api="http://127.0.0.1:9")
    assert HERE.address
    assert THERE.address
    delivery = Delivery(ORIGIN.chain_id, TARGET.chain_id, HERE.address, THERE.address, RECIPIENT, 1_000_001, address(1))

    async def run(entry: AcrossSettlers) -> AcrossPrice:
        async with httpx.AsyncClient() as http:
            return await price_of(entry, delivery, http)

    assert asyncio.run(run(listed)) == AcrossPrice(1_002_502, None, None, USUAL_FILL_TIME)
    assert is_priced(listed)
    assert not is_priced(AcrossSettlers(spoke_pool=address(106)))
    with pytest.raises(L2sendError):
        asyncio.run(run(AcrossSettlers(spoke_pool=address(106), quote_api="http://127.0.0.1:9")))


def test_an_own_price_at_across_takes_its_times_from_the_pools() -> None:
    now = UnixTime(1_800_000_000)
    state = ContractState(now, now, Seconds(3600), Seconds(21_600), settler_works=False)
    assert fill_deadline(None, state) == now + 7200
    assert now - 3600 < quoted_at(None, state) <= now
