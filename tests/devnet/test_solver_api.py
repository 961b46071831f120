"""The quote API: Eco's schemas, correct arithmetic, refusals as JSON."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from jsonschema import validate

from l2send.core.calldata import TRANSFER
from l2send.devnet import eco, pricing
from l2send.devnet.node import Node
from l2send.devnet.state import DevChain, Devnet
from tests.devnet.user import User, fresh_address
from tests.support import eco_api

ZERO = "0x" + "0" * 40
RECIPIENT = fresh_address()
FUNDER = fresh_address()


def request(source: DevChain, destination: DevChain, symbol: str = "USDC", **fields: Any) -> dict[str, Any]:
    def token(chain: DevChain) -> str:
        return ZERO if symbol == "ETH" else chain.token(symbol).address

    quote = {
        "sourceChainID": source.chain_id,
        "destinationChainID": destination.chain_id,
        "sourceToken": token(source),
        "destinationToken": token(destination),
        "funder": FUNDER,
        "recipient": RECIPIENT,
        "refundRecipient": FUNDER,
    }
    return {"dAppID": "test", "intentExecutionTypes": ["SELF_PUBLISH"], "quoteRequest": {**quote, **fields}}


def post(devnet: Devnet, path: str, body: Any) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    call = urllib.request.Request(devnet.solver_url + path, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(call, timeout=5) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != name}


def exact_out(devnet: Devnet, body: dict[str, Any]) -> dict[str, Any]:
    status, answer = post(devnet, "/api/v3/quotes/exactOut", body)
    assert status == 200, answer
    validate(body, eco_api.REQUEST)
    validate(answer, eco_api.ANSWER)
    (offer,) = answer["data"]
    quote: dict[str, Any] = offer["quoteData"]
    return quote


def test_exact_out_has_every_field_of_the_schema(devnet: Devnet) -> None:
    source, destination = devnet.chain("dev2"), devnet.chain("dev1")
    quote = exact_out(devnet, request(source, destination, sourceAmount="25000000"))
    assert quote["contracts"] == {
        "sourcePortal": source.portal,
        "destinationPortal": destination.portal,
        "prover": source.prover,
    }
    response = quote["quoteResponse"]
    assert response["destinationAmount"] == "25000000"
    (fee,) = response["fees"]
    assert int(response["sourceAmount"]) == 25000000 + int(fee["amount"])
    assert fee["token"] == {"address": source.token("USDC").address, "decimals": 6, "symbol": "USDC"}
    assert 500 < response["deadline"] - Node(destination.rpc_url).now() <= 600


def test_encoded_route_pays_the_recipient_exactly(devnet: Devnet) -> None:
    source, destination = devnet.chain("dev2"), devnet.chain("dev1")
    quote = exact_out(devnet, request(source, destination, sourceAmount="25000000"))
    route = eco.Route.decode(bytes.fromhex(quote["quoteResponse"]["encodedRoute"][2:]))
    usdc = destination.token("USDC").address
    assert route.portal == destination.portal
    assert route.tokens == (eco.TokenAmount(usdc, 25000000),)
    (call,) = route.calls
    assert call.target == usdc
    assert TRANSFER.decode_call(call.data) == (RECIPIENT.lower(), 25000000)


def test_native_route_carries_value(devnet: Devnet) -> None:
    source, destination = devnet.chain("dev2"), devnet.chain("dev1")
    quote = exact_out(devnet, request(source, destination, "ETH", sourceAmount=str(10**18)))
    route = eco.Route.decode(bytes.fromhex(quote["quoteResponse"]["encodedRoute"][2:]))
    assert route.native_amount == 10**18
    assert route.calls == (eco.Call(RECIPIENT, b"", 10**18),)


def test_quoted_route_is_filled(solver: Devnet, user: User) -> None:
    """What is quoted can be opened as it stands, and the solver keeps its word."""
    source, destination = solver.chain("dev3"), solver.chain("dev1")
    quote = exact_out(solver, request(source, destination, sourceAmount="5000000"))["quoteResponse"]
    route = eco.Route.decode(bytes.fromhex(quote["encodedRoute"][2:]))
    given = (eco.TokenAmount(source.token("USDC").address, int(quote["sourceAmount"])),)
    reward = eco.Reward(route.deadline + 600, user.address, source.prover, 0, given)
    before = user.balance(destination, "USDC", RECIPIENT)
    user.open(eco.Intent(source.chain_id, destination.chain_id, route, reward))
    for _ in range(200):
        if user.balance(destination, "USDC", RECIPIENT) > before:
            break
        Node(destination.rpc_url).call("evm_mine")
    assert user.balance(destination, "USDC", RECIPIENT) == before + 5000000


def test_sources_differ_in_price_and_the_l1_is_dearest(devnet: Devnet) -> None:
    target = devnet.chain("dev2")
    prices = {
        c.short_name: int(
            exact_out(devnet, request(c, target, sourceAmount="25000000"))["quoteResponse"]["sourceAmount"]
        )
        for c in devnet.chains
        if c != target
    }
    assert len(set(prices.values())) == 3
    assert max(prices, key=lambda name: prices[name]) == "dev1"


@pytest.mark.parametrize("amount", [1, 10_009, 25 * 10**6, 10**12])
def test_exact_in_and_exact_out_agree(amount: int) -> None:
    usdc = pricing.Asset("USDC", "0x", 6)
    for index in range(1, 8):
        given = pricing.exact_out(768300000 + index, usdc, amount)
        assert pricing.exact_in(768300000 + index, usdc, given) >= amount
        assert pricing.exact_out(768300000 + index, usdc, pricing.exact_in(768300000 + index, usdc, given)) <= given


def test_single_and_exact_in(devnet: Devnet) -> None:
    body = request(devnet.chain("dev2"), devnet.chain("dev1"), sourceAmount="25000000")
    status, single = post(devnet, "/api/v3/quotes/single", without(body, "intentExecutionTypes"))
    assert status == 200
    assert 0 < int(single["data"]["quoteResponse"]["destinationAmount"]) < 25000000
    status, offers = post(devnet, "/api/v3/quotes/exactIn", body)
    assert status == 201
    assert offers["data"][0]["quoteData"]["quoteResponse"]["sourceAmount"] == "25000000"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sourceAmount": "0"}, "above zero"),
        ({"sourceAmount": "1.5"}, "whole number"),
        ({"sourceAmount": "-1"}, "whole number"),
        ({"sourceAmount": 25}, "must be a string"),
        ({"sourceAmount": "9" * 200}, "whole number"),
        ({}, "sourceAmount must be a string"),
        ({"sourceAmount": "1", "sourceChainID": 1}, "sourceChainID 1 is not supported"),
        ({"sourceAmount": "1", "sourceChainID": "768300001"}, "is not supported"),
        ({"sourceAmount": "1", "sourceToken": ZERO}, "no route from ETH to USDC"),
        ({"sourceAmount": "1", "sourceToken": fresh_address()}, "is not supported on chain"),
        ({"sourceAmount": "1", "recipient": "0x12"}, "not an EVM address"),
        ({"sourceAmount": "1", "destinationChainID": 768300002}, "same chain"),
        ({"sourceAmount": "1", "destinationAmount": "1"}, "quoteRequest has no property destinationAmount"),
    ],
)
def test_refusals_are_json(devnet: Devnet, fields: dict[str, Any], message: str) -> None:
    body = request(devnet.chain("dev2"), devnet.chain("dev1"), **fields)
    status, answer = post(devnet, "/api/v3/quotes/exactOut", body)
    assert status == 400
    assert message in answer["message"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dAppID": None}, "dAppID must be a string"),
        ({"intentExecutionTypes": None}, "intentExecutionTypes must be a list"),
        ({"intentExecutionTypes": []}, "intentExecutionTypes must be a list"),
        ({"intentExecutionTypes": ["SELF_PUBLISH", {}]}, "intentExecutionTypes must be a list"),
        ({"contracts": {"prover": 1}}, "prover must be a string"),
        ({"contracts": {"inbox": ZERO}}, "contracts has no property inbox"),
        ({"apiKey": "1"}, "the request has no property apiKey"),
    ],
)
def test_requests_outside_the_schema_are_refused(devnet: Devnet, change: dict[str, Any], message: str) -> None:
    body = request(devnet.chain("dev2"), devnet.chain("dev1"), sourceAmount="1") | change
    status, answer = post(devnet, "/api/v3/quotes/exactOut", body)
    assert status == 400
    assert message in answer["message"]


def test_orders_that_others_publish_get_no_offer(devnet: Devnet) -> None:
    body = request(devnet.chain("dev2"), devnet.chain("dev1"), sourceAmount="25000000")
    assert post(devnet, "/api/v3/quotes/exactOut", body | {"intentExecutionTypes": ["GASLESS"]}) == (200, {"data": []})


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"quoteRequest": 1}', b"\xff"])
def test_nonsense_is_refused(devnet: Devnet, body: bytes) -> None:
    assert post(devnet, "/api/v3/quotes/exactOut", body)[0] == 400


def test_dai_is_not_traded(devnet: Devnet) -> None:
    body = request(devnet.chain("dev2"), devnet.chain("dev1"), "DAI", sourceAmount="1")
    assert post(devnet, "/api/v3/quotes/exactOut", body)[0] == 400


def test_unknown_path_and_mode(devnet: Devnet) -> None:
    assert post(devnet, "/api/v9/quotes", {})[0] == 404
    assert post(devnet, "/control", {"mode": "steal"})[0] == 400
    assert post(devnet, "/control", {"mode": "delay", "delay_seconds": -1})[0] == 400
    assert post(devnet, "/control", b"x" * 200_000)[0] == 413
