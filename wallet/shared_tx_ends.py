"""Proves what each call of a transaction that makes several payments delivered.

A token transfer is proved by the token's event. Native coin leaves no event: the node's trace proves the call, or, if
the node offers no traces, the account's code before and after the block proves that the calls were made. Through
Multicall3 no call may fail, so the transaction's own success proves all of them where the pinned code is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from l2send.core.address import Address
from l2send.core.calldata import TRANSFER, TRANSFER_TOPIC, address_word, event_topic
from l2send.core.delegation import BATCHING_DELEGATE, EXECUTE_BATCH, delegate_of, known_delegate
from l2send.core.errors import NodeError
from l2send.core.multicall3 import is_multicall3_tx, runs_pinned_code
from l2send.core.pinned_code import code_hash
from l2send.core.plan import UnsignedTx
from l2send.core.rpc import Rpc, both, data_bytes, if_offered, quantity, record
from l2send.core.shared_tx import can_batch
from l2send.core.units import BlockNumber
from l2send.wallet.journal.records import TxRecord
from l2send.wallet.tx_location import Sight

_SAFE_RAN = event_topic("ExecutionSuccess(bytes32,uint256)")
_DEEPEST = 64
"""How many levels of a trace are read."""


def arrived_together(calls: Sequence[UnsignedTx], payer: Address, sights: Sequence[Sight]) -> list[int | None]:
    """The units that each call delivered to its recipient, by all of these receipts; None if a receipt does not show
    it.

    For native coin this is the call's value; `made_coin_calls` proves that the call was made.
    """
    shown = [_arrived(calls, payer, sight.receipt) for sight in sights]
    return [units.pop() if len(units) == 1 else None for units in map(set, zip(*shown, strict=True))]


def _arrived(calls: Sequence[UnsignedTx], payer: Address, receipt: Mapping[str, Any]) -> list[int | None]:
    logs = [log for log in receipt.get("logs") or [] if isinstance(log, dict)]
    return [_take(call, payer, logs) if call.data else int(call.value) for call in calls]


def _take(call: UnsignedTx, payer: Address, logs: list[dict[str, Any]]) -> int | None:
    """The units of the first event of this transfer, which is then used up; None if there is no such event."""
    to, units = TRANSFER.decode_call(call.data)
    topics = [TRANSFER_TOPIC, *("0x" + address_word(who).hex() for who in (payer, to))]
    for log in logs:
        theirs = [str(topic).lower() for topic in log.get("topics", ())]
        if str(log.get("address", "")).lower() != call.to.lower() or theirs != topics:
            continue
        arrived = int.from_bytes(data_bytes(log.get("data"), "a log's data"), "big")
        if arrived <= units:  # A token may keep a part; it never delivers more than the amount sent.
            logs.remove(log)
            return arrived
    return None


async def made_coin_calls(
    one: Rpc, tx: TxRecord, calls: Sequence[UnsignedTx], payer: Address, block: BlockNumber
) -> bool:
    """Whether a single endpoint shows that the calls which transfer native coin were made. Raises NetworkError.

    Source: debug_traceTransaction; else eth_getTransactionReceipt for a Safe, the signed bytes for an account that
    delegates by them, `_codes_all_through` for other accounts. Through Multicall3 `_runs_multicall3`.
    """
    if is_multicall3_tx(tx.step.tx):
        if await _runs_multicall3(tx.step.tx.to, one, block):
            return True
        payer = tx.step.tx.to
    traced = await traced_coin_calls(one, tx.hash, calls, payer)
    if traced is not None:
        return traced
    if tx.step.tx.data[:4] != EXECUTE_BATCH.selector:
        receipt = await one.receipt(tx.hash)
        logs = receipt.get("logs") or [] if receipt else []
        return any(_is_run_of(log, payer) for log in logs)
    if tx.step.tx.delegate_to is not None:  # Applied before its calls, and its success is proved.
        return await _runs_delegate(tx.step.tx.delegate_to, one, block)
    return await could_batch_all_through(one, payer, block)


async def traced_coin_calls(one: Rpc, tx_hash: str, calls: Sequence[UnsignedTx], payer: Address) -> bool | None:
    """Whether a transaction's trace shows that `payer` made those of `calls` that transfer native coin; None if the
    node offers no trace. Source: debug_traceTransaction.
    """
    wanted = [(payer.lower(), call.to.lower(), int(call.value)) for call in calls if not call.data]
    made = await _traced(one, tx_hash)
    return None if made is None else all(made.count(call) >= wanted.count(call) for call in wanted)


async def traced_coin_to(recipient: Address, tx_hash: str, one: Rpc) -> int | None:
    """The wei that a transaction's calls handed to an account, by its trace; None if the node offers no trace.

    Raises NetworkError. Source: debug_traceTransaction.
    """
    made = await _traced(one, tx_hash)
    return None if made is None else sum(value for _, to, value in made if to == recipient.lower())


async def traced_coin_from(payer: Address, tx_hash: str, one: Rpc) -> list[tuple[str, int]] | None:
    """Receiver in lower case and wei of every call with coin that an account made in a transaction, by its trace.

    None if the node offers no trace. Raises NetworkError. Source: debug_traceTransaction.
    """
    made = await _traced(one, tx_hash)
    return None if made is None else [(to, wei) for caller, to, wei in made if caller == payer.lower() and wei]


async def _traced(one: Rpc, tx_hash: str) -> list[tuple[str, str, int]] | None:
    """Caller, called account and wei of every call of a transaction; None if the node offers no trace."""
    trace = await if_offered(lambda: one.call("debug_traceTransaction", tx_hash, {"tracer": "callTracer"}))
    return list(_made(trace, _DEEPEST)) if isinstance(trace, dict) else None


async def could_batch_all_through(one: Rpc, account: Address, block: BlockNumber) -> bool:
    """Whether the account ran the pinned code, which makes all calls or none, all through a block."""
    codes = await _codes_all_through(one, account, block)
    if codes is None or not all(can_batch(code, one.chain) for code in codes):
        return False
    delegate = delegate_of(codes[1])
    return delegate is not None and await _runs_delegate(delegate, one, block)


async def _runs_delegate(delegate: Address, one: Rpc, block: BlockNumber) -> bool:
    """Whether the pinned code for batches was there in that block: calls of an account that delegates to none succeed.

    Raises NetworkError. Source: as of `_runs_multicall3`.
    """
    known = known_delegate(delegate, one.chain)
    if known is None or known.name != BATCHING_DELEGATE:
        return False
    try:
        code = await one.code(delegate, hex(block))
    except NodeError:
        code = await one.code(delegate)
    return code_hash(code) == known.code.code_hash


async def _runs_multicall3(multicall3: Address, one: Rpc, block: BlockNumber) -> bool:
    """Whether the pinned code was there in that block. Raises NetworkError. Source: eth_getCode.

    A node that no longer keeps the state of the block shows the newest: this code never changes, and was there before
    the transaction was signed.
    """
    try:
        return await runs_pinned_code(multicall3, one, hex(block))
    except NodeError:
        return await runs_pinned_code(multicall3, one)


async def made_no_call(one: Rpc, tx: TxRecord, block: BlockNumber) -> bool:
    """Whether a single endpoint shows that the account had no code, so that it called nothing. Raises NetworkError.

    Code other than the pinned one may have the same function, so only no code counts. Source: as `_codes_all_through`.
    """
    if tx.step.tx.data[:4] != EXECUTE_BATCH.selector:
        return False
    codes = await _codes_all_through(one, tx.sender, block)
    return codes is not None and not any(codes)


async def _codes_all_through(one: Rpc, account: Address, block: BlockNumber) -> tuple[bytes, bytes] | None:
    """The account's code before and after the block; None if it may have changed in between.

    A change of code (EIP-7702) uses a nonce: if the block used no more nonces than the account has transactions in it,
    the code did not change. Source: eth_getCode, eth_getTransactionCount, eth_getBlockByNumber.
    """
    before, after = hex(max(block - 1, 0)), hex(block)
    codes, counts, found = await asyncio.gather(
        both(one.code(account, before), one.code(account, after)),
        both(one.nonce(account, before), one.nonce(account, after)),
        one.call("eth_getBlockByNumber", after, True),
    )
    sent = record(found, "eth_getBlockByNumber").get("transactions") or []
    own = [tx for tx in sent if isinstance(tx, dict) and str(tx.get("from", "")).lower() == account.lower()]
    return codes if counts[1] - counts[0] == len(own) else None


def _is_run_of(log: Any, safe: Address) -> bool:
    topics = log.get("topics") if isinstance(log, dict) else None
    return bool(topics and str(log.get("address", "")).lower() == safe.lower() and topics[0] == _SAFE_RAN)


def _made(frame: Mapping[str, Any], depth: int) -> Iterator[tuple[str, str, int]]:
    """Caller, called account and wei of every call in a trace that was not reverted."""
    if frame.get("error") or depth == 0:
        return
    if frame.get("type") == "CALL":
        value = quantity(frame.get("value") or "0x0", "a call's value")
        yield str(frame.get("from", "")).lower(), str(frame.get("to", "")).lower(), value
    for inner in frame.get("calls") or []:
        if isinstance(inner, dict):
            yield from _made(inner, depth - 1)
