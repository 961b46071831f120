"""Typed requests to one chain's nodes. Every answer is parsed before it counts: see failover.py.

A broadcast is sent once per call, to one endpoint, and reports what is known, which may be nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from eth_hash.auto import keccak

from l2send.core.address import Address
from l2send.core.chains import Chain, Registry
from l2send.core.environment import rpc_variable
from l2send.core.errors import BadAnswer, ErrorClass, NetworkError, NodeError, WrongChain
from l2send.core.http import Http, open_http
from l2send.core.rpc.broadcasts import BroadcastReply, Reply, read_receipt, read_transaction, reply_of
from l2send.core.rpc.calls import Aggregate, Batch, Call, value_of
from l2send.core.rpc.code_sizes import code_sizes_program, read_code_sizes
from l2send.core.rpc.exchange import request
from l2send.core.rpc.failover import Endpoint, both, first_answer, if_offered
from l2send.core.rpc.logs import Log, logs_before, logs_between, read_logs
from l2send.core.rpc.simulation import Simulated, read_simulation, simulation
from l2send.core.rpc.values import (
    block_number,
    count,
    data_bytes,
    gas_amount,
    hash_or_null,
    quantity,
    record,
    unix_time,
)
from l2send.core.state_overrides import StateOverrides
from l2send.core.units import BlockNumber, ChainId, Gas, Nonce, UnixTime, Wei

if TYPE_CHECKING:
    from l2send.core.plan import UnsignedTx

T = TypeVar("T")

_TAKEN_NOT_MINED = 4
"""Code of eth_sendRawTransactionSync: in the pool, but in no block yet. Source: EIP-7966."""
_WRONG_PARAMETERS = -32602
_RECENT_SECONDS = 3.0
"""Seconds for which a block time may be reused to quote a price."""
_LATELY_SECONDS = 600.0
_PINNED_SECONDS = 5.0
"""Seconds for which a chain id check counts for a broadcast. In between, the transaction is signed and committed."""


@dataclass
class Rpc:
    """One chain's endpoints."""

    chain: Chain
    http: Http
    endpoints: list[Endpoint] = field(init=False)
    counted: dict[Address, tuple[Nonce, Nonce]] = field(default_factory=dict[Address, tuple[Nonce, Nonce]], init=False)
    """Counts of accounts, requested while a payment was planned: see wallet/nonces.py."""
    last_clock: tuple[UnixTime, float] | None = field(default=None, init=False)  # and its time.monotonic()
    """The newest block time in an answer, and time.monotonic() then."""
    _seen_head: tuple[BlockNumber, float] | None = field(default=None, init=False)
    """The first head seen in the last minutes, and time.monotonic() then."""

    def __post_init__(self) -> None:
        self.endpoints = [Endpoint(url) for url in self.chain.rpcs]

    def each(self) -> list[Rpc]:
        """A client for each endpoint, so that none answers in place of another."""
        return [Rpc(replace(self.chain, rpcs=(url,)), self.http) for url in self.chain.rpcs]

    async def ask(self, read: Callable[[Any], T], method: str, *params: Any) -> T:
        """The result, parsed by `read`; if that raises BadAnswer, the next endpoint is queried.

        Raises NetworkError and its subclasses.
        """

        async def ask(endpoint: Endpoint) -> T:
            _, answer = await both(self._verify(endpoint), self._post(endpoint, method, params))
            return read(answer)

        return await first_answer(self.chain.name, self.endpoints, ask)

    async def call(self, method: str, *params: Any) -> Any:
        """The raw result of a read, which may be null. Raises NetworkError and its subclasses."""
        return await self.ask(lambda result: result, method, *params)

    async def _verify(self, endpoint: Endpoint) -> None:
        """Verify the endpoint's chain. Raises WrongChain. Source: EIP-695 eth_chainId.

        A read may be sent beside this, in the same round trip; its answer is discarded if this fails.
        """
        if not endpoint.verified:
            await endpoint.proof.ask(lambda: self._prove(endpoint))

    async def _prove(self, endpoint: Endpoint) -> None:
        self._match(endpoint, quantity(await self._post(endpoint, "eth_chainId", ()), "eth_chainId"))

    async def pin(self) -> None:
        """Request the chain id again: an endpoint may have changed chains since it was verified. Raises WrongChain.

        A broadcast to the same endpoint right after it does not request it again.
        """

        async def ask(endpoint: Endpoint) -> int:
            found = quantity(await self._post(endpoint, "eth_chainId", ()), "eth_chainId")
            if found == self.chain.chain_id:
                endpoint.pinned_at = time.monotonic()
            return found

        found = await first_answer(self.chain.name, self.endpoints, ask)
        if found != self.chain.chain_id:
            raise WrongChain(
                f"an RPC of {self.chain.name} now serves chain {found}, not {self.chain.chain_id}.",
                hint=f"Nothing was signed. Correct rpcs of {self.chain.short_name}.",
            )

    def _match(self, endpoint: Endpoint, found: int) -> None:
        if found != self.chain.chain_id:
            raise WrongChain(
                f"the RPC {endpoint.host} listed for {self.chain.name} serves chain {found}, "
                f"not {self.chain.chain_id}.",
                hint=f"Correct rpcs of {self.chain.short_name}, or {rpc_variable(self.chain.chain_id)}.",
            )
        endpoint.verified = True

    async def _post(self, endpoint: Endpoint, method: str, params: Sequence[Any]) -> Any:
        """One request, one answer. Raises Transient, BadAnswer, NodeError."""
        return await request(self.http, endpoint.url, method, params, f"{self.chain.name} ({endpoint.host})")

    async def aggregate(self, calls: Sequence[Call], block: str = "latest") -> Aggregate:
        """Many reads at one block in one round trip, which also proves the chain id; without Multicall3, in several.

        Raises NetworkError.
        """
        multicall3 = self.chain.multicall3
        if multicall3 is None:
            return await first_answer(
                self.chain.name, self.endpoints, lambda endpoint: self._one_by_one(endpoint, calls, block)
            )
        batch = Batch(multicall3, calls)
        params = [{"to": multicall3, "data": "0x" + batch.data.hex()}, block]

        async def ask(endpoint: Endpoint) -> Aggregate:
            chain_id, found = batch.read(await self._post(endpoint, "eth_call", params), self.chain.name)
            self._match(endpoint, chain_id)
            self.last_clock = (found.timestamp, time.monotonic())
            return found

        return await first_answer(self.chain.name, self.endpoints, ask)

    async def _one_by_one(self, endpoint: Endpoint, calls: Sequence[Call], block: str) -> Aggregate:
        """Each read in its own request, all at the block that `block` is now."""
        await self._verify(endpoint)
        head = _read_block(await self._post(endpoint, "eth_getBlockByNumber", (block, False)))
        at = hex(block_number(head.get("number")))
        values = await asyncio.gather(*(self._alone(endpoint, call, at) for call in calls))
        return Aggregate(tuple(values), unix_time(head.get("timestamp")))

    async def _alone(self, endpoint: Endpoint, call: Call, block: str) -> tuple[Any, ...] | None:
        """One read; None if it reverts. Source: eth_call, eth_getBalance."""
        if call.to is None:
            answer = await self._post(endpoint, "eth_getBalance", (*call.arguments, block))
            return (quantity(answer, "eth_getBalance"),)
        try:
            raw = await self._post(endpoint, "eth_call", ({"to": call.to, "data": "0x" + call.data.hex()}, block))
        except NodeError as error:
            if error.is_revert:
                return None
            raise
        return value_of(call, data_bytes(raw, "eth_call"))

    async def eth_call(self, call: Call, *, sender: Address | None = None, block: str = "latest") -> tuple[Any, ...]:
        """One contract read. Raises NodeError if it reverts."""
        message = {"to": call.to, "data": "0x" + call.data.hex()} | ({"from": sender} if sender else {})
        return await self.ask(
            lambda raw: call.function.decode_result(data_bytes(raw, "eth_call")), "eth_call", message, block
        )

    async def returned(self, message: dict[str, str], block: str = "latest", *overrides: Any) -> bytes:
        """What a message would return, with state `overrides` if given. Raises NodeError if it would revert."""
        return await self.ask(lambda raw: data_bytes(raw, "eth_call"), "eth_call", message, block, *overrides)

    async def balance(self, account: Address, block: str = "latest") -> Wei:
        """Native balance. Source: eth_getBalance."""
        return Wei(await self.ask(lambda raw: quantity(raw, "eth_getBalance"), "eth_getBalance", account, block))

    async def nonce(self, account: Address, block: str = "pending") -> Nonce:
        """Count of transactions sent. Source: eth_getTransactionCount."""
        method = "eth_getTransactionCount"
        return Nonce(await self.ask(lambda raw: count(raw, method), method, account, block))

    async def nonces(self, account: Address) -> tuple[Nonce, Nonce]:
        """Counts of transactions sent: with pending ones, and only those in blocks.

        Both are the latter if the node has no `pending` tag: only the journal knows the pending ones then.
        """
        waiting, in_blocks = await asyncio.gather(
            if_offered(lambda: self.nonce(account, "pending")), self.nonce(account, "latest")
        )
        return in_blocks if waiting is None else waiting, in_blocks

    async def code(self, account: Address, block: str = "latest") -> bytes:
        """Code of an account, empty for one without. Source: eth_getCode."""
        return await self.ask(lambda raw: data_bytes(raw, "eth_getCode"), "eth_getCode", account, block)

    async def code_sizes(self, accounts: Sequence[Address]) -> list[int]:
        """The code size in bytes of each account, at most `code_sizes.MOST` accounts. Raises NodeError if the node does
        not run creation code. Source: eth_call without `to`.
        """
        message = {"data": "0x" + code_sizes_program(accounts).hex()}
        return await self.ask(
            lambda raw: read_code_sizes(data_bytes(raw, "eth_call"), len(accounts)), "eth_call", message, "latest"
        )

    async def storage(self, account: Address, slot: int, block: str = "latest") -> bytes:
        """One word of an account's storage. Source: eth_getStorageAt."""
        method = "eth_getStorageAt"
        found = await self.ask(lambda raw: data_bytes(raw, method), method, account, hex(slot), block)
        return found.rjust(32, b"\0")[-32:]

    async def estimate_gas(self, message: dict[str, Any], *block: str) -> Gas:
        """Gas the message would use. Raises NodeError if it would revert. Source: eth_estimateGas.

        Without a `block` some nodes use the newest one, and others include pending transactions.
        """
        return await self.ask(lambda raw: gas_amount(raw, "eth_estimateGas"), "eth_estimateGas", message, *block)

    async def block(self, tag: str = "latest") -> dict[str, Any]:
        """A block's header. Raises BadAnswer for null. Source: eth_getBlockByNumber."""
        found = await self.ask(_read_block, "eth_getBlockByNumber", tag, False)
        if tag == "latest" and found.get("number") is not None:
            now = time.monotonic()
            self.last_clock = (unix_time(found.get("timestamp")), now)
            if self._seen_head is None or now - self._seen_head[1] > _LATELY_SECONDS:
                self._seen_head = (block_number(found["number"]), now)
        return found

    async def block_number(self) -> BlockNumber:
        """Height of the head. Source: eth_blockNumber."""
        return await self.ask(block_number, "eth_blockNumber")

    async def time(self) -> UnixTime:
        """The chain's clock: the head's timestamp."""
        return unix_time((await self.block()).get("timestamp"))

    async def recent_time(self) -> UnixTime:
        """The chain's clock from an answer of the last seconds, else requested: to quote a price, not to sign."""
        if self.last_clock and time.monotonic() - self.last_clock[1] <= _RECENT_SECONDS:
            return self.last_clock[0]
        return await self.time()

    async def receipt(self, tx_hash: str) -> dict[str, Any] | None:
        """The receipt, or None while there is none. Source: eth_getTransactionReceipt."""
        return await self.ask(lambda raw: read_receipt(raw, tx_hash), "eth_getTransactionReceipt", tx_hash)

    async def transaction(self, tx_hash: str) -> dict[str, Any] | None:
        """The transaction, mined or pending, or None. Source: eth_getTransactionByHash."""
        return await self.ask(lambda raw: read_transaction(raw, tx_hash), "eth_getTransactionByHash", tx_hash)

    def logs_between(self, query: dict[str, Any], first: int, last: int) -> AsyncIterator[list[Log]]:
        """Event logs, oldest first, in ranges that the node accepts: see logs.py. Raises NetworkError."""
        return logs_between(self, query, first, last)

    async def logs_lately(self, query: dict[str, Any]) -> list[Log]:
        """Event logs since the first head seen in the last minutes, in one request; none if no head was seen.

        Raises NetworkError. Source: eth_getLogs.
        """
        if self._seen_head is None:
            return []
        asked = {**query, "fromBlock": hex(self._seen_head[0]), "toBlock": "latest"}
        return await self.ask(read_logs, "eth_getLogs", asked)

    def logs_before(self, query: dict[str, Any], last: int) -> AsyncIterator[tuple[BlockNumber, list[Log]]]:
        """Event logs, newest first, in ranges with their first block: see logs.py. Raises NetworkError."""
        return logs_before(self, query, last)

    async def simulate(
        self, sender: Address, txs: Sequence[UnsignedTx], overrides: StateOverrides | None = None
    ) -> list[Simulated]:
        """Simulate transactions one after another on top of the head; none is signed.

        Raises NodeError if the node does not support it. Source: eth_simulateV1.
        """
        return await self.ask(
            lambda raw: read_simulation(raw, txs), "eth_simulateV1", simulation(sender, txs, overrides), "latest"
        )

    async def broadcast(self, raw: bytes, endpoint: int = 0) -> BroadcastReply:
        """Send signed bytes to one endpoint, once. Network failures raise nothing.

        Raises WrongChain before anything is sent. Source: eth_sendRawTransaction.
        """
        target = self.endpoints[endpoint % len(self.endpoints)]
        try:
            await self._verify_again(target)
            await self._post(target, "eth_sendRawTransaction", ["0x" + raw.hex()])
        except WrongChain:
            raise
        except NetworkError as error:
            return reply_of(error)
        return BroadcastReply(Reply.ACCEPTED)

    async def learn_sync(self) -> None:
        """Learn whether the first endpoint answers a broadcast with the receipt; requested once, beside other requests.

        The request omits the parameters, so nothing is sent: a node that supports the method complains about them. Any
        other answer counts as no. Raises nothing. Source: EIP-7966, and jsonrpc.org/specification for the code of wrong
        parameters.
        """
        target = self.endpoints[0]
        if target.sends_sync is not None:
            return
        target.sends_sync = False  # Until it is known, so that it is requested only once.
        try:
            await self._post(target, "eth_sendRawTransactionSync", ())
        except NodeError as error:
            target.sends_sync = error.rpc_code == _WRONG_PARAMETERS
        except NetworkError:
            pass

    def sends_sync(self, endpoint: int = 0) -> bool:
        """Whether that endpoint is known to answer a broadcast with the receipt."""
        return self.endpoints[endpoint % len(self.endpoints)].sends_sync is True

    async def broadcast_sync(self, raw: bytes, endpoint: int = 0) -> BroadcastReply:
        """As `broadcast`, and wait for the receipt if the node supports that, up to its and the HTTP client's time-out.

        No time-out is sent: not all nodes accept one. Without support, `broadcast` sends the same bytes. Source:
        EIP-7966 eth_sendRawTransactionSync.
        """
        target = self.endpoints[endpoint % len(self.endpoints)]
        if target.sends_sync is False:
            return await self.broadcast(raw, endpoint)
        tx_hash = "0x" + keccak(raw).hex()
        try:
            await self._verify_again(target)
            answer = await self._post(target, "eth_sendRawTransactionSync", ["0x" + raw.hex()])
        except WrongChain:
            raise
        except NetworkError as error:
            if isinstance(error, NodeError) and error.rpc_code == _TAKEN_NOT_MINED:
                return BroadcastReply(Reply.ACCEPTED, error.message)
            if isinstance(error, NodeError) and error.kind in {ErrorClass.NOT_OFFERED, ErrorClass.REFUSED}:
                target.sends_sync = False if error.kind is ErrorClass.NOT_OFFERED else target.sends_sync
                return await self.broadcast(raw, endpoint)
            return reply_of(error)
        target.sends_sync = True
        try:
            return BroadcastReply(Reply.ACCEPTED, receipt=read_receipt(answer, tx_hash))
        except BadAnswer as error:  # It accepted the bytes. Their state is queried later.
            return BroadcastReply(Reply.ACCEPTED, error.message)

    async def _verify_again(self, endpoint: Endpoint) -> None:
        """Before signed bytes are sent: an endpoint may have changed chains since it was verified.

        Skipped if its chain was verified a moment ago. The bytes name their chain: no other chain accepts them.
        """
        if time.monotonic() - endpoint.pinned_at > _PINNED_SECONDS:
            endpoint.verified = False
            await self._prove(endpoint)


def _read_block(answer: Any) -> dict[str, Any]:
    """A header. Its number, time and hash, if present, have the right types. Raises BadAnswer."""
    head = record(answer, "eth_getBlockByNumber")
    hash_or_null(head.get("hash"), "a block's hash")
    unix_time(head.get("timestamp"))
    if head.get("number") is not None:
        block_number(head["number"])
    return head


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
    """RPC clients for the context. `timeout` is in seconds, per request. Raises ConfigError."""
    async with open_http(timeout) as http:
        yield Rpcs(registry, http)
