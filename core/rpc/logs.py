"""Event logs over a range of blocks. Nodes accept a limited range at a time, so a range is halved until it is accepted.

Nodes allow 10, 800, 2,000 or 10,000 blocks per request, or a number of logs, and say so in many words and codes. So the
range is halved whenever a request fails, unless the node is only busy; the accepted range is remembered.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol, TypeVar

from l2send.core.chains import Chain
from l2send.core.errors import BadAnswer, NetworkError, NodeError, NodeFailed
from l2send.core.rpc.failover import Endpoint
from l2send.core.rpc.values import block_number, data_bytes, hash_or_null, records
from l2send.core.units import BlockNumber

_MOST_BLOCKS = 9_000
"""Per request: below the 10,000 that most nodes allow."""
_MOST_REQUESTS = 400
_NO_SUCH_METHOD = -32601

_T = TypeVar("_T")
Log = dict[str, Any]
LogFilter = dict[str, Any]


class ChainReader(Protocol):
    """What requests for logs need of an `Rpc`."""

    chain: Chain
    endpoints: list[Endpoint]

    async def ask(self, read: Callable[[Any], _T], method: str, *params: Any) -> _T:
        """The result, parsed by `read`. Raises NetworkError and its subclasses."""
        ...


async def logs_between(rpc: ChainReader, query: LogFilter, first: int, last: int) -> AsyncIterator[list[Log]]:
    """The logs of the blocks from `first` to `last`, a range at a time, oldest first. Raises NetworkError.

    `query` has address and topics. Source: eth_getLogs.
    """
    requests = _Requests(rpc, query)
    while first <= last:
        found, end = await requests.forward(first, last)
        yield found
        first = end + 1


async def logs_before(rpc: ChainReader, query: LogFilter, last: int) -> AsyncIterator[tuple[BlockNumber, list[Log]]]:
    """The logs of the blocks from `last` down to 0, a range at a time, newest first, with its first block.

    Raises NetworkError. Source: eth_getLogs.
    """
    requests = _Requests(rpc, query)
    while last >= 0:
        found, start = await requests.backward(last)
        yield BlockNumber(start), found
        last = start - 1


class _Requests:
    """Requests for one query, with as many blocks as the endpoint accepts, and a limit on their number."""

    def __init__(self, rpc: ChainReader, query: LogFilter) -> None:
        self._rpc = rpc
        self._query = query
        self._left = _MOST_REQUESTS
        known = [endpoint.most_blocks for endpoint in rpc.endpoints if endpoint.most_blocks]
        self._blocks = min([_MOST_BLOCKS, *known])  # Every endpoint accepts this many.

    async def forward(self, first: int, last: int) -> tuple[list[Log], int]:
        """The logs from `first` on, and the last block covered."""
        while True:
            end = min(last, first + self._blocks - 1)
            found = await self._ask(first, end)
            if found is not None:
                return found, end

    async def backward(self, last: int) -> tuple[list[Log], int]:
        """The logs up to `last`, and the first block covered."""
        while True:
            start = max(0, last - self._blocks + 1)
            found = await self._ask(start, last)
            if found is not None:
                return found, start

    async def _ask(self, first: int, last: int) -> list[Log] | None:
        """The logs of that range; None if it was refused and fewer blocks must be requested."""
        if not self._left:
            raise NetworkError(
                f"{self._rpc.chain.name}: an RPC answers for {self._blocks} blocks a request, too few to search.",
                hint="Name an endpoint with a wider range for eth_getLogs.",
            )
        self._left -= 1
        asked = {**self._query, "fromBlock": hex(first), "toBlock": hex(last)}
        try:
            found = await self._rpc.ask(read_logs, "eth_getLogs", asked)
        except (NodeError, NodeFailed, BadAnswer) as error:
            if first == last or (isinstance(error, NodeError) and error.rpc_code == _NO_SUCH_METHOD):
                raise
            self._blocks = (last - first + 1) // 2
            return None
        if self._blocks < _MOST_BLOCKS:
            for endpoint in self._rpc.endpoints:
                endpoint.most_blocks = self._blocks
        return found


def read_logs(answer: Any) -> list[Log]:
    """The entries of an answer, with present fields of the right types. Raises BadAnswer."""
    found = records(answer, "eth_getLogs")
    for log in found:
        topics = log.get("topics", [])
        if not isinstance(topics, list) or any(hash_or_null(topic, "a topic") is None for topic in topics):
            raise BadAnswer("a log's topics are no list of hashes.")
        data_bytes(log.get("data", "0x"), "a log's data")
        hash_or_null(log.get("transactionHash"), "a log's transaction")
        if log.get("blockNumber") is not None:
            block_number(log["blockNumber"])
    return found
