"""What the calls of one transaction that makes several payments brought, each on evidence of its own.

A transfer of a token is shown by the token's event. Coin leaves no event: the node's trace shows the call, or, where no
trace is offered, the account's code all through the block shows that the calls were made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from l2send.core.address import Address
from l2send.core.calldata import TRANSFER, TRANSFER_TOPIC, address_word, event_topic
from l2send.core.delegation import EXECUTE_BATCH
from l2send.core.plan import UnsignedTx
from l2send.core.rpc import Rpc, both, data_bytes, if_offered, quantity, record
from l2send.core.together import can_batch
from l2send.core.units import BlockNumber
from l2send.wallet.journal.records import TxRecord
from l2send.wallet.sight import Sight

_SAFE_RAN = event_topic("ExecutionSuccess(bytes32,uint256)")
_DEEPEST = 64
"""Levels of a trace that are read."""


def brought_together(calls: Sequence[UnsignedTx], payer: Address, sights: Sequence[Sight]) -> list[int | None]:
    """The units that each call brought its recipient, as all of these receipts show it; None where one does not.

    Of coin it is the value of the call: that the call was made, `made_coin_calls` says.
    """
    shown = [_brought(calls, payer, sight.receipt) for sight in sights]
    return [units.pop() if len(units) == 1 else None for units in map(set, zip(*shown, strict=True))]


def _brought(calls: Sequence[UnsignedTx], payer: Address, receipt: Mapping[str, Any]) -> list[int | None]:
    logs = [log for log in receipt.get("logs") or [] if isinstance(log, dict)]
    return [_take(call, payer, logs) if call.data else int(call.value) for call in calls]


def _take(call: UnsignedTx, payer: Address, logs: list[dict[str, Any]]) -> int | None:
    """What the first event of this transfer says, which then counts for no other; None where there is none."""
    to, units = TRANSFER.decode_call(call.data)
    topics = [TRANSFER_TOPIC, *("0x" + address_word(who).hex() for who in (payer, to))]
    for log in logs:
        theirs = [str(topic).lower() for topic in log.get("topics", ())]
        if str(log.get("address", "")).lower() != call.to.lower() or theirs != topics:
            continue
        brought = int.from_bytes(data_bytes(log.get("data"), "a log's data"), "big")
        if brought <= units:  # A token may keep a part; it brings no more than it was asked for.
            logs.remove(log)
            return brought
    return None


async def made_coin_calls(
    one: Rpc, tx: TxRecord, calls: Sequence[UnsignedTx], payer: Address, block: BlockNumber
) -> bool:
    """Whether a single endpoint shows that the calls which pass on coin were made. Raises NetworkError.

    Source: debug_traceTransaction; else eth_getTransactionReceipt of a Safe, `_codes_all_through` of other accounts.
    """
    wanted = [(payer.lower(), call.to.lower(), int(call.value)) for call in calls if not call.data]
    trace = await if_offered(lambda: one.call("debug_traceTransaction", tx.hash, {"tracer": "callTracer"}))
    if isinstance(trace, dict):
        made = list(_made(trace, _DEEPEST))
        return all(made.count(call) >= wanted.count(call) for call in wanted)
    if tx.step.tx.data[:4] != EXECUTE_BATCH.selector:
        receipt = await one.receipt(tx.hash)
        logs = receipt.get("logs") or [] if receipt else []
        return any(_is_run_of(log, payer) for log in logs)
    codes = await _codes_all_through(one, payer, block)
    return codes is not None and all(can_batch(code, one.chain) for code in codes)


async def made_no_call(one: Rpc, tx: TxRecord, block: BlockNumber) -> bool:
    """Whether a single endpoint shows that the account had no code at all, so that it called nothing. Raises
    NetworkError.

    Other code than the pinned may know the same function. Source: as `_codes_all_through`.
    """
    if tx.step.tx.data[:4] != EXECUTE_BATCH.selector:
        return False
    codes = await _codes_all_through(one, tx.sender, block)
    return codes is not None and not any(codes)


async def _codes_all_through(one: Rpc, account: Address, block: BlockNumber) -> tuple[bytes, bytes] | None:
    """The account's code before the block and after it; None where it may have been another one in between.

    A change of code (EIP-7702) takes a nonce: if the block used no more than the account has transactions there, it
    brought none. Source: eth_getCode, eth_getTransactionCount, eth_getBlockByNumber.
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
    """Caller, account called and wei, of every call in a trace that was not taken back."""
    if frame.get("error") or depth == 0:
        return
    if frame.get("type") == "CALL":
        value = quantity(frame.get("value") or "0x0", "a call's value")
        yield str(frame.get("from", "")).lower(), str(frame.get("to", "")).lower(), value
    for inner in frame.get("calls") or []:
        if isinstance(inner, dict):
            yield from _made(inner, depth - 1)
