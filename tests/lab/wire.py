"""The wire between a payer and the chains: it breaks requests on command and records everything.

One wire belongs to one payer. `proxy.py` puts it behind a socket, `transport.py` into the payer's own process.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from tests.lab.rivals import Rival

SEND = "eth_sendRawTransaction"
SEND_AND_WAIT = "eth_sendRawTransactionSync"
"""The same, with an answer that waits for the receipt: what breaks the one breaks the other."""
POST = "POST /v1/orders"
"""How messages are handed to a sponsor, who speaks no JSON-RPC."""
RECEIPT = "eth_getTransactionReceipt"


@dataclass(frozen=True)
class Outcome:
    """What the payer gets: an HTTP reply, or none at all."""

    body: bytes = b""
    status: int | None = 200
    """None ends the connection without a reply."""
    retry_after: int | None = None
    announced: int | None = None
    """The content length that is announced, where it is not the body's."""
    wait: float = 0.0
    """Seconds before the reply."""


class Upstream:
    """Connections to one node that are kept open. Belongs to one event loop."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._broken: list[asyncio.StreamWriter] = []

    async def post(self, body: bytes) -> bytes:
        """The body of the answer to a POST."""
        return (await self.exchange("/", body))[1]

    async def exchange(self, path: str, body: bytes, method: str = "POST") -> tuple[int, bytes]:
        """Status and body of the answer."""
        reader, writer = self._free.pop() if self._free else await asyncio.open_connection(self._host, self._port)
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
        try:
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            answer = await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
        except BaseException:  # A hedged read is cancelled once the other endpoint has answered.
            writer.close()
            self._broken.append(writer)
            raise
        self._free.append((reader, writer))
        return int(head.split(" ", 2)[1]), answer

    async def call(self, method: str, *params: Any) -> Any:
        """The result of a call of the lab's own, past every fault."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = json.loads(await self.post(json.dumps(request).encode()))
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    async def close(self) -> None:
        for writer in (*self._broken, *(writer for _, writer in self._free)):
            writer.close()
            with suppress(OSError):  # The node may have hung up first.
                await writer.wait_closed()
        self._broken.clear()
        self._free.clear()


@dataclass
class Question:
    """One JSON-RPC request on its way through a wire."""

    wire: Wire
    nodes: Sequence[Upstream]
    index: int
    """Which chain is asked."""
    id: Any
    method: str
    params: list[Any]
    second: bool = field(default=False, kw_only=True)
    """Whether the second endpoint of that chain is asked."""
    waits: bool = field(default=False, kw_only=True)
    """Whether the answer to a broadcast is to wait for the receipt."""

    async def forward(self, params: list[Any] | None = None, to: int | None = None) -> bytes:
        """The node's own answer."""
        request = {
            "jsonrpc": "2.0",
            "id": self.id,
            "method": SEND_AND_WAIT if self.waits else self.method,
            "params": self.params if params is None else params,
        }
        return await self.nodes[self.index if to is None else to].post(json.dumps(request).encode())

    def answer(self, result: Any) -> bytes:
        return json.dumps({"jsonrpc": "2.0", "id": self.id, "result": result}).encode()

    def refusal(self, code: int, message: str) -> bytes:
        return json.dumps({"jsonrpc": "2.0", "id": self.id, "error": {"code": code, "message": message}}).encode()


@dataclass
class Petition(Question):
    """One request to the sponsor."""

    sponsor: Upstream
    path: str
    body: bytes

    async def forward(self, params: list[Any] | None = None, to: int | None = None) -> bytes:
        """The sponsor's own answer."""
        return (await self.sponsor.exchange(self.path, self.body))[1]


Act = Callable[[Question], Awaitable[Outcome | None]]
"""What a fault does with a request; None if it does not concern it, which then passes whole."""


