"""JSON-RPC to many chains at once.

Three rules, each of which has cost somebody money:
- an endpoint is used only after it proved to serve the chain it is listed for;
- a read is retried and fails over to the chain's other endpoints, by class of error;
- a broadcast goes out once per call, to one endpoint, and reports what is known, which may be nothing.

Texts of a node are cleaned before they enter an error message.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from typing import Any, NoReturn, TypeVar

from l2send.core.address import Address
from l2send.core.calldata import Function
from l2send.core.chains import Chain, Registry
from l2send.core.errors import BadAnswer, NetworkError, NodeError, WrongChain
from l2send.core.http import Http, Transient, host, open_http, post_json
from l2send.core.plan import UnsignedTx
from l2send.core.text import clean
from l2send.core.units import BlockNumber, ChainId, Gas, Nonce, UnixTime, Wei

T = TypeVar("T")

_ROUNDS = 3
_FIRST_PAUSE = 0.3
_MAX_PAUSE = 5.0
_TRANSIENT_CODES = frozenset({429, -32005, -32603, -32097, -32016})

AGGREGATE3 = Function("aggregate3((address,bool,bytes)[])", "(bool,bytes)[]")
_CHAIN_ID = Function("getChainId()", "uint256")
_TIMESTAMP = Function("getCurrentBlockTimestamp()", "uint256")
ETH_BALANCE = Function("getEthBalance(address)", "uint256")


@dataclass(frozen=True, slots=True)
class Call:
    """A read of one contract."""

    to: Address | None
    """None for ETH_BALANCE, which no contract of its own answers: Multicall3 does, or else the node."""
    function: Function
    arguments: tuple[Any, ...] = ()

    @property
    def data(self) -> bytes:
        """The calldata."""
        return self.function.encode(*self.arguments)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Answers of many reads at one block; None where a read reverted or answered nonsense."""

    values: tuple[tuple[Any, ...] | None, ...]
    timestamp: UnixTime


@dataclass(frozen=True, slots=True)
class Simulated:
    """How one transaction of a simulation ended."""

    succeeded: bool
    gas: Gas
    """What it used."""
    reason: str
    output: bytes
    """What it returned."""


@unique
class Reply(StrEnum):
    """What a node said to a broadcast."""

    ACCEPTED = "accepted"
    """It took the transaction, or knew it already."""
    NONCE_TOO_LOW = "nonce_too_low"
    """The nonce is used up: by these very bytes or by others; only the chain can tell."""
    REFUSED = "refused"
    """It understood and will not take it (underpriced, insufficient funds, nonce gap)."""
    UNKNOWN = "unknown"
    """No usable reply. The transaction may or may not be on its way."""


@dataclass(frozen=True, slots=True)
class BroadcastReply:
    """The class of a node's answer, and its own words, cleaned."""

    reply: Reply
    detail: str = ""


# Phrases of geth, erigon, nethermind, besu, reth, anvil and the rollups' sequencers.
_KNOWN = (
    "already known",
    "already imported",
    "alreadyknown",
    "known transaction",
    "already in mempool",
    "already exists",
)
_LOW = (
    "nonce too low",
    "nonce is too low",
    "oldnonce",
    "old nonce",
    "nonce has already been used",
    "invalid transaction nonce",
)


@dataclass(slots=True)
class Endpoint:
    """One URL, which no repr shows, and whether it proved to serve the right chain."""

    url: str = field(repr=False)
    verified: bool = False

    @property
    def host(self) -> str:
        """All of the URL that may be shown."""
        return host(self.url)


