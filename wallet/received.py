"""Checks whether something else that used a transfer's nonce paid the recipient: another wallet may have paid the same.

A token transfer shows as the token's event. Native coin that a contract transfers leaves no event, so the recipient's
balance before and after the block decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from l2send.core.calldata import TRANSFER, TRANSFER_TOPIC, address_word
from l2send.core.rpc import Rpc, both, data_bytes
from l2send.core.units import BlockNumber
from l2send.wallet.journal.records import TxRecord
from l2send.wallet.nonce_search import NonceUse


def paid_by(tx: TxRecord, receipt: dict[str, Any]) -> bool:
    """Whether a transaction of a different form made the transfer of `tx`, from its own sender."""
    if not _is_token(tx) or receipt.get("status") != "0x1":
        return False
    to, units = TRANSFER.decode_call(tx.step.tx.data)
    topics = [TRANSFER_TOPIC, *("0x" + address_word(who).hex() for who in (tx.sender, to))]
    return any(
        [str(topic).lower() for topic in log.get("topics", ())] == topics
        and str(log.get("data", "")).lower() == "0x" + units.to_bytes(32, "big").hex()
        for log in _of_token(tx, receipt.get("logs"))
    )


async def may_have_paid(tx: TxRecord, use: NonceUse, receipt: dict[str, Any] | None, rpc: Rpc) -> bool:
    """Whether the recipient of the transfer `tx` got as much by that use, from any account. Raises NetworkError.

    `receipt` is that of the transaction that used the nonce; None if a delegation in another account's transaction used
    it: the whole block counts then. Source: eth_getLogs, eth_getBalance.
    """
    if receipt is not None and receipt.get("status") != "0x1":
        return False
    if _is_token(tx):
        logs = receipt.get("logs") if receipt else await _logs_in(tx, use.block, rpc)
        return _brings(tx, _of_token(tx, logs))
    meant = tx.step.tx
    if meant.data or (use.tx is not None and not use.tx.data):
        return False
    before, after = await both(rpc.balance(meant.to, hex(max(use.block - 1, 0))), rpc.balance(meant.to, hex(use.block)))
    return after - before >= meant.value


def _brings(tx: TxRecord, logs: Iterable[dict[str, Any]]) -> bool:
    to, units = TRANSFER.decode_call(tx.step.tx.data)
    topic, got = "0x" + address_word(to).hex(), 0
    for log in logs:
        topics = [str(one).lower() for one in log.get("topics", ())]
        if len(topics) == 3 and topics[0] == TRANSFER_TOPIC and topics[2] == topic:
            got += int.from_bytes(data_bytes(log.get("data"), "a log's data"), "big")
    return got >= int(units)


async def _logs_in(tx: TxRecord, block: BlockNumber, rpc: Rpc) -> list[dict[str, Any]]:
    query = {"address": tx.step.tx.to, "topics": [TRANSFER_TOPIC]}
    return [log async for stretch in rpc.logs_between(query, block, block) for log in stretch]


def _of_token(tx: TxRecord, logs: object) -> list[dict[str, Any]]:
    """The entries of `logs` that the token of `tx` emitted."""
    found = logs if isinstance(logs, list) else []
    token = tx.step.tx.to.lower()
    return [log for log in found if isinstance(log, dict) and str(log.get("address", "")).lower() == token]


def _is_token(tx: TxRecord) -> bool:
    return tx.step.tx.data[:4] == TRANSFER.selector
