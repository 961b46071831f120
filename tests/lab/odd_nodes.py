"""Nodes that differ from the devnet's, as found in the field: what each answers, in front of a real node.

A stand-in: a transport of httpx that passes requests on to a node and changes what comes back as a rule says. The
words and codes are those of the clients and providers that core/rpc/node_errors.toml names.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import httpx
import rlp

from tests.lab.transport import WireTransport
from tests.lab.wire import SEND, SEND_AND_WAIT, Upstream

GWEI = 10**9
LEAST_TIP = 25 * GWEI


@dataclass(frozen=True)
class Reply:
    """What the payer gets; a body that is no bytes is sent as JSON. Status 0 is a time-out."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class Asked:
    """One request to an odd endpoint."""

    id: Any
    method: str
    params: list[Any]
    node: Upstream
    seen: Counter[str]
    """How often a rule struck, by its own key."""

    async def forward(self, params: list[Any] | None = None) -> dict[str, Any]:
        """The node's own answer."""
        asked = {"jsonrpc": "2.0", "id": self.id, "method": self.method, "params": params or self.params}
        answer: dict[str, Any] = json.loads(await self.node.post(json.dumps(asked).encode()))
        return answer

    def result(self, value: Any) -> Reply:
        return Reply({"jsonrpc": "2.0", "id": self.id, "result": value})

    def error(self, code: int, message: str, status: int = 200, **more: Any) -> Reply:
        return Reply({"jsonrpc": "2.0", "id": self.id, "error": {"code": code, "message": message, **more}}, status)

    def first(self, times: int, key: str = "") -> bool:
        """Whether this is among the first `times` requests of its method, or of `key`."""
        key = key or self.method
        self.seen[key] += 1
        return self.seen[key] <= times


Rule = Callable[[Asked], Awaitable[Reply | None]]
"""What an odd node answers. None: it answers like any other node."""


@dataclass
class Meeting:
    """What one payer meets at its odd endpoints, and what it handed over."""

    rule: Rule | None
    seen: Counter[str] = field(default_factory=Counter[str])
    sent: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])


current_meeting: ContextVar[Meeting] = ContextVar("current_meeting")
"""The meeting of this task's payer."""


def meet(rule: Rule | None) -> Meeting:
    """From now on this task's payer meets `rule`."""
    meeting = Meeting(rule)
    current_meeting.set(meeting)
    return meeting


class OddTransport(WireTransport):
    """Requests to `http://odd/CHAIN` meet the current rule; those to `http://honest/CHAIN` do not."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        if request.url.host not in {"odd", "honest"}:
            return await self._pass(request, body)
        meeting = current_meeting.get()
        index, message = int(request.url.path.strip("/")), json.loads(body)
        asked = Asked(message["id"], message["method"], message["params"], self._nodes[index], meeting.seen)
        if asked.method == SEND:
            meeting.sent.append((index, bytes.fromhex(asked.params[0][2:])))
        reply = await meeting.rule(asked) if meeting.rule and request.url.host == "odd" else None
        if asked.method == SEND_AND_WAIT:  # None of these clients has it.
            reply = Reply(asked.error(-32601, f"the method {asked.method} does not exist/is not available").body)
        reply = reply or Reply(await asked.forward())
        if not reply.status:
            raise httpx.ReadTimeout("an odd node", request=request)
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        stream = httpx.ByteStream(content)
        return httpx.Response(reply.status, headers=reply.headers, stream=stream, request=request)


def answers(method: str, make: Callable[[Asked], Reply], times: int = 10**6) -> Rule:
    """The first `times` requests of `method` get what `make` says."""

    async def rule(asked: Asked) -> Reply | None:
        return make(asked) if asked.method == method and asked.first(times) else None

    return rule


def says(method: str, code: int, message: str, times: int = 10**6, status: int = 200) -> Rule:
    """The first `times` requests of `method` get that error."""
    return answers(method, lambda asked: asked.error(code, message, status), times)


def limits(code: int, message: str, status: int = 200, retry_after: str = "") -> Rule:
    """The first two requests of each method are one too many, but for a broadcast."""

    async def rule(asked: Asked) -> Reply | None:
        if asked.method == SEND or not asked.first(2):
            return None
        refused = asked.error(code, message, status)
        return Reply(refused.body, status, {"Retry-After": retry_after} if retry_after else {})

    return rule


async def unauthorized(asked: Asked) -> Reply:
    return Reply({"error": "Unauthorized: API key is missing or disabled"}, 401)


async def least_tip(asked: Asked) -> Reply | None:
    """Polygon's: blocks of a quiet chain show no tip, and nodes take none below 25 gwei."""
    match asked.method:
        case "eth_feeHistory":
            answer = await asked.forward()
            answer["result"]["reward"] = [["0x0"]] * len(answer["result"]["gasUsedRatio"])
            return Reply(answer)
        case "eth_maxPriorityFeePerGas":
            return asked.result(hex(30 * GWEI))
        case "eth_sendRawTransaction":
            tip = int.from_bytes(rlp.decode(bytes.fromhex(asked.params[0][4:]))[2], "big")
            said = f"transaction underpriced: gas tip cap {tip}, minimum needed {LEAST_TIP}"
            return asked.error(-32000, said) if tip < LEAST_TIP else None
    return None


