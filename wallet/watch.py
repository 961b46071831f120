"""Where the money is after it left: receipts, the order's own event, its fill, its refund. Nothing is sent.

A chain that cannot be asked changes nothing, and is said. `filled` is believed once the transaction that
paid the recipient is as deep in the destination as that chain needs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from l2send.core.bridge import Bridge, OrderState, OrderStatus, SponsoredBridge
from l2send.core.errors import NetworkError, NotFinal, UnknownChain
from l2send.core.plan import Order, StepKind
from l2send.core.rpc import Rpcs, quantity
from l2send.wallet.failpoints import Failpoint, failpoint
from l2send.wallet.journal.protocol import ChangedMeanwhile, Journal
from l2send.wallet.journal.records import OrderRecord, PaymentRecord, TxRecord
from l2send.wallet.journal.states import ORDER_TRANSITIONS, SUCCEEDED, PaymentState
from l2send.wallet.receipts import observe
from l2send.wallet.sponsored import observe_messages

Progress = Callable[[str], None]

_POLL = 1.0
_SETTLED = frozenset(
    {
        PaymentState.DELIVERED,
        PaymentState.REFUND_DUE,
        PaymentState.REFUNDED,
        PaymentState.REVERTED,
        PaymentState.REPLACED,
        PaymentState.CANCELLED,
        PaymentState.EXPIRED,
    }
)
"""States in which there is nothing to wait for: the end, or somebody must act."""


def _silent(_: str) -> None:
    pass


async def follow(
    payment_id: str,
    journal: Journal,
    rpcs: Rpcs,
    bridges: Mapping[str, Bridge],
    progress: Progress = _silent,
    *,
    patience: float = 600.0,
    poll: float = _POLL,
) -> PaymentRecord:
    """Stay with a payment until the recipient has the money, or it is back, or somebody must act.

    Returns the record; its `state` says which. Raises NotFinal after `patience` seconds.
    """
    until = time.monotonic() + patience
    once = _Once(progress)
    while True:
        record = await check(payment_id, journal, rpcs, bridges, once)
        if record.state in _SETTLED:
            return record
        if time.monotonic() >= until:
            raise NotFinal(
                f"{record.id} is {record.state}. {record.meaning.money}{_words(record.order)}",
                hint=f"Run `l2send status {record.id}` for a look, or `l2send resume {record.id}` to stay with it.",
                sent=record.moved,
            )
        await asyncio.sleep(poll)


async def check(
    payment_id: str,
    journal: Journal,
    rpcs: Rpcs,
    bridges: Mapping[str, Bridge],
    progress: Progress = _silent,
) -> PaymentRecord:
    """Look once at every chain that matters, write down what is new, and return the record."""
    record = journal.get(payment_id)
    for tx in record.transactions:
        await _look(tx, journal, rpcs, progress)
    record = journal.get(record.id)
    if record.sponsored:
        record = await _look_at_messages(record, _Eyes(journal, rpcs, bridges, progress))
    if record.order is None or not ORDER_TRANSITIONS[record.order.state]:
        return record
    try:
        return await _look_at_order(record, record.order, _Eyes(journal, rpcs, bridges, progress))
    except ChangedMeanwhile:
        return journal.get(record.id)


@dataclass(frozen=True, slots=True)
class _Eyes:
    journal: Journal
    rpcs: Rpcs
    bridges: Mapping[str, Bridge]
    say: Progress


class _Once:
    """Passes a sentence on when it differs from the last one."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._last = ""

    def __call__(self, sentence: str) -> None:
        if sentence != self._last:
            self._last = sentence
            self._progress(sentence)


async def _look(tx: TxRecord, journal: Journal, rpcs: Rpcs, say: Progress) -> None:
    try:
        await observe(tx, journal, rpcs.on(tx.chain_id))
    except (NetworkError, UnknownChain) as error:
        say(f"unknown for now: {error.message}")


