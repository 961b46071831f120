"""How often an endpoint's chain is verified: once for all first requests, and again before signed bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from l2send.core.errors import WrongChain
from l2send.core.http import open_http
from l2send.core.rpc import Rpc
from tests.support.socket_server import SocketServer
from tests.wallet.rig import CHAIN_ID, chain_at

ANSWERS = {"eth_blockNumber": "0x10", "eth_getBalance": "0x7", "eth_sendRawTransaction": "0x" + "12" * 32}


class Endpoint(SocketServer):
    """Answers from a table, and keeps the methods it was asked for."""

    def __init__(self, chain_id: int) -> None:
        super().__init__()
        self._answers = ANSWERS | {"eth_chainId": hex(chain_id)}
        self.asked = list[str]()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        asked = json.loads(await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0])))
        self.asked.append(asked["method"])
        await asyncio.sleep(0.02)  # A round trip: what is asked at once is on its way before the first answer.
        answer = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": self._answers[asked["method"]]}).encode()
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer)
        return True


def ask(endpoint: Endpoint, questions: Callable[[Rpc], Awaitable[object]]) -> None:
    async def run() -> None:
        async with open_http() as http:
            await questions(Rpc(chain_at(endpoint.url), http))

    asyncio.run(run())


async def many(rpc: Rpc) -> list[object]:
    address = rpc.chain.multicall3
    assert address
    return list(await asyncio.gather(*(rpc.balance(address) for _ in range(5)), return_exceptions=True))


def test_the_first_questions_need_one_proof_of_the_chain() -> None:
    async def questions(rpc: Rpc) -> None:
        assert await many(rpc) == [7] * 5
        assert await rpc.block_number() == 16

    with Endpoint(CHAIN_ID) as endpoint:
        ask(endpoint, questions)
    assert sorted(endpoint.asked) == ["eth_blockNumber", "eth_chainId", *["eth_getBalance"] * 5]


def test_none_of_them_is_answered_by_an_endpoint_of_another_chain() -> None:
    async def questions(rpc: Rpc) -> None:
        assert all(isinstance(answer, WrongChain) for answer in await many(rpc))
        with pytest.raises(WrongChain):
            await rpc.block_number()

    with Endpoint(CHAIN_ID + 1) as endpoint:
        ask(endpoint, questions)
    assert endpoint.asked.count("eth_chainId") == 2


def test_signed_bytes_have_a_proof_of_their_own() -> None:
    async def questions(rpc: Rpc) -> None:
        await asyncio.gather(many(rpc), rpc.broadcast(b"\x02\x01"))

    with Endpoint(CHAIN_ID) as endpoint:
        ask(endpoint, questions)
    proofs = [place for place, method in enumerate(endpoint.asked) if method == "eth_chainId"]
    assert len(proofs) == 2
    assert endpoint.asked.index("eth_sendRawTransaction") > max(proofs)
