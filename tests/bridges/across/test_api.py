"""Across's price: the deposit with which the payment arrives, and which answers are refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from l2send.bridges.across.api import AcrossPrice, Delivery, ask_price
from l2send.bridges.across.contracts import ContractState, fill_deadline, quoted_at
from l2send.core.errors import BadAnswer, ConfigError, NetworkError, Refused
from l2send.core.http import Bearer
from l2send.core.units import Seconds, UnixTime
from tests.support.across_registry import ORIGIN, RECIPIENT, TARGET, address

POOL = ORIGIN.settlers["across"].contracts["spoke_pool"]
DELIVERY = Delivery(ORIGIN.chain_id, TARGET.chain_id, address(101), address(201), RECIPIENT, 25_000_000, POOL)
NOW = UnixTime(1_800_000_000)


def answer(fee: int, **changed: Any) -> dict[str, Any]:
    """As docs.across.to/api-reference/suggested-fees/get has it."""
    return {
        "totalRelayFee": {"pct": "4000000000000000", "total": str(fee)},
        "relayerCapitalFee": {"pct": "100000000000000", "total": "1"},
        "timestamp": str(NOW),
        "isAmountTooLow": False,
        "spokePoolAddress": POOL,
        "exclusiveRelayer": address(66),
        "exclusivityDeadline": 30,
        "estimatedFillTimeSec": 4,
        "fillDeadline": str(NOW + 9_000),
        "limits": {"minDeposit": "1", "maxDeposit": str(10**12)},
    } | changed


def replied(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, stream=httpx.ByteStream(json.dumps(body).encode()))


def ask(
    reply: Callable[[int], httpx.Response], delivery: Delivery = DELIVERY
) -> tuple[AcrossPrice, list[dict[str, str]]]:
    """The price, and the queries it took."""
    queries = list[dict[str, str]]()

    def handle(request: httpx.Request) -> httpx.Response:
        queries.append(dict(request.url.params))
        assert request.url.path == "/api/suggested-fees"
        return reply(int(request.url.params["amount"]))

    async def run() -> AcrossPrice:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as http:
            return await ask_price(http, "http://across.test/api", delivery)

    return asyncio.run(run()), queries


@pytest.mark.parametrize("fee", [0, 1, 100_000, 24_999_999])
def test_a_flat_fee_is_added_to_what_shall_arrive(fee: int) -> None:
    price, queries = ask(lambda amount: replied(answer(fee)))
    assert price.input_units - fee >= DELIVERY.wanted
    assert price.input_units - DELIVERY.wanted <= fee + fee // 500 + 1
    assert len(queries) <= 2
    assert queries[0] == {
        "inputToken": DELIVERY.input_token,
        "outputToken": DELIVERY.output_token,
        "originChainId": str(DELIVERY.origin),
        "destinationChainId": str(DELIVERY.destination),
        "amount": "25000000",
        "recipient": RECIPIENT,
    }


@pytest.mark.parametrize("parts", [1, 10, 100, 500, 3_000])
def test_a_fee_that_grows_with_the_deposit_is_covered(parts: int) -> None:
    """`parts` in 10,000 of the deposit, and 0.1 USDC."""

    def fee(amount: int) -> int:
        return 100_000 + amount * parts // 10_000

    if parts == 3_000:
        with pytest.raises(Refused, match="do not settle"):
            ask(lambda amount: replied(answer(fee(amount))))
        return
    price, _ = ask(lambda amount: replied(answer(fee(amount))))
    least = next(x for x in range(DELIVERY.wanted, 2 * DELIVERY.wanted) if x - fee(x) >= DELIVERY.wanted)
    assert least <= price.input_units <= least + fee(least) // 400 + 2


def test_only_price_and_times_are_taken() -> None:
    """Never the relayer the API would favour, nor anything to call."""
    price, _ = ask(lambda amount: replied(answer(0, depositTx={"to": address(1), "data": "0x"})))
    assert price == AcrossPrice(DELIVERY.wanted, NOW, UnixTime(NOW + 9_000), Seconds(4))


@pytest.mark.parametrize(
    "changed",
    [
        {"totalRelayFee": {"total": "-1"}},
        {"totalRelayFee": {"total": 1.5}},
        {"totalRelayFee": {"total": "0x10"}},
        {"totalRelayFee": {"total": "\u0661"}},
        {"totalRelayFee": {"total": "9" * 79}},
        {"totalRelayFee": {"total": True}},
        {"totalRelayFee": None},
        {"timestamp": None},
        {"fillDeadline": "soon"},
        {"estimatedFillTimeSec": []},
        {"limits": {}},
        {"limits": "none"},
    ],
)
def test_an_answer_outside_the_schema_is_no_answer(changed: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        ask(lambda amount: replied(answer(1) | changed))


@pytest.mark.parametrize("body", [[], None, "x", 1, {}])
def test_another_shape_is_no_answer(body: Any) -> None:
    with pytest.raises(BadAnswer):
        ask(lambda amount: replied(body))


@pytest.mark.parametrize("content", [b"<html>", b"", b"[" * 10_000])
def test_what_is_not_json_is_no_answer(content: bytes) -> None:
    with pytest.raises(BadAnswer):
        ask(lambda amount: httpx.Response(200, stream=httpx.ByteStream(content)))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_can_be_asked_again(status: int) -> None:
    with pytest.raises(NetworkError) as error:
        ask(lambda amount: httpx.Response(status, stream=httpx.ByteStream(b"")))
    assert error.value.retryable


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"isAmountTooLow": True}, "too small"),
        ({"limits": {"maxDeposit": "24999999"}}, "more than 24999999"),
        ({"spokePoolAddress": address(88)}, "another SpokePool"),
    ],
)
def test_an_offer_that_cannot_be_used_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        ask(lambda amount: replied(answer(1, **changed)))


def test_a_refusal_is_told_cleaned() -> None:
    message = "no route\x1b[31m " + "x" * 500
    with pytest.raises(Refused) as error:
        ask(lambda amount: replied(status=400, body={"message": message}))
    assert "\x1b" not in error.value.message
    assert "no route" in error.value.message
    assert len(error.value.message) < 200


def authorization(api: str) -> str | None:
    """What the API at that URL gets to see of the key."""
    seen = list[str | None]()

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return replied(answer(0))

    async def run() -> AcrossPrice:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as http:
            return await ask_price(http, api, DELIVERY)

    asyncio.run(run())
    return seen[0]


def test_the_users_key_goes_to_across_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert authorization("https://app.across.to/api") is None
    monkeypatch.setenv("ACROSS_API_KEY", "k3y")
    assert authorization("https://app.across.to/api") == "Bearer k3y"
    assert authorization("https://across.to/api") == "Bearer k3y"
    for api in (
        "http://app.across.to/api",
        "https://across.to.evil.test/api",
        "https://notacross.to/api",
        "http://[::1]/",
    ):
        assert authorization(api) is None, api


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "\u212aey"])
def test_a_key_that_is_none_is_refused_without_showing_it(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACROSS_API_KEY", key)
    with pytest.raises(ConfigError) as error:
        authorization("https://app.across.to/api")
    assert key not in f"{error.value.message} {error.value.hint}"
    assert key not in repr(Bearer(key))


def state(origin: int = 0, target: int = 0) -> ContractState:
    """Both clocks, in seconds from now; the buffers of the public pools."""
    return ContractState(
        UnixTime(NOW + origin), UnixTime(NOW + target), Seconds(3600), Seconds(21_600), settler_works=False
    )


@pytest.mark.parametrize("skew", [0, 600, -600])
def test_the_deadline_is_one_both_chains_accept(skew: int) -> None:
    deadline = fill_deadline(UnixTime(NOW + 5_000), state(target=skew))
    assert deadline == NOW + 5_000
    assert fill_deadline(UnixTime(2**40), state(target=skew)) == max(NOW, NOW + skew) + 7_200
    assert fill_deadline(UnixTime(2**40), state(target=15_000)) == NOW + 21_600, (
        "no later than the origin's pool allows"
    )


@pytest.mark.parametrize("quoted", [NOW - 1, NOW, NOW + 29, 0])
def test_a_deadline_that_is_past_or_too_near_is_refused(quoted: int) -> None:
    with pytest.raises(Refused, match="no time"):
        fill_deadline(UnixTime(quoted), state())
    with pytest.raises(Refused, match="no time"):
        fill_deadline(UnixTime(NOW + 500), state(target=600))


def test_the_quote_timestamp_is_never_in_the_pools_future_or_too_old() -> None:
    assert quoted_at(UnixTime(NOW), state()) == NOW
    assert quoted_at(UnixTime(NOW + 100), state()) == NOW, "a hub ahead of the origin"
    assert quoted_at(UnixTime(NOW - 3_000), state()) == NOW - 3_000
    with pytest.raises(Refused, match="too old"):
        quoted_at(UnixTime(NOW - 3_001), state())
    with pytest.raises(Refused, match="too old"):
        quoted_at(UnixTime(0), state())
