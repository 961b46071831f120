"""A JSON-RPC proxy that breaks requests on command, and records what passed.

It stands between a client and a real node, so that a test can lose the reply of a transaction the
node did accept. `fired` proves that a fault happened; a test that does not look at it proves nothing.
"""

from __future__ import annotations

import asyncio
import http.client
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.support.socket_server import SocketServer


@dataclass(frozen=True)
class Fault:
    """What happens to one request: whether the node gets it, and what the client gets."""

    name: str
    forward: bool
    """Whether the node sees the request."""
    status: int | None = None
    """HTTP status of the reply; None closes the connection without one."""
    body: bytes = b""
    headers: str = ""

    def __str__(self) -> str:
        return self.name


LOST_REQUEST = Fault("lost request", forward=False)
LOST_REPLY = Fault("lost reply", forward=True)
BAD_GATEWAY = Fault("502 after accepting", forward=True, status=502, body=b"bad gateway")
TOO_MANY = Fault("429 after accepting", forward=True, status=429, body=b"slow down", headers="Retry-After: 0\r\n")
HTML = Fault("HTML after accepting", forward=True, status=200, body=b"<html><title>Login</title></html>")
EMPTY = Fault("empty body after accepting", forward=True, status=200)
WRONG_ID = Fault("wrong id", forward=True, status=200, body=b'{"jsonrpc":"2.0","id":-7,"result":"0x1"}')
LIMITED = Fault(
    "200 with code 429",
    forward=True,
    status=200,
    body=b'{"jsonrpc":"2.0","id":1,"error":{"code":429,"message":"rate limited"}}',
)
REFUSED_BEFORE = Fault("503 before accepting", forward=False, status=503, body=b"unavailable")

AFTER_ACCEPTING = (LOST_REPLY, BAD_GATEWAY, TOO_MANY, HTML, EMPTY, WRONG_ID, LIMITED)
"""Faults of a node that did take the request."""


Twist = Callable[[list[Any], dict[str, Any]], dict[str, Any]]
"""From a request's parameters and the node's answer, as JSON-RPC has it, the answer that is given."""


def ten_blocks(params: list[Any], answer: dict[str, Any]) -> dict[str, Any]:
    """A twist for eth_getLogs: nodes that give the logs of ten blocks a request."""
    asked = params[0]
    if int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) < 10:
        return answer
    error = {"code": -32600, "message": "you can make eth_getLogs requests with up to a 10 block range"}
    return {"jsonrpc": "2.0", "id": answer["id"], "error": error}


def no_such_method(_: list[Any], answer: dict[str, Any]) -> dict[str, Any]:
    """A twist for any method: nodes that do not offer it."""
    return {"jsonrpc": "2.0", "id": answer["id"], "error": {"code": -32601, "message": "method not found"}}


class FaultProxy(SocketServer):
    """`with FaultProxy(node_url) as proxy:` listens on `proxy.url` until the block ends."""

    def __init__(self, upstream: str) -> None:
        super().__init__()
        self.lead_to(upstream)
        self._faults: dict[str, list[Fault]] = defaultdict(list)
        self._lies: dict[str, Any] = {}
        self._lies_left: dict[str, int] = {}
        self._twists: dict[str, Twist] = {}
        self.requests: list[tuple[str, list[Any]]] = []
        self.fired: list[tuple[str, Fault]] = []

    def lead_to(self, upstream: str) -> None:
        """From now on this node answers."""
        parts = urlsplit(upstream)
        self._host, self._port = parts.hostname or "", parts.port or 80

    def break_next(self, method: str, fault: Fault, times: int = 1) -> None:
        """The next `times` requests of `method` meet `fault`."""
        self._faults[method] += [fault] * times

    def lie(self, method: str, result: Any, times: int = 1_000_000) -> None:
        """Answer `method` with `result`, without asking the node, `times` times or until `stop_lying`."""
        self._lies[method] = result
        self._lies_left[method] = times

    def stop_lying(self, method: str) -> None:
        """Ask the node again."""
        del self._lies_left[method]

    def twist(self, method: str, change: Twist) -> None:
        """Let `change` have a say in every answer of the node to `method`."""
        self._twists[method] = change

    def sent(self, method: str) -> list[list[Any]]:
        """The parameters of every request of `method`, in order."""
        return [params for name, params in self.requests if name == method]

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False when the connection ends with it."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        body = await reader.readexactly(length)
        request = json.loads(body)
        method = request["method"]
        self.requests.append((method, request["params"]))
        fault = self._faults[method].pop(0) if self._faults[method] else None
        answer = b""
        if self._lies_left.get(method, 0):
            self._lies_left[method] -= 1
            answer = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": self._lies[method]}).encode()
        elif fault is None or fault.forward:
            answer = await asyncio.to_thread(self._forward, body)
            if twist := self._twists.get(method):
                answer = json.dumps(twist(request["params"], json.loads(answer))).encode()
        if fault:
            self.fired.append((method, fault))
            if fault.status is None:
                return False
            _reply(writer, fault.status, fault.body, fault.headers)
        else:
            _reply(writer, 200, answer)
        await writer.drain()
        return True

    def _forward(self, body: bytes) -> bytes:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=20)
        try:
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            return connection.getresponse().read()
        finally:
            connection.close()


def _reply(writer: asyncio.StreamWriter, status: int, body: bytes, headers: str = "") -> None:
    head = f"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    writer.write(head.encode() + body)
