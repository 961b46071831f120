"""Broadcasts to a node that waits for the receipt, and to nodes that do not support that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from eth_hash.auto import keccak

from l2send.core.rpc import BroadcastReply, Reply, Rpc
from tests.support.across_registry import TARGET

RAW = b"\x02signed"
HASH = "0x" + keccak(RAW).hex()
RECEIPT = {"transactionHash": HASH, "blockHash": "0x" + "11" * 32, "blockNumber": "0x5", "status": "0x1", "logs": []}
SYNC, PLAIN = "eth_sendRawTransactionSync", "eth_sendRawTransaction"

Answers = dict[str, dict[str, Any] | httpx.TransportError]


def broadcast(answers: Answers, times: int = 1) -> tuple[BroadcastReply, list[str]]:
    """What became of the bytes at a node that answers so, and what it was asked."""
    asked = list[str]()

    def handle(request: httpx.Request) -> httpx.Response:
        message = json.loads(request.content)
        method = message["method"]
        answer = {"result": hex(TARGET.chain_id)} if method == "eth_chainId" else answers[method]
        if method != "eth_chainId":
            asked.append(method)
        if isinstance(answer, httpx.TransportError):
            raise answer
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps({"id": message["id"], **answer}).encode()))

    async def run() -> BroadcastReply:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as http:
            rpc = Rpc(replace(TARGET, rpcs=("http://node",)), http)
            for _ in range(times - 1):
                await rpc.broadcast_sync(RAW)
            return await rpc.broadcast_sync(RAW)

    return asyncio.run(run()), asked


def error(code: int, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


ACCEPTED: dict[str, Any] = {"result": HASH}


def test_the_receipt_comes_with_the_answer() -> None:
    assert broadcast({SYNC: {"result": RECEIPT}}) == (BroadcastReply(Reply.ACCEPTED, receipt=RECEIPT), [SYNC])


@pytest.mark.parametrize(
    "missing", [error(-32601, "Method not found"), error(-32000, f"the method {SYNC} does not exist/is not available")]
)
def test_a_node_without_it_gets_the_same_bytes_in_the_old_way_and_is_not_asked_again(missing: dict[str, Any]) -> None:
    reply, asked = broadcast({SYNC: missing, PLAIN: ACCEPTED}, times=2)
    assert reply.reply is Reply.ACCEPTED
    assert asked == [SYNC, PLAIN, PLAIN]


def test_what_was_taken_and_not_mined_yet_is_accepted() -> None:
    reply, asked = broadcast({SYNC: error(4, "The transaction was added to the mempool but wasn't processed in 2s")})
    assert (reply.reply, reply.receipt, asked) == (Reply.ACCEPTED, None, [SYNC])


@pytest.mark.parametrize("lost", [httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("gone")])
def test_a_lost_reply_is_unknown_and_not_asked_again(lost: Callable[..., object]) -> None:
    reply, asked = broadcast({SYNC: lost})  # type: ignore[dict-item]
    assert (reply.reply, asked) == (Reply.UNKNOWN, [SYNC])


@pytest.mark.parametrize(
    "receipt", [RECEIPT | {"transactionHash": "0x" + "22" * 32}, RECEIPT | {"status": 1}, "0x", []]
)
def test_a_receipt_of_a_wrong_shape_is_looked_up(receipt: object) -> None:
    reply, asked = broadcast({SYNC: {"result": receipt}})
    assert (reply.reply, reply.receipt, asked) == (Reply.ACCEPTED, None, [SYNC])


@pytest.mark.parametrize(
    ("message", "expected"), [("already known", Reply.ACCEPTED), ("nonce too low", Reply.NONCE_TOO_LOW)]
)
def test_what_a_node_says_of_the_bytes_counts(message: str, expected: Reply) -> None:
    said = error(-32000, message)
    assert broadcast({SYNC: said, PLAIN: said})[0].reply is expected


@pytest.mark.parametrize(
    ("answer", "offers"),
    [
        (error(-32602, "expected params sequence with length 1 but got 0"), True),
        (error(-32601, "Method not found"), False),
        (error(-32000, "unauthorized"), False),
        ({"result": None}, False),
        (httpx.ReadTimeout("slow"), False),
    ],
)
def test_what_a_node_offers_is_learned_once_by_a_question_that_sends_nothing(answer: Any, offers: bool) -> None:
    asked = list[Any]()

    def handle(request: httpx.Request) -> httpx.Response:
        message = json.loads(request.content)
        asked.append((message["method"], message["params"]))
        if isinstance(answer, httpx.TransportError):
            raise answer
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps({"id": message["id"], **answer}).encode()))

    async def learn() -> bool:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as http:
            rpc = Rpc(replace(TARGET, rpcs=("http://node",)), http)
            await asyncio.gather(rpc.learn_sync(), rpc.learn_sync())
            return rpc.sends_sync()

    assert asyncio.run(learn()) is offers
    assert asked == [(SYNC, [])]
