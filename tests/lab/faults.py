"""Everything that goes wrong in the lab, by name."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from eth_hash.auto import keccak

from tests.lab.wire import POST, RECEIPT, SEND, Act, Fault, Outcome, Question

TIMEOUT = 0.6
"""Seconds a payer of the lab waits for a reply."""
_SLOW = 0.12
_NOT_FINAL_YET = 2
"""A reorganisation takes back at most this many blocks; the payers of these faults wait for one more."""

READS = frozenset(
    {
        "eth_chainId",
        "eth_blockNumber",
        "eth_getBlockByNumber",
        "eth_getTransactionCount",
        RECEIPT,
        "eth_getTransactionByHash",
        "eth_feeHistory",
        "eth_gasPrice",
        "eth_estimateGas",
        "eth_getBalance",
        "eth_getCode",
        "eth_call",
        "eth_simulateV1",
        "eth_getLogs",
    }
)
SENDING = frozenset({SEND})
EVERYTHING = READS | SENDING
_HTML = b"<!doctype html><title>Sign in</title>"


def broken(body: bytes = b"", status: int | None = 200, *, forward: bool, retry_after: int | None = None) -> Act:
    """The node gets the request or does not; the payer gets this."""

    async def act(question: Question) -> Outcome:
        if forward:
            await question.forward()
        return Outcome(body, status, retry_after)

    return act


def refused(code: int, message: str, *, forward: bool) -> Act:
    async def act(question: Question) -> Outcome:
        if forward:
            await question.forward()
        return Outcome(question.refusal(code, message))

    return act


def answered(result: Any, *, forward: bool) -> Act:
    async def act(question: Question) -> Outcome:
        if forward:
            await question.forward()
        return Outcome(question.answer(result))

    return act


def late(seconds: float) -> Act:
    async def act(question: Question) -> Outcome:
        return Outcome(await question.forward(), wait=seconds)

    return act


async def _twice(question: Question) -> Outcome:
    """A network that delivers a request twice, and the reply to the second."""
    await question.forward()
    return Outcome(await question.forward())


async def _malformed(question: Question) -> Outcome:
    answer = await question.forward()
    return Outcome(answer[: len(answer) // 2])


async def _cut_off(question: Question) -> Outcome:
    """The connection ends in the middle of the body."""
    answer = await question.forward()
    return Outcome(answer[: len(answer) // 2], announced=len(answer))


async def _wrong_id(question: Question) -> Outcome:
    answer = json.loads(await question.forward())
    return Outcome(json.dumps(answer | {"id": 987_654}).encode())


async def _hidden_receipt(question: Question) -> Outcome | None:
    """A receipt that exists and is not shown. The lie counts only where there is one."""
    if json.loads(await question.forward()).get("result") is None:
        return None
    return Outcome(question.answer(None))


async def _old_count(question: Question) -> Outcome | None:
    """The account's count as it was when the payment began."""
    height = question.wire.heights.get(question.index)
    if height is None:
        return None
    return Outcome(await question.forward([question.params[0], height]))


_TAG_AT = {
    "eth_getBlockByNumber": 0,
    "eth_getTransactionCount": 1,
    "eth_getBalance": 1,
    "eth_getCode": 1,
    "eth_call": 1,
    "eth_feeHistory": 1,
    "eth_simulateV1": 1,
    "eth_estimateGas": 1,
}


async def _standing_still(question: Question) -> Outcome | None:
    """A node that stopped where the chain was when the payment began, and answers consistently from there."""
    height = question.wire.heights.get(question.index)
    if height is None:
        return None
    if question.method == "eth_blockNumber":
        return Outcome(question.answer(height))
    if question.method in (RECEIPT, "eth_getTransactionByHash"):
        return await _as_of(question, height)
    if question.method not in _TAG_AT:
        return None
    place, params = _TAG_AT[question.method], list(question.params)
    if len(params) == place:
        params.append("latest")
    if params[place] not in ("latest", "pending") and int(params[place], 16) <= int(height, 16):
        return None
    params[place] = height
    return Outcome(await question.forward(params))


async def _as_of(question: Question, height: str) -> Outcome | None:
    found = json.loads(await question.forward()).get("result")
    if found is None or found.get("blockNumber") is None or int(found["blockNumber"], 16) <= int(height, 16):
        return None
    return Outcome(question.answer(None))


