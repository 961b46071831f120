"""The block in which a receipt shows a transaction, and whether each endpoint shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from l2send.core.errors import BadAnswer
from l2send.core.rpc import Rpc, block_number, both, quantity
from l2send.core.units import BlockNumber
from l2send.wallet.journal.records import TxRecord


@dataclass(frozen=True, slots=True)
class Sight:
    """A transaction's place in a block."""

    block: BlockNumber
    block_hash: str
    succeeded: bool
    receipt: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False, repr=False)
    """The endpoint's whole answer. For an end state, endpoints need not agree on every field of it."""

    @property
    def words(self) -> str:
        """A sentence for the history."""
        return f"in block {self.block}" if self.succeeded else f"reverted in block {self.block}"


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block of a chain."""

    number: BlockNumber
    hash: str
    parent_hash: str = ""
    asked: dict[BlockNumber, asyncio.Future[dict[str, Any]]] = field(
        default_factory=dict[BlockNumber, "asyncio.Future[dict[str, Any]]"], compare=False, repr=False
    )
    """Blocks below it that were asked for beside it: many looks share a head, and many transactions a block."""

    async def holds(self, rpc: Rpc, sight: Sight) -> bool:
        """Whether the chain has this very block at its height. Raises NetworkError. Source: eth_getBlockByNumber."""
        if sight.block not in self.asked:
            self.asked[sight.block] = asyncio.ensure_future(rpc.block(hex(sight.block)))
        return str((await self.asked[sight.block]).get("hash", "")).lower() == sight.block_hash


async def head_of(rpc: Rpc) -> Head:
    """The newest block of one endpoint. Source: eth_getBlockByNumber."""
    block = await rpc.block()
    own, parent = (str(block.get(name, "")).lower() for name in ("hash", "parentHash"))
    return Head(block_number(block.get("number")), own, parent)


async def is_all_there_is(rpc: Rpc, sight: Sight, head: Head) -> bool:
    """Whether a second query could show no more: there is one endpoint, and its newest block is the receipt's.

    Or it is the next block, whose parent is the receipt's. Both were requested together, so the receipt's block is in
    its chain. For an older block, the endpoint is asked for the block at that height. Raises NetworkError.
    """
    if len(rpc.endpoints) != 1:
        return False
    if (sight.block, sight.block_hash) in {(head.number, head.hash), (head.number - 1, head.parent_hash)}:
        return True
    return head.number > sight.block and await head.holds(rpc, sight)


async def seen(rpc: Rpc, tx: TxRecord) -> Sight | None:
    """The place by the receipt; None while there is none. Raises BadAnswer for a receipt of another transaction.

    Source: eth_getTransactionReceipt.
    """
    receipt = await rpc.receipt(tx.hash)
    return None if receipt is None else sight_of(receipt, tx)


async def shows(
    one: Rpc, head: Awaitable[BlockNumber], tx: TxRecord, sight: Sight, tell: Callable[[Sight], None]
) -> bool:
    """Whether a single endpoint shows the same, with the chain's number of confirmations.

    Calls `tell` with what it shows.
    """
    same, canonical = await both(seen(one, tx), is_canonical(one, sight))
    if same is None or same != sight or not canonical or not is_deep(one, await head, sight):
        return False
    tell(same)
    return True


def is_deep(rpc: Rpc, head: BlockNumber, sight: Sight) -> bool:
    """Whether the block has the chain's number of confirmations, itself included."""
    return head - sight.block + 1 >= max(1, rpc.chain.confirmations)


async def is_canonical(rpc: Rpc, sight: Sight) -> bool:
    """Whether the chain has exactly this block at its height: a stale node may still serve receipts of another."""
    block = await rpc.block(hex(sight.block))
    return str(block.get("hash", "")).lower() == sight.block_hash


def sight_of(receipt: Mapping[str, Any], tx: TxRecord) -> Sight | None:
    """The place by a receipt; None if it is in no block. Raises BadAnswer for another transaction's receipt."""
    if str(receipt.get("transactionHash", "")).lower() != tx.hash:
        raise BadAnswer("a node answered with the receipt of another transaction.")
    if receipt.get("blockNumber") is None:
        return None  # Some nodes return receipts of pending transactions.
    status = quantity(receipt.get("status"), "receipt status")
    block = BlockNumber(quantity(receipt["blockNumber"], "receipt block"))
    return Sight(block, str(receipt.get("blockHash", "")).lower(), status == 1, receipt)
