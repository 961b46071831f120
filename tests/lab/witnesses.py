"""A second endpoint that is silent, behind or lying; nodes that imitate other clients; wrong clocks.

The second endpoint of each chain is reached on a path of its own. What it does lasts for some requests: a payment that
waits for it comes to its end when it behaves again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from unittest.mock import patch

from tests.lab.faults import EVERYTHING, FAULTS, READS, broken, refused
from tests.lab.wire import RECEIPT, SEND, Fault, Outcome, Question

_BY_NAME = {fault.name: fault for fault in FAULTS}


async def _failed(question: Question) -> Outcome | None:
    """A receipt that says the transaction failed, where it says that it succeeded."""
    answer = json.loads(await question.forward())
    if not answer.get("result"):
        return None
    answer["result"]["status"] = "0x0"
    return Outcome(json.dumps(answer).encode())


async def _other_fork(question: Question) -> Outcome | None:
    """Blocks of another hash than the chain has, and no transaction in them."""
    answer = json.loads(await question.forward())
    if not answer.get("result"):
        return None
    answer["result"] |= {"hash": "0x" + "ee" * 32, "transactions": []}
    return Outcome(json.dumps(answer).encode())


def _second(name: str, fault: Fault) -> Fault:
    return replace(fault, name=f"second endpoint: {name}", second=True)


WITNESSES = (
    _second("silent", Fault("", EVERYTHING, broken(status=None, forward=False), 12, in_all=True)),
    _second("429", Fault("", EVERYTHING, broken(b"slow down", 429, forward=False, retry_after=0), 12, in_all=True)),
    _second("behind", replace(_BY_NAME["node: stands still"], times=12)),
    _second("says that it failed", Fault("", frozenset({RECEIPT}), _failed, 5)),
    _second("on another fork", Fault("", frozenset({"eth_getBlockByNumber"}), _other_fork, 5)),
    Fault("first endpoint: says that it failed", frozenset({RECEIPT}), _failed, 5, second=False),
    Fault("first endpoint: on another fork", frozenset({"eth_getBlockByNumber"}), _other_fork, 5, second=False),
)
"""Faults of one of two endpoints of a chain, while the other one is well."""

_TAKEN = {
    "geth": (-32000, "already known"),
    "nethermind": (-32010, "AlreadyKnown"),
    "erigon": (-32000, "ALREADY_EXISTS: already known"),
    "besu": (-32000, "Known transaction"),
    "reth": (-32003, "already known"),
    "arbitrum": (-32000, "nonce too low: address 0x00, tx: 0 state: 1"),
    "zksync": (3, "known transaction. transaction with hash 0x00 is already in the system"),
}
_READS = {
    "geth": (-32000, "header not found"),
    "nethermind": (-32001, "Header not found"),
    "erigon": (-32000, "block not found: 0"),
    "besu": (-32000, "Block not found"),
    "reth": (-32001, "block not found: latest"),
    "arbitrum": (-32000, "missing trie node 00 (path ) state 0x00 is not available"),
    "zksync": (-32603, "Internal error"),
}

CLIENTS = (
    *(
        Fault(f"{who}: taken, in its words", frozenset({SEND}), refused(*w, forward=True), 2)
        for who, w in _TAKEN.items()
    ),
    *(Fault(f"{who}: reads fail, in its words", READS, refused(*w, forward=False), 1) for who, w in _READS.items()),
)
"""What clients say of a transaction that they have, and of a read that they cannot answer yet."""

OFFSETS = (120, -120, 3 * 3600, -3 * 3600)
"""Seconds by which a clock is wrong."""
_offset: ContextVar[float] = ContextVar("offset", default=0.0)


def set_clock(seconds: float) -> None:
    """From now on, this machine's clock is off by so much for this task."""
    _offset.set(seconds)


@contextmanager
def clocks_that_can_be_off() -> Iterator[None]:
    real = time.time
    with patch.object(time, "time", lambda: real() + _offset.get()):
        yield