async def _look_at_messages(record: PaymentRecord, eyes: _Eyes) -> PaymentRecord:
    bridge = eyes.bridges.get(record.terms.bridge)
    if not isinstance(bridge, SponsoredBridge):
        eyes.say(f"this l2send does not know the bridge {record.terms.bridge}.")
        return record
    try:
        return await observe_messages(record, eyes.journal, bridge, eyes.rpcs)
    except (NetworkError, UnknownChain) as error:
        eyes.say(f"unknown for now: {error.message}")
        return record


async def _look_at_order(record: PaymentRecord, order: OrderRecord, eyes: _Eyes) -> PaymentRecord:
    opening = next((tx for tx in record.steps if tx.step.kind is StepKind.OPEN), None)  # None: cancelled, or sponsored
    if not record.sponsored and (opening is None or opening.state not in SUCCEEDED):
        if order.state is OrderState.OPEN:
            return eyes.journal.move_order(record, OrderState.NOT_OPEN, detail="its block is gone")
        return record
    bridge = eyes.bridges.get(order.order.bridge)
    if bridge is None:
        eyes.say(f"this l2send does not know the bridge {order.order.bridge}.")
        return record
    if opening and order.state is OrderState.NOT_OPEN:
        record = await _see_opened(record, order.order, opening, bridge, eyes)
    if record.order is None or record.order.state is OrderState.NOT_OPEN:
        return record
    return await _believe(record, record.order, await bridge.status(order.order, eyes.rpcs), eyes)


async def _see_opened(
    record: PaymentRecord, order: Order, opening: TxRecord, bridge: Bridge, eyes: _Eyes
) -> PaymentRecord:
    """Whether the mined transaction opened this very order."""
    try:
        receipt = await eyes.rpcs.on(opening.chain_id).receipt(opening.hash)
    except NetworkError as error:
        eyes.say(f"unknown for now: {error.message}")
        return record
    if receipt is None:
        return record
    if not bridge.opened(order, receipt):
        words = f"{opening.hash} succeeded and did not open the order {order.order_id}"
        eyes.say(words)
        return eyes.journal.note_order(record, words)
    eyes.say(f"{order.bridge} holds the money; waiting for it to be paid out on the destination")
    record = eyes.journal.move_order(record, OrderState.OPEN)
    failpoint(Failpoint.ORDER_OPENED)
    return record


async def _believe(record: PaymentRecord, order: OrderRecord, status: OrderStatus, eyes: _Eyes) -> PaymentRecord:
    if status.detail:
        eyes.say(status.detail)
    match status.state:
        case OrderState.UNKNOWN | OrderState.NOT_OPEN:
            # The receipt said that it is open: a node that knows of no order lags, and changes nothing.
            return record
        case OrderState.FILLED if not await _is_deep(order, status, eyes):
            return eyes.journal.note_order(record, "paid out, waiting for confirmations", status.fill_tx)
        case state if state is order.state:
            return eyes.journal.note_order(record, status.detail, status.fill_tx)
        case state:
            record = eyes.journal.move_order(record, state, fill_tx=status.fill_tx, detail=status.detail)
            if state is OrderState.FILLED:
                failpoint(Failpoint.ORDER_FILLED)
            return record


async def _is_deep(order: OrderRecord, status: OrderStatus, eyes: _Eyes) -> bool:
    """Whether the fill is confirmed. Where the bridge cannot name its transaction, its word is taken."""
    if not status.fill_tx:
        return True
    rpc = eyes.rpcs.on(order.order.destination)
    try:
        receipt = await rpc.receipt(status.fill_tx)
        if receipt is None or receipt.get("blockNumber") is None:
            return False
        if quantity(receipt.get("status"), "receipt status") != 1:
            return False
        block = quantity(receipt["blockNumber"], "receipt block")
        return await rpc.block_number() - block + 1 >= max(1, rpc.chain.confirmations)
    except NetworkError as error:
        eyes.say(f"unknown for now: {error.message}")
        return False


def _words(order: OrderRecord | None) -> str:
    return f" {order.detail}" if order and order.detail else ""
