"""The words and codes of clients and providers, in their class. Each line as it was seen in the client's source, its
documentation or a report; see core/rpc/node_errors.toml for which."""

from __future__ import annotations

import json
from typing import Any

import pytest

from l2send.core.errors import BadAnswer, ErrorClass, NodeError, NodeFailed, RateLimited, Transient
from l2send.core.rpc.broadcasts import Reply, reply_of
from l2send.core.rpc.node_errors import class_of, error_of, error_of_status, reverted_result

REASON = "0x08c379a0" + (32).to_bytes(32, "big").hex() + (2).to_bytes(32, "big").hex() + "6e6f".ljust(64, "0")

REVERTS: dict[str, dict[str, Any]] = {
    "geth": {"code": 3, "message": "execution reverted: no", "data": REASON},
    "geth without data": {"code": -32000, "message": "execution reverted"},
    "geth, gas": {"code": -32000, "message": "gas required exceeds allowance (21000)"},
    "geth, opcode": {"code": -32000, "message": "invalid opcode: INVALID"},
    "erigon": {"code": -32000, "message": "execution reverted", "data": "0x"},
    "nethermind": {"code": -32015, "message": "VM execution error.", "data": "Reverted " + REASON},
    "nethermind without data": {"code": -32015, "message": "VM execution error.", "data": "Reverted 0x"},
    "besu": {"code": -32000, "message": "Execution reverted: no", "data": REASON},
    "reth": {"code": 3, "message": "execution reverted: revert: no", "data": REASON},
    "parity": {"code": -32015, "message": "VM execution error.", "data": "Bad instruction fe"},
    "zksync": {"code": 3, "message": "execution reverted: Error function_selector = 0x", "data": "0x"},
    "zkevm": {"code": -32000, "message": "execution reverted: aaaa"},
    "monad": {"code": -32603, "message": "Execution reverted"},
    "hardhat": {
        "code": -32603,
        "message": "Internal error: VM Exception while processing transaction: revert no",
        "data": {"message": "revert no", "data": REASON},
    },
    "a reason with a node's words": {"code": 3, "message": "execution reverted: rate limit exceeded", "data": "0x"},
    "a reason with other words": {"code": -32000, "message": "execution reverted: header not found"},
    "a code of its own": {"code": -32500, "message": "the call failed", "data": "0xdeadbeef"},
}

LATER: dict[str, dict[str, Any]] = {
    "header not found": {"code": -32000, "message": "header not found"},
    "trie node": {"code": -32000, "message": "missing trie node 5c0ee75d (path ) state 0x1 is not available"},
    "indexing": {"code": -32000, "message": "transaction indexing is in progress"},
    "besu syncs": {"code": -32008, "message": "Initial sync is still in progress"},
    "nethermind, time": {"code": -32016, "message": "Request exceeds defined timeout limit"},
    "dRPC, time": {"code": 30, "message": "Request timeout on the free tier, please upgrade your tier to the paid one"},
    "Cloudflare": {"code": -32046, "message": "Cannot fulfill request"},
    "block": {"code": -39001, "message": "Unknown block"},
    "Envoy": {"code": -32000, "message": "no healthy upstream"},
    "busy": {"code": -32000, "message": "server is busy"},
    "pruned": {"code": -32000, "message": "state already been pruned"},
    "behind": {"code": -32000, "message": "Cannot query state: block 12 is not yet available"},
    "avalanche": {"code": -32000, "message": "requested to block 5 after last accepted block 4"},
}

LIMITED: dict[str, dict[str, Any]] = {
    "QuickNode": {"code": -32007, "message": "50/second request limit reached - reduce calls per second"},
    "dRPC": {"code": 15, "message": "Too many request, try again later"},
    "a gateway": {"code": -32029, "message": "please slow"},
    "plain words": {"code": -32000, "message": "Too Many Requests"},
    "Alchemy": {"code": 429, "message": "Your app has exceeded its compute units per second capacity."},
    "Infura": {"code": -32005, "message": "project ID request rate exceeded", "data": {"rate": {"backoff_seconds": 7}}},
    "Base": {"code": -32016, "message": "over rate limit"},
    "Infura, a day": {"code": -32001, "message": "monthly request allotment exceeded"},
    "QuickNode's credits": {"code": -32012, "message": "credits limited to 6000/sec"},
}

TOO_MUCH = [
    "eth_getLogs takes up to a 10 block range on this plan",
    "query returned more than 10000 results",
    "Requested range exceeds maximum RPC range limit",
    "exceed maximum block range: 50000",
    "ranges over 10000 blocks are not supported on freetier",
    "eth_getLogs is limited to a 10,000 range",
    "Log response size exceeded. this block range should work: [0x1, 0x2]",
    "query timeout exceeded",
]
MISSING = [
    (-32601, "the method eth_simulateV1 does not exist/is not available"),
    (-32000, "the method eth_feeHistory does not exist/is not available"),
    (-32604, "Method not enabled"),
    (-32601, "Method unavailable"),
    (-32004, "This method is not supported"),
    (-32600, "eth_simulateV1 is not available on the Free tier - upgrade to a paid plan"),
    (-32602, "too many arguments, want at most 2"),
    (-32602, "pending block tag is not supported"),
    (-32001, "rpc method is not whitelisted"),
]


def made(error: Any, status: int = 200, method: str = "eth_call") -> Any:
    return error_of(json.loads(json.dumps(error)), status, 0.0, "node", method)


