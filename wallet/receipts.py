"""One look at a transaction on its chain, and what the journal makes of it. Nothing is sent from here.

A look believes little. A receipt counts when it names this very hash. No receipt proves nothing by
itself: a nonce that is still free means «wait», a used one means «ask every endpoint», and only when
none knows the hash for as many blocks as the chain needs is the transaction `replaced`. A receipt that
vanishes takes the state back, and ends (`final`, `reverted`) come with the block still in its chain, and
with no other endpoint that is up to date and does not show them: of «reverted» people pay again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from l2send.core.agreement import doubter
from l2send.core.errors import BadAnswer, NetworkError
from l2send.core.rpc import Rpc, quantity
from l2send.core.units import BlockNumber, Nonce
from l2send.wallet.journal.protocol import ChangedMeanwhile, Journal
from l2send.wallet.journal.records import TxRecord
from l2send.wallet.journal.states import IN_BLOCK, IN_FLIGHT, TxState

# Nodes forget old receipts: of a transaction this old, a missing one is no proof that it never was.
_RECEIPTS_LAST_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Sight:
    """Where a transaction was seen in a block."""

    block: BlockNumber
    block_hash: str
    succeeded: bool
    confirmations: int = 0


async def observe(tx: TxRecord, journal: Journal, rpc: Rpc) -> TxRecord:
    """Look once, move the record accordingly, and return it. Raises NetworkError, changing nothing.

    Source: eth_getTransactionReceipt, eth_getTransactionCount, eth_blockNumber, eth_getBlockByNumber.
    """
    if tx.state not in IN_FLIGHT:
        return tx
    try:
        sight = await _seen(rpc, tx)
        if sight is None:
            used = await rpc.nonce(tx.sender, "latest") > _nonce(tx)
            if not used and tx.state in (TxState.SIGNED, TxState.BROADCAST):
                return tx
            sight = await _seen_anywhere(rpc, tx)
            if sight is None:
                return await _nowhere(tx, journal, rpc, used=used)
        return await _in_block(tx, sight, journal, rpc)
    except ChangedMeanwhile:
        return journal.get(tx.payment_id).transactions[tx.index]


async def is_known(tx_hash: str, rpc: Rpc) -> bool:
    """Whether any endpoint has the transaction, in a block or waiting. Raises NetworkError where none answers."""
    if await rpc.call("eth_getTransactionByHash", tx_hash) is not None:
        return True
    for endpoint in rpc.each():
        try:
            if await endpoint.call("eth_getTransactionByHash", tx_hash) is not None:
                return True
        except NetworkError:
            continue
    return False


async def confirmations(tx: TxRecord, rpc: Rpc) -> int:
    """Blocks that hold or follow the one `tx` is in; 0 while it is in none."""
    if tx.block is None:
        return 0
    return max(0, await rpc.block_number() - tx.block + 1)


def _nonce(tx: TxRecord) -> Nonce:
    assert tx.nonce is not None, "only signed transactions are looked for"
    return tx.nonce


async def _seen(rpc: Rpc, tx: TxRecord) -> Sight | None:
    receipt = await rpc.receipt(tx.hash)
    return None if receipt is None else _sight(receipt, tx)


def _sight(receipt: dict[str, Any], tx: TxRecord) -> Sight | None:
    """What a receipt says. Raises BadAnswer for one of another transaction."""
    if str(receipt.get("transactionHash", "")).lower() != tx.hash:
        raise BadAnswer("a node answered with the receipt of another transaction.")
    if receipt.get("blockNumber") is None:
        return None  # Some nodes hand out receipts of pending transactions.
    status = quantity(receipt.get("status"), "receipt status")
    block = BlockNumber(quantity(receipt["blockNumber"], "receipt block"))
    return Sight(block, str(receipt.get("blockHash", "")).lower(), status == 1)


async def _in_block(tx: TxRecord, sight: Sight, journal: Journal, rpc: Rpc) -> TxRecord:
    there = TxState.MINED if sight.succeeded else TxState.REVERTING
    if (tx.state, tx.block_hash) != (there, sight.block_hash):
        words = f"in block {sight.block}" if sight.succeeded else f"reverted in block {sight.block}"
        tx = journal.move_tx(tx, there, block=sight.block, block_hash=sight.block_hash, detail=words)
    depth = await confirmations(tx, rpc)
    if depth < max(1, rpc.chain.confirmations) or not await _is_canonical(sight, rpc):
        return tx
    if host := await doubter(rpc, lambda one: _shows(one, sight, tx)):
        return journal.note_tx(tx, f"{host} does not show it yet")
    end = TxState.FINAL if sight.succeeded else TxState.REVERTED
    return journal.move_tx(tx, end, block=sight.block, block_hash=sight.block_hash, detail=tx.detail)


async def _shows(one: Rpc, sight: Sight, tx: TxRecord) -> bool:
    """Whether this endpoint shows the transaction in the same block, with the same end, or may have forgotten it."""
    found = await _seen(one, tx)
    if found is None:  # Receipts may lag behind their block, and are forgotten some day.
        known = await one.call("eth_getTransactionByHash", tx.hash)
        there = str(known.get("blockHash", "")).lower() if isinstance(known, dict) else ""
        return there == sight.block_hash or _is_old(tx)
    return (found.block_hash, found.succeeded) == (sight.block_hash, sight.succeeded)


def _is_old(tx: TxRecord) -> bool:
    return tx.signed_at is None or time.time() - tx.signed_at > _RECEIPTS_LAST_SECONDS


async def _is_canonical(sight: Sight, rpc: Rpc) -> bool:
    """Whether the chain holds this very block at its height: a stale node may still serve its receipts."""
    block = await rpc.block(hex(sight.block))
    return str(block.get("hash", "")).lower() == sight.block_hash


async def _nowhere(tx: TxRecord, journal: Journal, rpc: Rpc, *, used: bool) -> TxRecord:
    """No endpoint shows a receipt, and the nonce is used up, or a receipt was seen before."""
    if not used:
        return journal.move_tx(tx, TxState.BROADCAST, detail="the block it was in is gone")
    if _rival_in_block(tx, journal):
        # It used the nonce up. Which of both stays is known at its end, which makes this one void.
        if tx.state not in IN_BLOCK:
            return tx
        return journal.move_tx(tx, TxState.BROADCAST, detail="another transaction of this step took its place")
    if tx.state is not TxState.INDETERMINATE:
        head = await rpc.block_number()
        return journal.move_tx(
            tx, TxState.INDETERMINATE, block=head, detail=f"nonce {tx.nonce} is used up, and no receipt is found"
        )
    if await _is_gone(tx, rpc):
        words = f"another transaction of {tx.sender} took nonce {tx.nonce}"
        return journal.move_tx(tx, TxState.REPLACED, detail=words)
    return tx


def _rival_in_block(tx: TxRecord, journal: Journal) -> bool:
    """Whether another transaction of the same step was seen in a block."""
    attempts = journal.get(tx.payment_id).attempts(tx.step_index)
    return any(other.state in IN_BLOCK for other in attempts if other.index != tx.index)


async def _is_gone(tx: TxRecord, rpc: Rpc) -> bool:
    """Whether every endpoint that answers has long counted the nonce as used and knows nothing of the hash."""
    if _is_old(tx):
        return False
    answers = list[bool]()
    for endpoint in rpc.each():
        try:
            answers.append(await _is_gone_for(tx, endpoint))
        except NetworkError:
            continue
    return bool(answers) and all(answers)


async def _is_gone_for(tx: TxRecord, rpc: Rpc) -> bool:
    assert tx.block is not None
    deep = await rpc.block_number() - tx.block >= max(1, rpc.chain.confirmations)
    used = await rpc.nonce(tx.sender, "latest") > _nonce(tx)
    known = await rpc.call("eth_getTransactionByHash", tx.hash)
    in_block = isinstance(known, dict) and known.get("blockNumber") is not None
    return deep and used and not in_block and await _seen(rpc, tx) is None


async def _seen_anywhere(rpc: Rpc, tx: TxRecord) -> Sight | None:
    """Behind a balancer one node may not know yet what another has known for blocks."""
    if len(rpc.endpoints) == 1:
        return None
    for endpoint in rpc.each():
        try:
            sight = await _seen(endpoint, tx)
        except NetworkError:
            continue
        if sight:
            return sight
    return None
