"""Contract reads, single or many at the same block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from l2send.core.address import Address
from l2send.core.calldata import Function
from l2send.core.errors import BadAnswer
from l2send.core.rpc.values import data_bytes, seconds
from l2send.core.units import UnixTime

ETH_BALANCE = Function("getEthBalance(address)", "uint256")
_AGGREGATE3 = Function("aggregate3((address,bool,bytes)[])", "(bool,bytes)[]")
_CHAIN_ID = Function("getChainId()", "uint256")
_TIMESTAMP = Function("getCurrentBlockTimestamp()", "uint256")


@dataclass(frozen=True, slots=True)
class Call:
    """A read of one contract."""

    to: Address | None
    """None for ETH_BALANCE: answered by Multicall3 or by the node."""
    function: Function
    arguments: tuple[Any, ...] = ()

    @property
    def data(self) -> bytes:
        """The calldata."""
        return self.function.encode(*self.arguments)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Results of many reads at one block; None if a read reverted or returned an invalid value."""

    values: tuple[tuple[Any, ...] | None, ...]
    timestamp: UnixTime


def value_of(call: Call, data: bytes) -> tuple[Any, ...] | None:
    """The values that a read returned; None if they are not of its type."""
    try:
        return call.function.decode_result(data) if data else None
    except BadAnswer:
        return None


@dataclass(frozen=True, slots=True)
class Batch:
    """Many reads through Multicall3, with the chain id and the timestamp of their block.

    Source: mds1/multicall3 aggregate3, getChainId, getCurrentBlockTimestamp.
    """

    multicall3: Address
    calls: Sequence[Call]

    @property
    def data(self) -> bytes:
        """Calldata for Multicall3."""
        return _AGGREGATE3.encode([(call.to or self.multicall3, True, call.data) for call in self._everything])

    @property
    def _everything(self) -> list[Call]:
        return [Call(self.multicall3, _CHAIN_ID), Call(self.multicall3, _TIMESTAMP), *self.calls]

    def read(self, answer: Any, chain: str) -> tuple[int, Aggregate]:
        """The chain id and the values in the answer to `data`. Raises BadAnswer."""
        (answers,) = _AGGREGATE3.decode_result(data_bytes(answer, "eth_call"))
        if len(answers) != len(self.calls) + 2:
            raise BadAnswer(f"{chain} answered {len(answers)} of {len(self.calls) + 2} reads.")
        found, time, *values = (
            value_of(call, data) if succeeded else None
            for call, (succeeded, data) in zip(self._everything, answers, strict=True)
        )
        if found is None or time is None:
            raise BadAnswer(f"{chain} has no Multicall3 at {self.multicall3}.")
        return found[0], Aggregate(tuple(values), seconds(time[0]))