@dataclass(frozen=True)
class Fault:
    """Something a node or the way to it does wrong."""

    name: str
    methods: frozenset[str]
    act: Act
    times: int = 2
    """How many requests of each method are broken, or of all methods together where `in_all`."""
    in_all: bool = False
    chain: int | None = None
    """The chain it is bound to, if to one."""
    second: bool | None = None
    """Whether it is the second endpoint's, or the first one's; None: of both."""
    alone: bool = False
    """Whether it changes the chain itself, so that no other payment may be on it."""

    def __str__(self) -> str:
        return self.name

    @property
    def breaks_sending(self) -> bool:
        return self.methods <= {SEND, POST}


@dataclass
class Rule:
    """A fault on a wire, and how often it happened."""

    fault: Fault
    armed: bool = False
    skip: int = 0
    times: int | None = None
    fired: Counter[str] = field(default_factory=Counter[str])

    def concerns(self, question: Question) -> bool:
        if not self.armed or question.method not in self.fault.methods:
            return False
        if self.fault.chain not in (None, question.index) or self.fault.second not in (None, question.second):
            return False
        count = self.fired.total() if self.fault.in_all else self.fired[question.method]
        if count >= (self.fault.times if self.times is None else self.times):
            return False
        self.skip -= 1
        return self.skip < 0


@dataclass
class Wire:
    """All traffic of one payer."""

    rules: list[Rule] = field(default_factory=list[Rule])
    requests: Counter[str] = field(default_factory=Counter[str])
    sent: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    """Chain and bytes of every transaction that the payer handed over, arrived or not."""
    posted: list[bytes] = field(default_factory=list[bytes])
    """All that the payer handed to the sponsor, arrived or not."""
    heights: dict[int, str] = field(default_factory=dict[int, str])
    """The head of each chain when the payment was begun: where a node that stands still has stopped."""
    notes: list[str] = field(default_factory=list[str])
    acting: int = 0
    """How many faults are doing their work: nothing else touches the chains meanwhile."""
    arms_when_begun: bool = False
    rival: Rival | None = None
    """Who else uses the payer's key."""

    @property
    def fired(self) -> int:
        """How many requests met a fault."""
        return sum(rule.fired.total() for rule in self.rules)

    def arm(self) -> None:
        for rule in self.rules:
            rule.armed = True

    def disarm(self) -> None:
        for rule in self.rules:
            rule.armed = False

    async def begun(self, nodes: Sequence[Upstream]) -> None:
        """The payment is in the journal: remember where the chains are."""
        for index, node in enumerate(nodes):
            if index not in self.heights:
                self.heights[index] = await node.call("eth_blockNumber")
        if self.arms_when_begun:
            self.arm()

    async def exchange(self, index: int, body: bytes, nodes: Sequence[Upstream], *, second: bool = False) -> Outcome:
        """One request of the payer to the chain of that index."""
        request = json.loads(body)
        method, params = request["method"], request["params"]
        waits = method == SEND_AND_WAIT and bool(params)
        asked = request["id"], SEND if waits else method, params
        question = Question(self, nodes, index, *asked, second=second, waits=waits)
        self.requests[question.method] += 1
        if question.method == SEND:
            self.sent.append((index, bytes.fromhex(question.params[0][2:])))
        return await self._broken(question) or Outcome(await nodes[index].post(body))

    async def petition(self, method: str, path: str, body: bytes, sponsor: Upstream) -> Outcome:
        """One request of the payer to the sponsor; `path` begins below its URL, and may hold a query."""
        where = f"/sponsor{path}"
        question = Petition(self, (), -1, None, f"{method} {path}", [], sponsor, where, body)
        self.requests[question.method] += 1
        if question.method == POST:
            self.posted.append(body)
        broken = await self._broken(question)
        if broken:
            return broken
        status, answer = await sponsor.exchange(where, body, method)
        return Outcome(answer, status)

    async def _broken(self, question: Question) -> Outcome | None:
        """What a fault makes of it; None if it passes whole."""
        for rule in self.rules:
            if rule.concerns(question):
                rule.fired[question.method] += 1
                self.acting += 1
                try:
                    outcome = await rule.fault.act(question)
                    if outcome is not None:
                        return outcome
                    rule.fired[question.method] -= 1
                finally:
                    self.acting -= 1
        return None