@pytest.mark.parametrize("name", REVERTS)
def test_a_revert_is_one_in_every_clients_words(name: str) -> None:
    error = made(REVERTS[name])
    assert isinstance(error, NodeError)
    assert error.is_revert
    assert not error.data or error.data.startswith("0x")


@pytest.mark.parametrize("name", REVERTS)
def test_its_data_is_found(name: str) -> None:
    if REASON in json.dumps(REVERTS[name]):
        assert made(REVERTS[name]).data == REASON


@pytest.mark.parametrize("result", [REASON, "0x4e487b71" + "11".rjust(64, "0")])
def test_a_revert_that_comes_as_a_result_is_one(result: str) -> None:
    error = reverted_result(result, "eth_call")
    assert isinstance(error, NodeError)
    assert error.is_revert


@pytest.mark.parametrize("result", ["0x", "0x08c379a0" + "0" * 56, None, 7])
def test_another_result_is_none(result: object) -> None:
    assert reverted_result(result, "eth_call") is None


@pytest.mark.parametrize("name", LATER)
def test_what_may_pass_is_asked_again(name: str) -> None:
    assert type(made(LATER[name])) in (Transient, RateLimited)


@pytest.mark.parametrize("name", LIMITED)
def test_a_rate_limit_is_one_in_every_providers_words(name: str) -> None:
    assert isinstance(made(LIMITED[name]), RateLimited)


def test_the_pause_that_infura_names_is_kept() -> None:
    assert made(LIMITED["Infura"]).pause == 7


@pytest.mark.parametrize("message", TOO_MUCH)
@pytest.mark.parametrize("code", [-32000, -32005, -32602, 35])
def test_too_wide_a_range_is_no_rate_limit(message: str, code: int) -> None:
    assert class_of(message, code) is ErrorClass.TOO_MUCH


@pytest.mark.parametrize(("code", "message"), MISSING)
def test_what_a_node_does_not_offer(code: int, message: str) -> None:
    assert class_of(message, code) is ErrorClass.NOT_OFFERED


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, NodeError), (401, NodeError), (402, NodeError), (403, NodeError), (404, NodeError), (405, NodeError),
        (413, NodeError), (429, RateLimited), (500, NodeFailed), (501, NodeError), (502, Transient), (503, Transient),
        (504, Transient), (520, Transient), (529, NodeError),
    ],
)  # fmt: skip
def test_statuses_without_words(status: int, kind: type[Exception]) -> None:
    assert type(error_of_status(status, 0.0, "node")) is kind


def test_words_outrank_the_status() -> None:
    assert made({"code": 3, "message": "execution reverted"}, 500).is_revert
    assert made({"code": -32601, "message": "Method not found"}, 500).kind is ErrorClass.NOT_OFFERED
    assert isinstance(made({"code": -32000, "message": "too many requests"}, 400), RateLimited)


def test_a_text_in_the_place_of_an_error() -> None:
    error = made("Unauthorized: API key is missing or disabled", 401)
    assert isinstance(error, NodeError)
    assert not error.retryable
    assert "API key is missing" in error.message
    assert isinstance(made("boom"), BadAnswer)
    assert isinstance(made("Too many requests"), RateLimited)


@pytest.mark.parametrize("error", [7, [], True, {"code": "x"}, {"code": True, "message": 5}, {"code": 10**400}])
def test_errors_of_no_shape_are_errors(error: Any) -> None:
    assert isinstance(made(error), BadAnswer | NodeError)


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        ("already known", Reply.ACCEPTED), ("ALREADY_EXISTS: already known", Reply.ACCEPTED),
        ("AlreadyKnown", Reply.ACCEPTED), ("Known transaction", Reply.ACCEPTED),
        ("Transaction with the same hash was already imported.", Reply.ACCEPTED),
        ("nonce too low: next nonce 5, tx nonce 4", Reply.NONCE_TOO_LOW), ("OldNonce", Reply.NONCE_TOO_LOW),
        ("Nonce too low", Reply.NONCE_TOO_LOW), ("NonceTooLow", Reply.NONCE_TOO_LOW),
        ("the nonce of the transaction is lower than next nonce", Reply.NONCE_TOO_LOW),
        ("transaction is already in the transaction pool", Reply.ACCEPTED), ("ALREADY_EXISTS", Reply.ACCEPTED),
        ("transaction underpriced", Reply.REFUSED), ("unknown transaction", Reply.REFUSED),
        ("insufficient funds for gas * price + value", Reply.REFUSED),
    ],
)  # fmt: skip
def test_what_is_said_of_signed_bytes(message: str, reply: Reply) -> None:
    assert reply_of(made({"code": -32000, "message": message}, method="eth_sendRawTransaction")).reply is reply


@pytest.mark.parametrize(
    ("message", "least"),
    [
        ("transaction underpriced: gas tip cap 1000000, minimum needed 25000000000", 25 * 10**9),
        ("transaction underpriced: tip needed 25000000000, tip permitted 1", 25 * 10**9),
        ("Gas price below configured minimum gas price", None),
        ("FeeTooLow, MaxFeePerGas too low", None),
        ("effective gas price is too low", None),
        ("TransactionPriceTooLow", None),
        ("insufficient fee", None),
    ],
)
def test_a_refusal_for_the_price_says_so(message: str, least: int | None) -> None:
    reply = reply_of(made({"code": -32000, "message": message}, method="eth_sendRawTransaction"))
    assert (reply.reply, reply.underpriced, reply.least_price) == (Reply.REFUSED, True, least)
    assert "l2send speedup" in reply.detail
