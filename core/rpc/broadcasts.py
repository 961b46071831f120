"""The meaning of a node's reply to a broadcast."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any

from l2send.core.errors import BadAnswer, NetworkError, NodeError, NodeFailed
from l2send.core.rpc.logs import read_logs
from l2send.core.rpc.node_errors import least_price, meaning_to_broadcast
from l2send.core.rpc.values import block_number, hash_or_null, quantity, record
from l2send.core.units import Wei


@unique
class Reply(StrEnum):
    """The classes of replies to a broadcast."""

    ACCEPTED = "accepted"
    """The node accepted the transaction, or had it already."""
    NONCE_TOO_LOW = "nonce_too_low"
    """The nonce is used, by these bytes or by others; only the chain can tell."""
    REFUSED = "refused"
    """The node understood and refuses it (underpriced, insufficient funds, nonce gap)."""
    UNKNOWN = "unknown"
    """No usable reply. The transaction may have been accepted."""


@dataclass(frozen=True, slots=True)
class BroadcastReply:
    """The class of a node's reply, and its own words, cleaned."""

    reply: Reply
    detail: str = ""
    underpriced: bool = False
    """Whether only its price was refused. Then a speedup helps."""
    least_price: Wei | None = None
    """The smallest tip or price in wei per gas that the node accepts, if it says so."""
    receipt: dict[str, Any] | None = None
    """For eth_sendRawTransactionSync: the receipt in the reply."""


def reply_of(error: NetworkError) -> BroadcastReply:
    """The meaning of a failed broadcast. Only a node's own words can mean that the bytes are refused."""
    meaning = meaning_to_broadcast(error.message) if isinstance(error, NodeError | NodeFailed) else ""
    if meaning in {Reply.ACCEPTED, Reply.NONCE_TOO_LOW}:
        return BroadcastReply(Reply(meaning), error.message)
    if meaning == "underpriced":
        least = least_price(error.message)
        words = f"{error.message} (`l2send speedup` offers a higher price)"
        return BroadcastReply(Reply.REFUSED, words, True, None if least is None else Wei(least))
    return BroadcastReply(Reply.REFUSED if isinstance(error, NodeError) else Reply.UNKNOWN, error.message)


def read_receipt(answer: Any, tx_hash: str) -> dict[str, Any] | None:
    """The receipt of `tx_hash`, or None for null. Present fields have the right types. Raises BadAnswer."""
    if answer is None:
        return None
    receipt = record(answer, "eth_getTransactionReceipt")
    if str(receipt.get("transactionHash", "")).lower() != tx_hash.lower():
        raise BadAnswer("a node answered with the receipt of another transaction.")
    hash_or_null(receipt.get("blockHash"), "a receipt's block")
    read_logs(receipt.get("logs", []))
    if receipt.get("blockNumber") is not None:
        block_number(receipt["blockNumber"], "a receipt's block")
        quantity(receipt.get("status"), "a receipt's status")
    return receipt


def read_transaction(answer: Any, tx_hash: str) -> dict[str, Any] | None:
    """The transaction `tx_hash`, or None for null. Present fields have the right types. Raises BadAnswer."""
    if answer is None:
        return None
    found = record(answer, "eth_getTransactionByHash")
    if str(found.get("hash", "")).lower() != tx_hash.lower():
        raise BadAnswer("a node answered with another transaction.")
    hash_or_null(found.get("blockHash"), "a transaction's block")
    if found.get("blockNumber") is not None:
        block_number(found["blockNumber"], "a transaction's block")
    return found