async def least_tip_unsaid(asked: Asked) -> Reply | None:
    """The same where only the gas price tells."""
    if asked.method == "eth_maxPriorityFeePerGas":
        return asked.error(-32601, "the method eth_maxPriorityFeePerGas does not exist/is not available")
    return asked.result(hex(32 * GWEI)) if asked.method == "eth_gasPrice" else await least_tip(asked)


async def no_pending_tag(asked: Asked) -> Reply | None:
    return asked.error(-32602, "pending block tag is not supported") if "pending" in asked.params else None


async def no_state_override(asked: Asked) -> Reply | None:
    if asked.method == "eth_call" and len(asked.params) > 2:
        return asked.error(-32602, "too many arguments, want at most 2")
    return None


async def ten_blocks(asked: Asked) -> Reply | None:
    if asked.method != "eth_getLogs":
        return None
    first, last = (int(asked.params[0][name], 16) for name in ("fromBlock", "toBlock"))
    return asked.error(-32600, "eth_getLogs takes up to a 10 block range on this plan") if last - first >= 10 else None


async def nethermind(asked: Asked) -> Reply | None:
    """Reverts in its words; no simulation."""
    if asked.method == "eth_simulateV1":
        return asked.error(-32601, "Method eth_simulateV1 is not supported")
    if asked.method not in {"eth_call", "eth_estimateGas"}:
        return None
    answer = await asked.forward()
    if "error" not in answer:
        return Reply(answer)
    return asked.error(-32015, "VM execution error.", data="Reverted " + (answer["error"].get("data") or "0x"))


async def besu(asked: Asked) -> Reply | None:
    if asked.method == "eth_simulateV1":
        return asked.error(-32604, "Method not enabled")
    if asked.method == "eth_maxPriorityFeePerGas":
        return asked.result("0x0")
    return None


async def zksync(asked: Asked) -> Reply | None:
    """No simulation, no fee history in its words, no suggestion."""
    if asked.method in {"eth_simulateV1", "eth_maxPriorityFeePerGas"}:
        return asked.error(-32601, "Method not found")
    return asked.error(-32603, "Internal error") if asked.method == "eth_feeHistory" else None


async def arbitrum(asked: Asked) -> Reply | None:
    """No tip, and a sequencer that knows no `pending` block but the newest."""
    if asked.method == "eth_maxPriorityFeePerGas":
        return asked.result("0x0")
    if asked.method == "eth_getTransactionCount" and asked.params[1] == "pending":
        return Reply(await asked.forward([asked.params[0], "latest"]))
    return None


async def times_out_then_nonsense(asked: Asked) -> Reply | None:
    return Reply(b"", 0) if asked.method == "eth_estimateGas" and asked.first(1) else None


def shape(method: str, result: Any, times: int = 10**6) -> Rule:
    """An answer of a shape that it must not have."""
    return answers(method, lambda asked: asked.result(result), times)


def overlapping_arrays(megabytes: int = 1) -> str:
    """An answer of Multicall3 whose parts lie in the same place, as ABI allows it."""
    count, size = 1000, megabytes * 2**20 // 2
    words = [32, count, *[32 * count] * count, 1, 64, size]
    return "0x" + b"".join(word.to_bytes(32, "big") for word in words).hex() + "00" * size
