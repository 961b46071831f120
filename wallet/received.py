"""Checks whether something else that used a transfer's nonce paid the recipient: another wallet may have paid the same.

A token transfer shows as the token's event. Native coin that a contract transfers leaves no event: the calls that the
transaction's bytes name, its trace if the node offers one, and the recipient's balance before and after the block
decide. The balance alone would not: the recipient may have spent in that block.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from l2send.core.address import Address, checksum
from l2send.core.calldata import TRANSFER, TRANSFER_TOPIC, address_word
from l2send.core.chains import Chain
from l2send.core.endpoint_agreement import why_unproven
from l2send.core.errors import L2sendError, NetworkError, NotFinal, Refused
from l2send.core.plan import StepKind, UnsignedTx
from l2send.core.rpc import Rpc, both, data_bytes
from l2send.core.safe import EXECUTE, Operation, read_execution
from l2send.core.shared_tx import calls_of
from l2send.core.units import BlockNumber, Wei
from l2send.wallet.journal.records import TxRecord
from l2send.wallet.nonce_search import NonceUse
from l2send.wallet.safe_runs import SafeRun
from l2send.wallet.shared_tx_ends import traced_coin_to


class MaybePaid(NotFinal):
    """The recipient got as much by something else: whether that was this payment is for its user to find out."""

    def __init__(self, how: str) -> None:
        """`how` the recipient got it, in words."""
        why = "Whether that was this payment is not known: look at their account before you pay again"
        super().__init__(f"{how}. {why}")


def paid_by(tx: TxRecord, receipt: dict[str, Any]) -> bool:
    """Whether a transaction of a different form made the transfer of `tx`, from the same account or Safe."""
    payer, meant = _transfer_of(tx.step.tx, tx.sender)
    if not _is_token(meant) or receipt.get("status") != "0x1":
        return False
    to, units = TRANSFER.decode_call(meant.data)
    topics = [TRANSFER_TOPIC, *("0x" + address_word(who).hex() for who in (payer, to))]
    return any(
        [str(topic).lower() for topic in log.get("topics", ())] == topics
        and str(log.get("data", "")).lower() == "0x" + units.to_bytes(32, "big").hex()
        for log in _of_token(meant, receipt.get("logs"))
    )


async def may_have_paid(tx: TxRecord, use: NonceUse, receipt: dict[str, Any] | None, rpc: Rpc) -> bool:
    """Whether the recipient of the transfer `tx` got as much by that use, from any account. Raises NetworkError.

    `receipt` is that of the transaction that used the nonce; None if a delegation in another account's transaction used
    it: the whole block counts then. Source: eth_getLogs, debug_traceTransaction, eth_getBalance.
    """
    if receipt is not None and receipt.get("status") != "0x1":
        return False
    _, meant = _transfer_of(tx.step.tx, tx.sender)
    if not meant.data and use.tx is not None:
        if _coin_to(meant.to, use.tx, rpc.chain) >= meant.value:
            return True  # Its recipient may have passed it on within the block.
        if not use.tx.data and use.tx.value < meant.value:
            return False
    return await _got_as_much(meant, use.block, receipt, rpc)


def transfers_of(tx: TxRecord, chain: Chain) -> list[TxRecord]:
    """Each transfer that `tx` makes, as a transaction of its own; none for steps that pay by an order, or nothing."""
    if tx.step.kind is StepKind.TOGETHER:
        return [replace(tx, step=replace(tx.step, tx=call)) for call in calls_of(tx.step.tx, chain)]
    return [tx] if tx.step.kind is StepKind.TRANSFER else []


async def paid_none(one: Rpc, transfers: Iterable[TxRecord], use: NonceUse) -> bool:
    """Whether one endpoint shows that no recipient of these transfers got as much by that use. Raises NetworkError."""
    receipt = await one.receipt(use.hash) if use.hash else None
    if use.hash and receipt is None:
        return False
    return not any([await may_have_paid(tx, use, receipt, one) for tx in transfers])


async def safe_may_have_paid(execution: UnsignedTx, run: SafeRun, rpc: Rpc) -> str:
    """Why it is not known that what a Safe ran instead of `execution`, one transfer or several, paid no recipient.

    Empty if as many endpoints as an end needs show that. Raises MaybePaid, NetworkError. Source: as of `may_have_paid`.
    """
    try:
        transfers = calls_of(execution, rpc.chain)
    except Refused as error:
        return f"what it would have paid is not known: {error.message}"

    async def paid_nothing(one: Rpc, _: Awaitable[BlockNumber]) -> bool:
        return await _paid_by_safe(execution, transfers, run, one) == []

    paid = await _paid_by_safe(execution, transfers, run, rpc)
    if paid:
        who = "the recipient" if len(transfers) == 1 else paid[0]
        raise MaybePaid(f"by {run.tx_hash}, or in its block, {who} got as much")
    return f"no receipt of {run.tx_hash} is shown yet" if paid is None else await why_unproven(rpc, paid_nothing)


async def _paid_by_safe(
    execution: UnsignedTx, transfers: Sequence[UnsignedTx], run: SafeRun, rpc: Rpc
) -> list[Address] | None:
    """The recipients that may have got as much by that run; None if no receipt is shown."""
    receipt, described = await both(rpc.receipt(run.tx_hash), rpc.transaction(run.tx_hash))
    if receipt is None or described is None:
        return None
    data = data_bytes(described.get("input"), "input")
    ran = UnsignedTx(execution.chain_id, execution.to, Wei(0), data)
    return [
        _recipient(meant)
        for meant in transfers
        if (not meant.data and _coin_to(meant.to, ran, rpc.chain) >= meant.value)
        or await _got_as_much(meant, run.block, receipt, rpc)
    ]


async def _got_as_much(meant: UnsignedTx, block: BlockNumber, receipt: dict[str, Any] | None, rpc: Rpc) -> bool:
    """Whether the recipient got as much: of a token by the events of `receipt`, or, without one, of the whole block; of
    coin by the transaction's trace, or by the balances before and after the block."""
    if _is_token(meant):
        logs = receipt.get("logs") if receipt else await _logs_in(meant, block, rpc)
        return _show_as_much(meant, _of_token(meant, logs))
    if meant.data:
        return False
    traced = None
    if receipt is not None:
        with suppress(NetworkError):  # A node that keeps no old state says so in various words.
            traced = await traced_coin_to(meant.to, str(receipt.get("transactionHash", "")), rpc)
    if traced is not None and traced >= meant.value:
        return True
    before, after = await both(rpc.balance(meant.to, hex(max(block - 1, 0))), rpc.balance(meant.to, hex(block)))
    return after - before >= meant.value


