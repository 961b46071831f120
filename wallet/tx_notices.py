"""Sentences that report how far a pending transaction is."""

from __future__ import annotations

from l2send.core.rpc import Rpc
from l2send.wallet.journal.records import TxRecord
from l2send.wallet.journal.states import TxState


async def sentence_about(tx: TxRecord, rpc: Rpc, *, count: bool) -> str:
    """A sentence on where `tx` is; empty if there is nothing to report. Raises NetworkError.

    `count`: with its confirmations, which needs the newest block. Source: eth_blockNumber.
    """
    name, kind = rpc.chain.name, tx.step.kind
    match tx.state:
        case TxState.BROADCAST:
            return f"{kind} sent, waiting for {name}: {tx.hash}"
        case TxState.MINED:
            return await _mined(tx, rpc) if count else f"{kind} mined on {name}"
        case TxState.REVERTING | TxState.INDETERMINATE:
            return f"{kind} on {name}: {tx.detail}"
        case TxState.FINAL:
            return f"{kind} final on {name}: {tx.hash}"
        case _:
            return ""


async def confirmations(tx: TxRecord, rpc: Rpc) -> int:
    """The number of confirmations of `tx`, its own block included; 0 while it is in none."""
    if tx.block is None:
        return 0
    return max(0, await rpc.block_number() - tx.block + 1)


async def _mined(tx: TxRecord, rpc: Rpc) -> str:
    blocks, needed = await confirmations(tx, rpc), max(1, rpc.chain.confirmations)
    sentence = f"{tx.step.kind} mined on {rpc.chain.name}, {min(blocks, needed)} of {needed} confirmations"
    return f"{sentence}; {tx.detail}" if blocks >= needed else sentence
