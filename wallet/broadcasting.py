"""Broadcasts signed bytes: always the same bytes from the journal, repeatedly if needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from l2send.core.deadlines import why_late
from l2send.core.errors import NotFinal, WrongChain
from l2send.core.plan import StepKind
from l2send.core.polling import may_hold
from l2send.core.rpc import BroadcastReply, Reply, Rpc, Rpcs
from l2send.core.text import in_words
from l2send.wallet.failpoints import Failpoint, failpoint
from l2send.wallet.journal.protocol import ChangedMeanwhile, Journal
from l2send.wallet.journal.records import TxRecord
from l2send.wallet.journal.states import TxState
from l2send.wallet.late_openings import is_stale, not_sent_again

Say = Callable[[str], None]
"""Receives a sentence for each step of a payment's progress."""

_AGAIN_AFTER_ACCEPTED = 30.0
_LONGEST_PAUSE = 15.0
_REFUSAL_PATIENCE = 30.0


@dataclass(slots=True)
class _Turn:
    """When, and to which endpoint, the bytes of one transaction are broadcast again."""

    pause: float
    next_at: float = 0.0
    endpoint: int = 0
    refused_since: float | None = None
    accepted: bool = False
    """Whether a node said that it accepted them."""


@dataclass
class Offering:
    """The transactions that one executor broadcasts, and when each is broadcast again."""

    journal: Journal
    rpcs: Rpcs
    say: Say
    pause: float
    """Seconds before bytes that no node accepted are sent to the next endpoint."""
    _turns: dict[str, _Turn] = field(default_factory=dict[str, _Turn], init=False)
    _receipts: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, "Mapping[str, Any]"], init=False)
    """By hash: receipts from a broadcast's reply, or seen and not proved yet."""

    def at_once(self, tx: TxRecord) -> None:
        """Make the next `offer` of `tx` not wait: the block it was in is gone."""
        self._turns.pop(tx.hash, None)

    def is_accepted(self, tx: TxRecord) -> bool:
        """Whether a node said, in this process, that it accepted the bytes of `tx`."""
        turn = self._turns.get(tx.hash)
        return turn is not None and turn.accepted

    def keep_receipt(self, tx: TxRecord, receipt: Mapping[str, Any]) -> None:
        """Keep the receipt of `tx` for the query that proves it."""
        self._receipts[tx.hash] = receipt

    def receipt_of(self, tx: TxRecord) -> Mapping[str, Any] | None:
        """The receipt from the reply to the broadcast of `tx`, until it is taken."""
        return self._receipts.get(tx.hash)

    def take_receipt(self, tx: TxRecord) -> Mapping[str, Any] | None:
        """The kept receipt of `tx`, returned once."""
        return self._receipts.pop(tx.hash, None)

    async def offer(self, tx: TxRecord, rpc: Rpc, *, hold: bool = False) -> TxRecord:
        """Broadcast the signed bytes, if it is time. Raises NotFinal once all nodes keep refusing them.

        `hold`: if the node supports it, wait for a reply that includes the receipt.
        """
        turn = self._turns.setdefault(tx.hash, _Turn(self.pause))
        if time.monotonic() < turn.next_at:
            return tx
        if await self._is_too_late(tx, turn):
            if tx.state is TxState.SIGNED:
                raise not_sent_again(tx)
            self.say(f"{tx.payment_id} is too late to be opened: it is not handed out again")
            turn.next_at = time.monotonic() + _LONGEST_PAUSE
            return tx
        failpoint(Failpoint.BEFORE_BROADCAST)
        try:
            answer = await self._broadcast(tx, rpc, turn.endpoint, hold=hold)
        except WrongChain as error:  # Raised before anything was sent.
            answer = BroadcastReply(Reply.REFUSED, error.message)
        failpoint(Failpoint.AFTER_BROADCAST)
        _schedule(turn, answer.reply)
        tx = self._note_answer(tx, answer)
        failpoint(Failpoint.BROADCAST)
        if turn.refused_since is not None and tx.state is TxState.SIGNED:
            self.say(f"{rpc.chain.name} does not take the transaction: {answer.detail}")
            if time.monotonic() - turn.refused_since > _REFUSAL_PATIENCE:
                raise not_final([tx], f" {rpc.chain.name} refuses it: {answer.detail}")
        return tx

    async def _broadcast(self, tx: TxRecord, rpc: Rpc, endpoint: int, *, hold: bool) -> BroadcastReply:
        """Broadcast once. A receipt in the reply is kept for the next query. Raises WrongChain."""
        if not (hold and may_hold(rpc.chain) and rpc.sends_sync(endpoint)):
            return await rpc.broadcast(tx.raw, endpoint)
        answer = await rpc.broadcast_sync(tx.raw, endpoint)
        if answer.receipt is not None:
            self._receipts[tx.hash] = answer.receipt
        return answer

    async def _is_too_late(self, tx: TxRecord, turn: _Turn) -> bool:
        """Whether broadcasting an order's bytes, which no node is known to have, would only lock money until a refund.

        Before the first broadcast they were checked a moment ago, so only a clock that jumped matters.
        """
        order = self.journal.get(tx.payment_id).order if tx.step.kind is StepKind.OPEN else None
        if order is None or (turn.endpoint == 0 and not why_late(order.order, {})):
            return False
        return await is_stale(tx, self.journal, self.rpcs)

    def _note_answer(self, tx: TxRecord, answer: BroadcastReply) -> TxRecord:
        """Records the reply, which proves nothing. After a refusal or «nonce too low» the next query decides."""
        try:
            if answer.reply not in (Reply.ACCEPTED, Reply.UNKNOWN):
                return self.journal.note_tx(tx, answer.detail)
            if tx.state is TxState.SIGNED:
                return self.journal.move_tx(tx, TxState.BROADCAST, detail=answer.detail)
        except ChangedMeanwhile:
            return self.journal.get(tx.payment_id).transactions[tx.index]
        return tx


def not_final(txs: Sequence[TxRecord], reason: str = "") -> NotFinal:
    """The error for transactions that are pending."""
    last = txs[-1]
    return NotFinal(
        f"{last.payment_id} is not final: its {last.step.kind} is {in_words(last.state)}.{reason}",
        hint=f"Nothing is lost. Run `l2send resume {last.payment_id}` to continue it; do not pay again.",
    )


def _schedule(turn: _Turn, reply: Reply) -> None:
    """Sets the next try, at the next endpoint: rare once accepted, since a node may accept and drop it."""
    now = time.monotonic()
    turn.endpoint += 1
    if reply is Reply.ACCEPTED:
        turn.next_at, turn.refused_since, turn.accepted = now + _AGAIN_AFTER_ACCEPTED, None, True
        return
    turn.next_at = now + turn.pause
    turn.pause = min(2 * turn.pause, _LONGEST_PAUSE)
    if reply is Reply.REFUSED:
        turn.refused_since = now if turn.refused_since is None else turn.refused_since
    else:
        turn.refused_since = None