def _coin_to(recipient: Address, tx: UnsignedTx, chain: Chain) -> int:
    """The wei that a transaction pays an account: by itself, or by calls that l2send can decode."""
    calls = [tx]
    with suppress(L2sendError):
        if tx.data[:4] == EXECUTE.selector:  # Whichever owners signed it.
            tx = read_execution(tx)[0].execution(b"")
        calls += calls_of(tx, chain)
    return sum(int(call.value) for call in calls if call.to == recipient)


def _transfer_of(call: UnsignedTx, sender: Address) -> tuple[Address, UnsignedTx]:
    """Who pays by a call of `sender`, and the call that pays: that call itself, or the one a Safe makes by it."""
    if call.data[:4] != EXECUTE.selector:
        return sender, call
    inner, _ = read_execution(call)
    if inner.operation is not Operation.CALL:
        return sender, call
    return inner.safe, UnsignedTx(inner.chain_id, inner.to, inner.value, inner.data)


def _recipient(meant: UnsignedTx) -> Address:
    return checksum(TRANSFER.decode_call(meant.data)[0]) if meant.data else meant.to


def _show_as_much(meant: UnsignedTx, logs: Iterable[dict[str, Any]]) -> bool:
    to, units = TRANSFER.decode_call(meant.data)
    topic, got = "0x" + address_word(to).hex(), 0
    for log in logs:
        topics = [str(one).lower() for one in log.get("topics", ())]
        if len(topics) == 3 and topics[0] == TRANSFER_TOPIC and topics[2] == topic:
            got += int.from_bytes(data_bytes(log.get("data"), "a log's data"), "big")
    return got >= int(units)


async def _logs_in(meant: UnsignedTx, block: BlockNumber, rpc: Rpc) -> list[dict[str, Any]]:
    query = {"address": meant.to, "topics": [TRANSFER_TOPIC]}
    return [log async for stretch in rpc.logs_between(query, block, block) for log in stretch]


def _of_token(meant: UnsignedTx, logs: object) -> list[dict[str, Any]]:
    """The entries of `logs` that the token of that call emitted."""
    found = logs if isinstance(logs, list) else []
    token = meant.to.lower()
    return [log for log in found if isinstance(log, dict) and str(log.get("address", "")).lower() == token]


def _is_token(meant: UnsignedTx) -> bool:
    return meant.data[:4] == TRANSFER.selector