async def _other_chain(question: Question) -> Outcome:
    """The endpoint is switched over: every request reaches another chain."""
    return Outcome(await question.forward(to=(question.index + 1) % len(question.nodes)))


async def _block_of(question: Question, nth: int | None) -> tuple[bytes, int] | None:
    """The answer and the block, where the receipt of the payer's nth transaction (None: the newest) is asked for.

    None while there is no receipt of it.
    """
    raws = list(dict.fromkeys(raw for index, raw in question.wire.sent if index == question.index))
    place = len(raws) - 1 if nth is None else nth - 1
    if not 0 <= place < len(raws) or "0x" + keccak(raws[place]).hex() != question.params[0]:
        return None
    answer = await question.forward()
    receipt = json.loads(answer).get("result")
    return (answer, int(receipt["blockNumber"], 16)) if receipt else None


def block_dropped(nth: int) -> Act:
    """After the receipt was given out, its block is taken out of the chain, and its transaction with it."""

    async def act(question: Question) -> Outcome | None:
        found = await _block_of(question, nth)
        if not found:
            return None
        answer, block = found
        node = question.nodes[question.index]
        depth = int(await node.call("eth_blockNumber"), 16) - block + 1
        if depth > _NOT_FINAL_YET:
            return None
        await node.call("anvil_reorg", depth, [])
        assert await node.call(RECEIPT, question.params[0]) is None
        return Outcome(answer)

    return act


async def _mined_elsewhere(question: Question) -> Outcome | None:
    """After the receipt was given out, the chain is mined again with the transaction in a later block."""
    found = await _block_of(question, None)
    if not found:
        return None
    answer, block = found
    node = question.nodes[question.index]
    if int(await node.call("eth_blockNumber"), 16) != block:
        return None
    await node.call("anvil_mine", "0x1")
    ours = next(raw for _, raw in question.wire.sent if "0x" + keccak(raw).hex() == question.params[0])
    depth = int(await node.call("eth_blockNumber"), 16) - block + 1  # The helper may have mined another one meanwhile.
    await node.call("anvil_reorg", depth, [["0x" + ours.hex(), depth - 1]])
    receipt = await node.call(RECEIPT, question.params[0])
    return Outcome(answer) if receipt and int(receipt["blockNumber"], 16) > block else None


async def _rolled_back(question: Question) -> Outcome | None:
    """The whole chain goes back to how it was before the transaction: anvil's snapshot and revert."""
    node = question.nodes[question.index]
    if question.method == SEND:
        question.wire.notes.append("snapshot " + await node.call("evm_snapshot"))
        return None
    snapshot = next((note.split()[1] for note in question.wire.notes if note.startswith("snapshot")), "")
    answer = await question.forward()
    if not snapshot or not json.loads(answer).get("result"):
        return None
    assert await node.call("evm_revert", snapshot)
    question.wire.notes.clear()
    assert await node.call(RECEIPT, question.params[0]) is None
    return Outcome(answer)


def _sending(name: str, act: Act, times: int = 2) -> Fault:
    return Fault(f"send: {name}", SENDING, act, times)


def _reading(name: str, act: Act, times: int = 1) -> Fault:
    return Fault(f"reads: {name}", READS, act, times)


