"""Queries a transaction's state on its chain once, and updates the journal. Sends nothing.

A query trusts little. A receipt counts only if it names exactly this hash. A missing receipt proves nothing by itself:
if the nonce is free, l2send waits; if it is used, l2send searches for the transaction that used it. If that one has the
same effect, from another wallet or machine, it is followed as if it had been signed here; otherwise this one can become
`replaced`. If a receipt vanishes, the state goes back. Only ends.py records end states.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from l2send.core.errors import BadAnswer, NetworkError, NotFinal
from l2send.core.plan import StepKind
from l2send.core.rpc import Rpc, both
from l2send.core.units import Nonce
from l2send.wallet.ends import Ends, words_of
from l2send.wallet.journal.protocol import ChangedMeanwhile
from l2send.wallet.journal.records import TxRecord
from l2send.wallet.journal.states import IN_BLOCK, IN_FLIGHT, TxState
from l2send.wallet.nonce_search import NonceUse, find_use
from l2send.wallet.received import MaybePaid
from l2send.wallet.tx_location import Head, Sight, head_of, is_all_there_is, is_deep, seen, sight_of

Later = Callable[[Mapping[str, Any]], None]
"""Keeps a receipt for the next query."""


async def observe(
    tx: TxRecord,
    ends: Ends,
    receipt: Mapping[str, Any] | None = None,
    later: Later | None = None,
    head_asked: Awaitable[Head] | None = None,
) -> TxRecord:
    """Query once, update the record, and return it. Raises NetworkError, changing nothing.

    `head_asked`: a pending request for the newest block, shared by many queries.

    `receipt` came with the reply to the broadcast a moment ago: it only needs proof. `later` receives the receipt of a
    success that this query leaves for the next one to prove. Receipt and head are requested together. If a node's head
    is below the receipt's block, its answers are from different moments: the next query decides. Source:
    eth_getTransactionReceipt, eth_getTransactionCount, eth_getBlockByNumber.
    """
    if tx.state not in IN_FLIGHT:
        return tx
    rpc = ends.rpcs.on(tx.chain_id)
    try:
        if receipt and (sight := sight_of(receipt, tx)):
            return await _in_block(tx, sight, ends, None, later)
        sight, head = await both(seen(rpc, tx), head_asked or head_of(rpc))
        if sight is None:
            used = await rpc.nonce(tx.sender, "latest") > _nonce(tx)
            if not used and tx.state in (TxState.SIGNED, TxState.BROADCAST):
                return tx
            sight = await _seen_anywhere(rpc, tx)
            if sight is None:
                return await _nowhere(tx, ends, rpc, used=used)
        return await _in_block(tx, sight, ends, head, later)
    except ChangedMeanwhile:
        return _again(tx, ends)


def note_receipt(tx: TxRecord, ends: Ends, receipt: Mapping[str, Any]) -> bool:
    """Whether `receipt`, from the reply to the broadcast, shows `tx` in a block; the record is updated then.

    Sends no request and records no end state: `observe` proves it.
    """
    try:
        sight = sight_of(receipt, tx) if tx.state in IN_FLIGHT else None
        if sight:
            _mined(tx, sight, ends)
    except (BadAnswer, ChangedMeanwhile):
        return False
    return sight is not None


async def is_known(tx_hash: str, rpc: Rpc) -> bool:
    """Whether any endpoint has the transaction, mined or pending. Raises NetworkError if none answers."""
    if await rpc.call("eth_getTransactionByHash", tx_hash) is not None:
        return True
    for endpoint in rpc.each():
        try:
            if await endpoint.call("eth_getTransactionByHash", tx_hash) is not None:
                return True
        except NetworkError:
            continue
    return False


def _nonce(tx: TxRecord) -> Nonce:
    assert tx.nonce is not None, "only signed transactions are looked for"
    return tx.nonce


def _again(tx: TxRecord, ends: Ends) -> TxRecord:
    return ends.journal.get(tx.payment_id).transactions[tx.index]


async def _in_block(tx: TxRecord, sight: Sight, ends: Ends, head: Head | None, later: Later | None) -> TxRecord:
    """`head` is None for a block from the reply to a broadcast: it is the newest, as far as known."""
    tx = _mined(tx, sight, ends)
    rpc = ends.rpcs.on(tx.chain_id)
    if not is_deep(rpc, head.number if head else sight.block, sight):
        return tx
    if later and sight.succeeded and not (head and await is_all_there_is(rpc, sight, head)):
        later(sight.receipt)
        return tx
    return await ends.in_block(tx, sight, head)


def _mined(tx: TxRecord, sight: Sight, ends: Ends) -> TxRecord:
    """The record, with the block in which it was seen."""
    there = TxState.MINED if sight.succeeded else TxState.REVERTING
    if (tx.state, tx.block_hash) == (there, sight.block_hash):
        return tx
    return ends.journal.move_tx(
        tx,
        TxState.MINED if sight.succeeded else TxState.REVERTING,
        block=sight.block,
        block_hash=sight.block_hash,
        detail=sight.words,
    )


async def _nowhere(tx: TxRecord, ends: Ends, rpc: Rpc, *, used: bool) -> TxRecord:
    """No endpoint shows a receipt, though the nonce is used or a receipt was seen before."""
    if not used:
        return ends.journal.move_tx(tx, TxState.BROADCAST, detail="the block it was in is gone")
    if _rival_in_block(tx, ends):
        # It used the nonce. Which of the two stays is known once it is final, which voids this one.
        if tx.state not in IN_BLOCK:
            return tx
        words = "another transaction of this step took its place"
        return ends.journal.move_tx(tx, TxState.BROADCAST, detail=words)
    hint = tx.block if tx.state is TxState.INDETERMINATE else None
    use = await find_use(rpc, tx.sender, _nonce(tx), hint)
    if isinstance(use, str):
        return await _unexplained(tx, ends, rpc, f"nonce {tx.nonce} is used, and by what is not known: {use}")
    if use.hash == tx.hash:
        return await _unexplained(tx, ends, rpc, f"it is in block {use.block}, and no receipt of it is shown yet")
    return await _taken(tx, ends, rpc, use)


async def _taken(tx: TxRecord, ends: Ends, rpc: Rpc, use: NonceUse) -> TxRecord:
    """Handles a nonce that another transaction used."""
    try:
        if await ends.adopted(tx, use):
            return _again(tx, ends)
    except NotFinal as error:
        return await _unexplained(tx, ends, rpc, error.message, maybe_paid=isinstance(error, MaybePaid))
    if tx.state is TxState.INDETERMINATE:
        return await ends.replaced(tx, use)
    return ends.journal.move_tx(tx, TxState.INDETERMINATE, block=use.block, detail=words_of(use, _nonce(tx)))


async def _unexplained(tx: TxRecord, ends: Ends, rpc: Rpc, words: str, *, maybe_paid: bool = False) -> TxRecord:
    """Stays open, with a reason. For an order the settler's storage counts, even if its transaction is unknown."""
    if tx.state is not TxState.INDETERMINATE:
        tx = ends.journal.move_tx(tx, TxState.INDETERMINATE, block=await rpc.block_number(), detail=words)
    tx = ends.journal.note_tx(tx, words, maybe_paid=maybe_paid)
    record = ends.journal.get(tx.payment_id)
    if tx.step.kind is StepKind.OPEN and record.order and not record.is_order_followed:
        await ends.see_opened(record)
    return tx


def _rival_in_block(tx: TxRecord, ends: Ends) -> bool:
    """Whether another transaction of the same step was seen in a block."""
    attempts = ends.journal.get(tx.payment_id).attempts(tx.step_index)
    return any(other.state in IN_BLOCK for other in attempts if other.index != tx.index)


async def _seen_anywhere(rpc: Rpc, tx: TxRecord) -> Sight | None:
    """Asks every endpoint: behind a load balancer a node may lag several blocks."""
    if len(rpc.endpoints) == 1:
        return None
    for endpoint in rpc.each():
        try:
            sight = await seen(endpoint, tx)
        except NetworkError:
            continue
        if sight:
            return sight
    return None
