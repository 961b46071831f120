"""The quote API: Eco's shapes, honest arithmetic, refusals as JSON."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from l2send.core.calldata import TRANSFER
from l2send.devnet import eco, pricing
from l2send.devnet.node import Node
from l2send.devnet.state import DevChain, Devnet
from tests.devnet.user import User, fresh_address

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
    return {"dAppID": "test", "quoteRequest": {**quote, **fields}}


def post(devnet: Devnet, path: str, body: Any) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    call = urllib.request.Request(devnet.solver_url + path, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(call, timeout=5) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def exact_out(devnet: Devnet, body: dict[str, Any]) -> dict[str, Any]:
    status, answer = post(devnet, "/api/v3/quotes/exactOut", body)
    assert status == 200, answer
    (offer,) = answer["data"]
    assert set(offer) == {"quoteID", "solverID", "receiveSignedIntentUrl", "quoteData"}
    assert set(offer["quoteData"]) == {"contracts", "quoteResponse"}
    quote: dict[str, Any] = offer["quoteData"]
    return quote


def test_exact_out_has_every_field_of_the_schema(devnet: Devnet) -> None:
    source, destination = devnet.chain("dev2"), devnet.chain("dev1")
    quote = exact_out(devnet, request(source, destination, destinationAmount="25000000"))
    assert quote["contracts"] == {
        "sourcePortal": source.portal,
        "destinationPortal": destination.portal,
        "prover": source.prover,
    }
    response = quote["quoteResponse"]
    assert set(response) == {
        "intentExecutionType", "sourceChainID", "destinationChainID", "sourceToken", "destinationToken",
        "sourceAmount", "destinationAmount", "funder", "refundRecipient", "recipient", "fees", "deadline",
        "estimatedFulfillTimeSec", "encodedRoute",
    }  # fmt: skip
    assert response["destinationAmount"] == "25000000"
    (fee,) = response["fees"]
    assert int(response["sourceAmount"]) == 25000000 + int(fee["amount"])
    assert fee["token"] == {"address": source.token("USDC").address, "decimals": 6, "symbol": "USDC"}
    assert 500 < response["deadline"] - Node(destination.rpc_url).now() <= 600


def test_encoded_route_pays_the_recipient_exactly(devnet: Devnet) -> None:
    source, destination = devnet.chain("dev2"), devnet.chain("dev1")
    quote = exact_out(devnet, request(source, destination, destinationAmount="25000000"))
    route = eco.Route.decode(bytes.fromhex(quote["quoteResponse"]["encodedRoute"][2:]))
    usdc = destination.token("USDC").address
    assert route.portal == destination.portal
    assert route.tokens == (eco.TokenAmount(usdc, 25000000),)
    (call,) = route.calls
    assert call.target == usdc
    assert TRANSFER.decode_call(call.data) == (RECIPIENT.lower(), 25000000)


def test_native_route_carries_value(devnet: Devnet) -> None:
    source, destination = devnet.chain("dev2"), devnet.chain("dev1")
    quote = exact_out(devnet, request(source, destination, "ETH", destinationAmount=str(10**18)))
    route = eco.Route.decode(bytes.fromhex(quote["quoteResponse"]["encodedRoute"][2:]))
    assert route.native_amount == 10**18
    assert route.calls == (eco.Call(RECIPIENT, b"", 10**18),)


def test_quoted_route_is_filled(solver: Devnet, user: User) -> None:
    """What is quoted can be opened as it stands, and the solver keeps its word."""
    source, destination = solver.chain("dev3"), solver.chain("dev1")
    quote = exact_out(solver, request(source, destination, destinationAmount="5000000"))["quoteResponse"]
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
            exact_out(devnet, request(c, target, destinationAmount="25000000"))["quoteResponse"]["sourceAmount"]
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
    status, single = post(devnet, "/api/v3/quotes/single", body)
    assert status == 200
    assert 0 < int(single["data"]["quoteResponse"]["destinationAmount"]) < 25000000
    status, offers = post(devnet, "/api/v3/quotes/exactIn", body)
    assert status == 201
    assert offers["data"][0]["quoteData"]["quoteResponse"]["sourceAmount"] == "25000000"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"destinationAmount": "0"}, "above zero"),
        ({"destinationAmount": "1.5"}, "whole number"),
        ({"destinationAmount": "-1"}, "whole number"),
        ({"destinationAmount": 25}, "must be a string"),
        ({"destinationAmount": "9" * 200}, "whole number"),
        ({}, "sourceAmount must be a string"),
        ({"destinationAmount": "1", "sourceChainID": 1}, "sourceChainID 1 is not supported"),
        ({"destinationAmount": "1", "sourceChainID": "768300001"}, "is not supported"),
        ({"destinationAmount": "1", "sourceToken": ZERO}, "no route from ETH to USDC"),
        ({"destinationAmount": "1", "sourceToken": fresh_address()}, "is not supported on chain"),
        ({"destinationAmount": "1", "recipient": "0x12"}, "not an EVM address"),
        ({"destinationAmount": "1", "destinationChainID": 768300002}, "same chain"),
    ],
)
def test_refusals_are_json(devnet: Devnet, fields: dict[str, Any], message: str) -> None:
    body = request(devnet.chain("dev2"), devnet.chain("dev1"), **fields)
    status, answer = post(devnet, "/api/v3/quotes/exactOut", body)
    assert status == 400
    assert message in answer["message"]


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"quoteRequest": 1}', b"\xff"])
def test_nonsense_is_refused(devnet: Devnet, body: bytes) -> None:
    assert post(devnet, "/api/v3/quotes/exactOut", body)[0] == 400


def test_dai_is_not_traded(devnet: Devnet) -> None:
    body = request(devnet.chain("dev2"), devnet.chain("dev1"), "DAI", destinationAmount="1")
    assert post(devnet, "/api/v3/quotes/exactOut", body)[0] == 400


def test_unknown_path_and_mode(devnet: Devnet) -> None:
    assert post(devnet, "/api/v9/quotes", {})[0] == 404
    assert post(devnet, "/control", {"mode": "steal"})[0] == 400
    assert post(devnet, "/control", {"mode": "delay", "delay_seconds": -1})[0] == 400
    assert post(devnet, "/control", b"x" * 200_000)[0] == 413
