"""Where a receipt shows a transaction, and whether each endpoint shows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from l2send.core.errors import BadAnswer
from l2send.core.rpc import Rpc, block_number, both, quantity
from l2send.core.units import BlockNumber
from l2send.wallet.journal.records import TxRecord


@dataclass(frozen=True, slots=True)
class Sight:
    """Where a transaction was seen in a block."""

    block: BlockNumber
    block_hash: str
    succeeded: bool
    receipt: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False, repr=False)
    """All that the endpoint said. Endpoints need not agree on every field of it for an end."""

    @property
    def words(self) -> str:
        """For the history."""
        return f"in block {self.block}" if self.succeeded else f"reverted in block {self.block}"


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block of a chain."""

    number: BlockNumber
    hash: str
    parent_hash: str = ""


async def head_of(rpc: Rpc) -> Head:
    """The newest block as one endpoint has it. Source: eth_getBlockByNumber."""
    block = await rpc.block()
    hashes = (str(block.get(name, "")).lower() for name in ("hash", "parentHash"))
    return Head(block_number(block.get("number")), *hashes)


async def is_all_there_is(rpc: Rpc, sight: Sight, head: Head) -> bool:
    """Whether a second look could show no more: there is one endpoint, and its newest block is the one of the receipt.

    Or the one right after it, which names it as its parent. Both were asked for together, so that the receipt's block
    is in its chain. For an older one the endpoint is asked which block stands there. Raises NetworkError.
    """
    if len(rpc.endpoints) != 1:
        return False
    if (sight.block, sight.block_hash) in {(head.number, head.hash), (head.number - 1, head.parent_hash)}:
        return True
    return head.number > sight.block and await is_canonical(rpc, sight)


async def seen(rpc: Rpc, tx: TxRecord) -> Sight | None:
    """What the receipt says; None while there is none. Raises BadAnswer for one of another transaction.

    Source: eth_getTransactionReceipt.
    """
    receipt = await rpc.receipt(tx.hash)
    return None if receipt is None else sight_of(receipt, tx)


async def shows(
    one: Rpc, head: Awaitable[BlockNumber], tx: TxRecord, sight: Sight, tell: Callable[[Sight], None]
) -> bool:
    """Whether a single endpoint shows the same, in a block as deep as the chain needs.

    Calls `tell` with what it shows.
    """
    same, canonical = await both(seen(one, tx), is_canonical(one, sight))
    if same is None or same != sight or not canonical or not is_deep(one, await head, sight):
        return False
    tell(same)
    return True


def is_deep(rpc: Rpc, head: BlockNumber, sight: Sight) -> bool:
    """Whether the block lies under as many as its chain needs, itself among them."""
    return head - sight.block + 1 >= max(1, rpc.chain.confirmations)


async def is_canonical(rpc: Rpc, sight: Sight) -> bool:
    """Whether the chain holds this very block at its height: a stale node may still serve its receipts."""
    block = await rpc.block(hex(sight.block))
    return str(block.get("hash", "")).lower() == sight.block_hash


def sight_of(receipt: Mapping[str, Any], tx: TxRecord) -> Sight | None:
    """What a receipt says; None for one of a transaction that is in no block. Raises BadAnswer for another one's."""
    if str(receipt.get("transactionHash", "")).lower() != tx.hash:
        raise BadAnswer("a node answered with the receipt of another transaction.")
    if receipt.get("blockNumber") is None:
        return None  # Some nodes hand out receipts of pending transactions.
    status = quantity(receipt.get("status"), "receipt status")
    block = BlockNumber(quantity(receipt["blockNumber"], "receipt block"))
    return Sight(block, str(receipt.get("blockHash", "")).lower(), status == 1, receipt)