@dataclass
class Rpc:
    """One chain's endpoints."""

    chain: Chain
    http: Http
    endpoints: list[Endpoint] = field(init=False)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.endpoints = [Endpoint(url) for url in self.chain.rpcs]

    def each(self) -> list[Rpc]:
        """A client for every endpoint alone, so that none answers for another."""
        return [Rpc(replace(self.chain, rpcs=(url,)), self.http) for url in self.chain.rpcs]

    async def call(self, method: str, *params: Any) -> Any:
        """The result of a read, which may be null. Raises NetworkError and its children."""

        async def ask(endpoint: Endpoint) -> Any:
            await self._verify(endpoint)
            return await self._post(endpoint, method, params)

        return await self._read(ask)

    async def _read(self, ask: Callable[[Endpoint], Awaitable[T]]) -> T:
        """`ask` the endpoints in turn until one gives a usable answer; pause only where time may help."""
        last: NetworkError = NetworkError(f"{self.chain.name}: no RPC endpoint is configured.")
        pause = _FIRST_PAUSE
        for round_ in range(_ROUNDS):
            for endpoint in self.endpoints:
                try:
                    return await ask(endpoint)
                except Transient as error:
                    last, pause = error, max(pause, error.pause)
                except NodeError as error:
                    if error.is_revert:
                        raise
                    last = error
                except (BadAnswer, WrongChain) as error:
                    last = error
            if not isinstance(last, Transient) or round_ == _ROUNDS - 1:
                break
            await asyncio.sleep(min(pause, _MAX_PAUSE))
            pause *= 2
        raise last

    async def _verify(self, endpoint: Endpoint) -> None:
        """Pin the endpoint to its chain. Raises WrongChain. Source: EIP-695 eth_chainId."""
        if endpoint.verified:
            return
        self._match(endpoint, quantity(await self._post(endpoint, "eth_chainId", ()), "eth_chainId"))

    def _match(self, endpoint: Endpoint, found: int) -> None:
        if found != self.chain.chain_id:
            raise WrongChain(
                f"the RPC {endpoint.host} listed for {self.chain.name} serves chain {found}, "
                f"not {self.chain.chain_id}.",
                hint=f"Correct rpcs of {self.chain.short_name}, or L2SEND_RPC_{self.chain.chain_id}.",
            )
        endpoint.verified = True

    async def _post(self, endpoint: Endpoint, method: str, params: Sequence[Any]) -> Any:
        """One request, one answer. Raises Transient, BadAnswer, NodeError."""
        request_id = next(self._ids)
        request = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": list(params)}
        where = f"{self.chain.name} ({endpoint.host})"
        answer = (await post_json(self.http, endpoint.url, request, where)).body
        if not isinstance(answer, dict):
            raise BadAnswer(f"{where} answered {method} with no JSON-RPC object.")
        if answer.get("error") is not None:
            _raise_node_error(answer["error"], where)
        if answer.get("id") != request_id or "result" not in answer:
            raise BadAnswer(f"{where} answered {method} with another request's id, or with no result.")
        return answer["result"]

    async def aggregate(self, calls: Sequence[Call], block: str = "latest") -> Aggregate:
        """Many reads at one block in one round trip, which also proves the chain id; without Multicall3, in several.

        Source: Multicall3 aggregate3, getChainId, getCurrentBlockTimestamp. Raises NetworkError.
        """
        m3 = self.chain.multicall3
        if m3 is None:
            return await self._read(lambda endpoint: self._one_by_one(endpoint, calls, block))
        everything = [Call(m3, _CHAIN_ID), Call(m3, _TIMESTAMP), *calls]
        data = AGGREGATE3.encode([(c.to or m3, True, c.data) for c in everything])
        params = [{"to": m3, "data": "0x" + data.hex()}, block]

        async def ask(endpoint: Endpoint) -> Aggregate:
            raw = await self._post(endpoint, "eth_call", params)
            (answers,) = AGGREGATE3.decode_result(data_bytes(raw, "eth_call"))
            if len(answers) != len(everything):
                raise BadAnswer(f"{self.chain.name} answered {len(answers)} of {len(everything)} reads.")
            found, time, *values = (_value(c, ok, data) for c, (ok, data) in zip(everything, answers, strict=True))
            if found is None or time is None:
                raise BadAnswer(f"{self.chain.name} has no Multicall3 at {m3}.")
            self._match(endpoint, found[0])
            return Aggregate(tuple(values), UnixTime(time[0]))

        return await self._read(ask)

    async def _one_by_one(self, endpoint: Endpoint, calls: Sequence[Call], block: str) -> Aggregate:
        """Each read in a request of its own, all at the block that `block` is now."""
        await self._verify(endpoint)
        head = record(await self._post(endpoint, "eth_getBlockByNumber", (block, False)), "eth_getBlockByNumber")
        at = hex(quantity(head.get("number"), "number"))
        values = await asyncio.gather(*(self._alone(endpoint, call, at) for call in calls))
        return Aggregate(tuple(values), UnixTime(quantity(head.get("timestamp"), "timestamp")))

    async def _alone(self, endpoint: Endpoint, call: Call, block: str) -> tuple[Any, ...] | None:
        """One read, None where it reverts. Source: eth_call, eth_getBalance."""
        if call.to is None:
            answer = await self._post(endpoint, "eth_getBalance", (*call.arguments, block))
            return (quantity(answer, "eth_getBalance"),)
        try:
            raw = await self._post(endpoint, "eth_call", ({"to": call.to, "data": "0x" + call.data.hex()}, block))
        except NodeError as error:
            if error.is_revert:
                return None
            raise
        return _value(call, True, data_bytes(raw, "eth_call"))

    async def eth_call(self, call: Call, *, sender: Address | None = None, block: str = "latest") -> tuple[Any, ...]:
        """One contract read. Raises NodeError if it reverts."""
        message = {"to": call.to, "data": "0x" + call.data.hex()} | ({"from": sender} if sender else {})
        return call.function.decode_result(data_bytes(await self.call("eth_call", message, block), "eth_call"))

    async def balance(self, account: Address, block: str = "latest") -> Wei:
        """Native balance. Source: eth_getBalance."""
        return Wei(quantity(await self.call("eth_getBalance", account, block), "eth_getBalance"))

    async def nonce(self, account: Address, block: str = "pending") -> Nonce:
        """Count of transactions sent. Source: eth_getTransactionCount."""
        return Nonce(quantity(await self.call("eth_getTransactionCount", account, block), "eth_getTransactionCount"))

    async def code(self, account: Address) -> bytes:
        """Code of an account, empty for one without. Source: eth_getCode."""
        return data_bytes(await self.call("eth_getCode", account, "latest"), "eth_getCode")

    async def storage(self, account: Address, slot: int) -> bytes:
        """One word of an account's storage. Source: eth_getStorageAt."""
        found = data_bytes(await self.call("eth_getStorageAt", account, hex(slot), "latest"), "eth_getStorageAt")
        return found.rjust(32, b"\0")[-32:]

    async def estimate_gas(self, message: dict[str, Any]) -> Gas:
        """Gas the message would use. Raises NodeError if it would revert. Source: eth_estimateGas."""
        return Gas(quantity(await self.call("eth_estimateGas", message), "eth_estimateGas"))

    async def block(self, tag: str = "latest") -> dict[str, Any]:
        """A block's header. Raises BadAnswer for null. Source: eth_getBlockByNumber."""
        return record(await self.call("eth_getBlockByNumber", tag, False), "eth_getBlockByNumber")

    async def block_number(self) -> BlockNumber:
        """Height of the head. Source: eth_blockNumber."""
        return BlockNumber(quantity(await self.call("eth_blockNumber"), "eth_blockNumber"))

    async def time(self) -> UnixTime:
        """The chain's clock: the head's timestamp."""
        return UnixTime(quantity((await self.block()).get("timestamp"), "timestamp"))

    async def receipt(self, tx_hash: str) -> dict[str, Any] | None:
        """The receipt, or None while there is none. Source: eth_getTransactionReceipt."""
        answer = await self.call("eth_getTransactionReceipt", tx_hash)
        return None if answer is None else record(answer, "eth_getTransactionReceipt")

    async def logs(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        """Event logs. Raises NetworkError where the node refuses the range. Source: eth_getLogs."""
        answer = await self.call("eth_getLogs", query)
        if not isinstance(answer, list):
            raise BadAnswer(f"{self.chain.name} answered eth_getLogs with no list.")
        return [record(entry, "eth_getLogs") for entry in answer]

    async def simulate(self, sender: Address, txs: Sequence[UnsignedTx]) -> list[Simulated]:
        """Run transactions one after another on top of the head, without signing anything.

        Raises NodeError where the node does not offer it. Source: eth_simulateV1.
        """
        calls = [{"from": sender, "to": t.to, "value": hex(t.value), "input": "0x" + t.data.hex()} for t in txs]
        options = {"blockStateCalls": [{"calls": calls}], "validation": False, "traceTransfers": False}
        blocks = await self.call("eth_simulateV1", options, "latest")
        if not isinstance(blocks, list) or len(blocks) != 1:
            raise BadAnswer(f"{self.chain.name} answered eth_simulateV1 with no block.")
        results = record(blocks[0], "eth_simulateV1").get("calls")
        if not isinstance(results, list) or len(results) != len(txs):
            raise BadAnswer(f"{self.chain.name} simulated another number of transactions.")
        return [_simulated(record(result, "eth_simulateV1")) for result in results]

    async def broadcast(self, raw: bytes, endpoint: int = 0) -> BroadcastReply:
        """Hand signed bytes to one endpoint, once. Never raises for what the network does.

        Raises WrongChain before anything is sent. Source: eth_sendRawTransaction.
        """
        target = self.endpoints[endpoint % len(self.endpoints)]
        try:
            target.verified = False
            await self._verify(target)
            await self._post(target, "eth_sendRawTransaction", ["0x" + raw.hex()])
        except WrongChain:
            raise
        except NodeError as error:
            return BroadcastReply(_classify(error.message), error.message)
        except NetworkError as error:
            return BroadcastReply(Reply.UNKNOWN, error.message)
        return BroadcastReply(Reply.ACCEPTED)


def _simulated(result: dict[str, Any]) -> Simulated:
    succeeded = quantity(result.get("status"), "status") == 1
    error = result.get("error")
    reason = clean(error.get("message", "")) if isinstance(error, dict) else ""
    output = data_bytes(result.get("returnData", "0x"), "returnData")
    return Simulated(succeeded, Gas(quantity(result.get("gasUsed"), "gasUsed")), reason, output)


def _classify(message: str) -> Reply:
    low = message.lower()
    if any(phrase in low for phrase in _KNOWN) and "unknown transaction" not in low:
        return Reply.ACCEPTED
    return Reply.NONCE_TOO_LOW if any(phrase in low for phrase in _LOW) else Reply.REFUSED


def _value(call: Call, success: bool, data: bytes) -> tuple[Any, ...] | None:
    if not success or not data:
        return None
    try:
        return call.function.decode_result(data)
    except BadAnswer:
        return None


def _raise_node_error(error: Any, where: str) -> NoReturn:
    if not isinstance(error, dict):
        raise BadAnswer(f"{where} answered with a malformed error.")
    code = error.get("code")
    code = code if isinstance(code, int) else 0
    message = f"{where}: {clean(error.get('message', 'no message'))}"
    if code in _TRANSIENT_CODES and "revert" not in message.lower():
        raise Transient(message)
    data = error.get("data")
    raise NodeError(message, rpc_code=code, data=data if isinstance(data, str) else "")


def quantity(value: Any, what: str) -> int:
    """A JSON-RPC quantity. An empty, null or oversized answer is an error, never zero. Raises BadAnswer."""
    if isinstance(value, str) and value.startswith("0x") and 3 <= len(value) <= 66:
        try:
            return int(value, 16)
        except ValueError:
            pass
    raise BadAnswer(f"{what} is not a number: {clean(value, 40)!r}.")


def data_bytes(value: Any, what: str) -> bytes:
    """JSON-RPC data; `0x` is empty. Raises BadAnswer."""
    if isinstance(value, str) and value.startswith("0x"):
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            pass
    raise BadAnswer(f"{what} is not data: {clean(value, 40)!r}.")


def record(value: Any, what: str) -> dict[str, Any]:
    """A JSON object. Raises BadAnswer."""
    if not isinstance(value, dict):
        raise BadAnswer(f"{what} is not an object: {clean(value, 40)!r}.")
    return value


@dataclass
class Rpcs:
    """The RPC clients of every chain, over one connection pool."""

    registry: Registry
    http: Http
    _rpcs: dict[ChainId, Rpc] = field(default_factory=dict[ChainId, Rpc])

    def on(self, chain_id: ChainId) -> Rpc:
        """The client of that chain. Raises UnknownChain."""
        if chain_id not in self._rpcs:
            self._rpcs[chain_id] = Rpc(self.registry.chain(chain_id), self.http)
        return self._rpcs[chain_id]


@asynccontextmanager
async def open_rpcs(registry: Registry, timeout: float = 10.0) -> AsyncIterator[Rpcs]:
    """RPC clients for as long as the context lasts. `timeout` is in seconds, per request."""
    async with open_http(timeout) as http:
        yield Rpcs(registry, http)