FAULTS = (
    _sending("reply lost after accepting", broken(status=None, forward=True)),
    _sending("connection reset before", broken(status=None, forward=False)),
    _sending("accepted, reply after the time-out", late(TIMEOUT * 2), 1),
    _sending("slow", late(_SLOW)),
    _sending("delivered twice", _twice),
    _sending("502 after accepting", broken(b"bad gateway", 502, forward=True)),
    _sending("503 before", broken(b"unavailable", 503, forward=False)),
    _sending("429 with Retry-After after accepting", broken(b"slow down", 429, forward=True, retry_after=1)),
    _sending("429 with Retry-After before", broken(b"slow down", 429, forward=False, retry_after=1)),
    _sending("HTML page after accepting", broken(_HTML, forward=True)),
    _sending("200 {code: 429} after accepting", refused(429, "rate limited", forward=True)),
    _sending("200 {code: 429} before", refused(429, "rate limited", forward=False)),
    _sending("malformed JSON after accepting", _malformed),
    _sending("cut off after accepting", _cut_off),
    _sending("null result after accepting", answered(None, forward=True)),
    _sending("0x after accepting", answered("0x", forward=True)),
    _sending("wrong id after accepting", _wrong_id),
    _sending("empty body after accepting", broken(forward=True)),
    _sending("another hash after accepting", answered("0x" + "ab" * 32, forward=True)),
    _sending("accepted, says nonce too low", refused(-32000, "nonce too low", forward=True)),
    _sending("says already known, forgets it", refused(-32000, "already known", forward=False)),
    _sending("says accepted, forgets it", answered("0x" + "cd" * 32, forward=False)),
    _sending("refused as underpriced", refused(-32000, "transaction underpriced", forward=False)),
    _reading("connection reset", broken(status=None, forward=False)),
    Fault("reads: time-out", READS, late(TIMEOUT * 2), 3, in_all=True),
    _reading("slow", late(_SLOW), 3),
    _reading("asked twice", _twice),
    _reading("502", broken(b"bad gateway", 502, forward=False)),
    _reading("429 with Retry-After", broken(b"slow down", 429, forward=False, retry_after=1)),
    _reading("HTML page", broken(_HTML, forward=False)),
    _reading("200 {code: 429}", refused(429, "rate limited", forward=False), 2),
    _reading("malformed JSON", _malformed),
    _reading("cut off", _cut_off),
    _reading("null result", answered(None, forward=False)),
    _reading("0x", answered("0x", forward=False)),
    _reading("wrong id", _wrong_id),
    Fault("node: stands still", READS, _standing_still, 15, in_all=True),
    Fault("node: old nonce", frozenset({"eth_getTransactionCount"}), _old_count, 6),
    Fault("node: hides the receipt", frozenset({RECEIPT}), _hidden_receipt, 1),
    Fault("node: hides the receipt for long", frozenset({RECEIPT}), _hidden_receipt, 6),
    Fault("node: wrong chain id from now on", frozenset({"eth_chainId"}), answered("0x5", forward=False), 4),
    Fault("node: another chain from now on", EVERYTHING, _other_chain, 8, in_all=True, chain=0),
)
"""Faults of one payer's nodes: others on the same chains notice nothing."""


def _posting(name: str, act: Act, times: int = 2) -> Fault:
    return Fault(f"sponsor: {name}", frozenset({POST}), act, times)


_TAKEN, _REJECTED = (json.dumps({"status": word, "message": ""}).encode() for word in ("received", "rejected"))

SPONSOR_FAULTS = (
    _posting("reply lost after taking", broken(status=None, forward=True)),
    _posting("connection reset before", broken(status=None, forward=False)),
    _posting("taken, reply after the time-out", late(TIMEOUT * 2), 1),
    _posting("slow", late(_SLOW)),
    _posting("delivered twice", _twice),
    _posting("502 after taking", broken(b"bad gateway", 502, forward=True)),
    _posting("503 before", broken(b"unavailable", 503, forward=False)),
    _posting("429 with Retry-After before", broken(b"slow down", 429, forward=False, retry_after=1)),
    _posting("HTML page after taking", broken(_HTML, forward=True)),
    _posting("malformed JSON after taking", _malformed),
    _posting("cut off after taking", _cut_off),
    _posting("empty body after taking", broken(forward=True)),
    _posting("says rejected after taking", broken(_REJECTED, forward=True)),
    _posting("says rejected, forgets it", broken(_REJECTED, forward=False)),
    _posting("says received, forgets it", broken(_TAKEN, forward=False)),
)
REFUSING_SPONSOR = _posting("refuses for good", broken(_REJECTED, forward=False), 10**6)


def on_chain(fault: Fault, index: int) -> Fault:
    """The same of that chain's endpoint alone: the others are well."""
    return replace(fault, name=f"{fault.name}, on chain {index + 1}", chain=index)


def _chain(name: str, act: Act, methods: frozenset[str] = frozenset({RECEIPT})) -> Fault:
    return Fault(f"chain: {name}", methods, act, 1, chain=0, alone=True)


REORGANISATIONS = (
    _chain("block dropped", block_dropped(1)),
    _chain("block of the second transaction dropped", block_dropped(2)),
    _chain("mined again in another block", _mined_elsewhere),
    _chain("rolled back", _rolled_back, frozenset({RECEIPT, SEND})),
)


async def pause(seconds: float) -> None:
    """Wait as an outcome asks."""
    if seconds:
        await asyncio.sleep(seconds)
