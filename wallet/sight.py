"""What a receipt says of a transaction, and which endpoint shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from l2send.core.errors import BadAnswer
from l2send.core.rpc import Rpc, quantity
from l2send.core.units import BlockNumber
from l2send.wallet.journal.records import TxRecord


@dataclass(frozen=True, slots=True)
class Sight:
    """Where a transaction was seen in a block."""

    block: BlockNumber
    block_hash: str
    succeeded: bool

    @property
    def words(self) -> str:
        """For the history."""
        return f"in block {self.block}" if self.succeeded else f"reverted in block {self.block}"


async def seen(rpc: Rpc, tx: TxRecord) -> Sight | None:
    """What the receipt says; None while there is none. Raises BadAnswer for one of another transaction.

    Source: eth_getTransactionReceipt.
    """
    receipt = await rpc.receipt(tx.hash)
    return None if receipt is None else _sight(receipt, tx)


async def shows(one: Rpc, head: BlockNumber, tx: TxRecord, sight: Sight) -> bool:
    """Whether one endpoint alone shows the same, in a block of its chain that lies under as many as that needs."""
    if not is_deep(one, head, sight) or await seen(one, tx) != sight:
        return False
    return await is_canonical(one, sight)


def is_deep(rpc: Rpc, head: BlockNumber, sight: Sight) -> bool:
    """Whether the block lies under as many as its chain needs, itself among them."""
    return head - sight.block + 1 >= max(1, rpc.chain.confirmations)


async def is_canonical(rpc: Rpc, sight: Sight) -> bool:
    """Whether the chain holds this very block at its height: a stale node may still serve its receipts."""
    block = await rpc.block(hex(sight.block))
    return str(block.get("hash", "")).lower() == sight.block_hash


def _sight(receipt: dict[str, Any], tx: TxRecord) -> Sight | None:
    if str(receipt.get("transactionHash", "")).lower() != tx.hash:
        raise BadAnswer("a node answered with the receipt of another transaction.")
    if receipt.get("blockNumber") is None:
        return None  # Some nodes hand out receipts of pending transactions.
    status = quantity(receipt.get("status"), "receipt status")
    block = BlockNumber(quantity(receipt["blockNumber"], "receipt block"))
    return Sight(block, str(receipt.get("blockHash", "")).lower(), status == 1)
