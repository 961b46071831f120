"""Ranges of logs, halved until a node accepts them: none is requested twice and none is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from l2send.core.errors import BadAnswer, ErrorClass, NetworkError, NodeError, NodeFailed, Transient
from l2send.core.rpc import Endpoint, Rpc
from l2send.core.rpc.logs import logs_before, logs_between, read_logs

HASH = "0x" + "11" * 32


class Node:
    """A stand-in for a chain with a log in every block, whose node answers for `most` blocks a request."""

    def __init__(self, most: int, refusal: Callable[[], NetworkError]) -> None:
        self.most, self.refusal = most, refusal
        self.endpoints = [Endpoint("http://stand-in")]
        self.chain = type("Chain", (), {"name": "Chain"})
        self.taken = list[tuple[int, int]]()
        self.refused = 0

    async def ask(self, read: Callable[[Any], Any], method: str, query: dict[str, Any]) -> Any:
        first, last = int(query["fromBlock"], 16), int(query["toBlock"], 16)
        if last - first + 1 > self.most:
            self.refused += 1
            raise self.refusal()
        self.taken.append((first, last))
        return read([{"blockNumber": hex(block), "topics": [HASH]} for block in range(first, last + 1)])


def too_much() -> NetworkError:
    return NodeError("up to a 10 block range", rpc_code=-32600, kind=ErrorClass.TOO_MUCH)


REFUSALS = {
    "too much": too_much,
    "words of no class": lambda: NodeError("computer says no"),
    "a plan": lambda: NodeError("upgrade your plan", kind=ErrorClass.NOT_OFFERED),
    "internal error": lambda: NodeFailed("Internal error"),
    "a body that is too large": lambda: BadAnswer("more than 2097152 bytes"),
}


def forward(node: Node, first: int, last: int) -> list[int]:
    async def run() -> list[int]:
        stretches = logs_between(cast("Rpc", node), {}, first, last)
        return [int(log["blockNumber"], 16) async for logs in stretches for log in logs]

    return asyncio.run(run())


def backward(node: Node, last: int, until: int) -> list[int]:
    async def run() -> list[int]:
        seen = list[int]()
        async for first, logs in logs_before(cast("Rpc", node), {}, last):
            seen += [int(log["blockNumber"], 16) for log in logs]
            if first <= until:
                break
        return seen

    return asyncio.run(run())


@pytest.mark.parametrize("why", REFUSALS)
@pytest.mark.parametrize("most", [1, 10, 800, 10_000])
def test_every_block_is_asked_for_once(most: int, why: str) -> None:
    node, last = Node(most, REFUSALS[why]), 150
    assert forward(node, 7, last) == list(range(7, last + 1))
    again = Node(most, REFUSALS[why])
    assert sorted(backward(again, last, 0)) == list(range(last + 1))


def test_what_a_node_takes_is_remembered() -> None:
    node = Node(10, too_much)
    forward(node, 0, 100)
    refused = node.refused
    forward(node, 101, 200)
    assert node.refused == refused
    assert all(last - first < 10 for first, last in node.taken)


def test_ranges_are_below_what_most_nodes_allow() -> None:
    node = Node(10_000, too_much)
    assert len(forward(node, 0, 25_000)) == 25_001
    assert node.refused == 0


def test_a_search_has_an_end() -> None:
    with pytest.raises(NetworkError, match="blocks a request, too few"):
        forward(Node(1, too_much), 0, 10_000)


@pytest.mark.parametrize("error", [Transient("later"), NodeError("Method not found", rpc_code=-32601)])
def test_what_no_smaller_range_would_mend_is_raised(error: NetworkError) -> None:
    node = Node(0, lambda: error)
    with pytest.raises(type(error)):
        forward(node, 0, 100)
    assert node.refused == 1


@pytest.mark.parametrize(
    "answer",
    [
        None, {}, "logs", [None], [7], [{"topics": None}], [{"topics": "0x"}], [{"topics": [None]}],
        [{"topics": ["0x1"]}], [{"topics": [], "data": 7}],
        [{"topics": [], "data": "0x1"}], [{"topics": [], "blockNumber": hex(2**63)}],
        [{"topics": [], "transactionHash": "0x"}],
    ],
)  # fmt: skip
def test_logs_of_a_wrong_shape_are_no_logs(answer: object) -> None:
    with pytest.raises(BadAnswer):
        read_logs(answer)
