"""Finds out where the money is after it left: by receipts, the order's event, its fill, its refund. Sends nothing.

A chain that does not answer changes nothing, and is reported. End states are decided in ends.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass

from l2send.core.bridge_protocol import Bridge, OrderState, OrderStatus, SponsoredBridge
from l2send.core.errors import NetworkError, NotFinal, UnknownChain
from l2send.core.plan import StepKind
from l2send.core.polling import pause_between_looks
from l2send.core.rpc import Rpcs
from l2send.core.text import in_words
from l2send.core.units import ChainId
from l2send.wallet.broadcasting import Say
from l2send.wallet.ends import Ends
from l2send.wallet.failpoints import Failpoint, failpoint
from l2send.wallet.journal.proposal_states import ProposalState
from l2send.wallet.journal.protocol import ChangedMeanwhile, Journal
from l2send.wallet.journal.records import OrderRecord, PaymentRecord, ProposalRecord, TxRecord
from l2send.wallet.journal.states import IN_FLIGHT, ORDER_TRANSITIONS, SUCCEEDED, PaymentState, TxState
from l2send.wallet.proposals import execution_in_flight, observe_proposal
from l2send.wallet.receipts import observe
from l2send.wallet.sponsored import observe_messages

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
"""States in which nothing is left to wait for: an end state, or you must act."""
_NOT_YET = frozenset({TxState.PLANNED, TxState.SIGNED, TxState.BROADCAST, TxState.REVERTING})
"""States of the opening transaction in which its nonce, as far as known, has opened no order yet."""


def _silent(_: str) -> None:
    pass


async def follow(
    payment_id: str,
    journal: Journal,
    rpcs: Rpcs,
    bridges: Mapping[str, Bridge],
    say: Say = _silent,
    *,
    patience: float = 600.0,
    poll: float | None = None,
    driven: bool = False,
) -> PaymentRecord:
    """Follow a payment until the recipient has the money, it is refunded, or you must act.

    `poll` is in seconds, by default the time between the chains' blocks. `driven`: an executor queries the transactions
    of its steps. Returns the record; its `state` says which. Raises NotFinal after `patience` seconds.
    """
    until = time.monotonic() + patience
    once = _Once(say)
    while True:
        record = await look_once(payment_id, journal, rpcs, bridges, once, driven=driven)
        if record.state in _SETTLED or _waits_for_owners(record):
            return record
        if time.monotonic() >= until:
            raise NotFinal(
                f"{record.id} is {in_words(record.state)}. {record.meaning.money}{_words(record.order)}",
                hint=f"Run `l2send status {record.id}` for a look, or `l2send resume {record.id}` to follow it.",
                sent=record.moved,
            )
        await asyncio.sleep(_pause(record, rpcs) if poll is None else poll)


def _pause(record: PaymentRecord, rpcs: Rpcs) -> float:
    """Seconds between polls of a payment's chains: the pace of the quicker one."""
    ids = {record.terms.source, record.payment.to.chain_id}
    known = [chain for chain in rpcs.registry if chain.chain_id in ids]
    return min(map(pause_between_looks, known), default=1.0)


def _waits_for_owners(record: PaymentRecord) -> bool:
    """Whether nothing happens until a Safe's owners have signed and an account sends it."""
    return record.state is PaymentState.PROPOSED and execution_in_flight(record) is None


async def look_once(
    payment_id: str,
    journal: Journal,
    rpcs: Rpcs,
    bridges: Mapping[str, Bridge],
    say: Say = _silent,
    *,
    driven: bool = False,
) -> PaymentRecord:
    """Query every relevant chain once, record what is new, and return the record. `driven` as in `follow`."""
    eyes = _Eyes(Ends(journal, rpcs, bridges), say)
    record = journal.get(payment_id)
    elsewhere = {tx.step_index for tx in (*record.steps, *record.sent_executions)} if driven else set[int]()
    indexes = {tx.step_index for tx in record.transactions} - elsewhere
    await asyncio.gather(
        *(_look_at_step([tx for tx in record.transactions if tx.step_index == i], eyes) for i in indexes)
    )
    record = await _look_for_prepared(journal.get(record.id), eyes)
    if record.sponsored:
        record = await _look_at_messages(record, eyes)
    if record.proposal:
        record = await _look_at_proposal(record, eyes)
    if record.order is None or not ORDER_TRANSITIONS[record.order.state]:
        return record
    try:
        return await _look_at_order(record, record.order, eyes)
    except ChangedMeanwhile:
        return journal.get(record.id)
    except (NetworkError, UnknownChain) as error:
        say(f"unknown for now: {error.message}")
        return journal.get(record.id)


@dataclass(frozen=True, slots=True)
class _Eyes:
    ends: Ends
    say: Say

    @property
    def journal(self) -> Journal:
        return self.ends.journal

    @property
    def rpcs(self) -> Rpcs:
        return self.ends.rpcs

    def bridge(self, name: str) -> Bridge | None:
        """The bridge of that name; None, with a message, if it is unknown."""
        bridge = self.ends.bridges.get(name)
        if bridge is None:
            self.say(f"this l2send does not know the bridge {name}.")
        return bridge


class _Once:
    """Reports a sentence if it differs from the last one."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._last = ""

    def __call__(self, sentence: str) -> None:
        if sentence != self._last:
            self._last = sentence
            self._say(sentence)


async def _look_at_step(attempts: Iterable[TxRecord], eyes: _Eyes) -> None:
    """Sequential: with several transactions of one nonce, the state of one decides what to query of the next."""
    for tx in attempts:
        await _look(tx, eyes)


async def _look(tx: TxRecord, eyes: _Eyes) -> None:
    try:
        looked = await observe(tx, eyes.ends)
        if looked.state in IN_FLIGHT and looked.detail:
            eyes.say(f"{looked.step.kind}: {looked.detail}")
    except (NetworkError, UnknownChain) as error:
        eyes.say(f"unknown for now: {error.message}")


async def _look_for_prepared(record: PaymentRecord, eyes: _Eyes) -> PaymentRecord:
    """Finds prepared transactions that may have been signed elsewhere and sent by other means."""
    if not record.nonces_elsewhere or not record.meaning.open:
        return record
    try:
        found = await eyes.ends.find_prepared(record)
    except (NetworkError, NotFinal, UnknownChain) as error:
        eyes.say(f"unknown for now: {error.message}")
        return record
    for tx in found.transactions:
        if tx.state is TxState.SIGNED and tx not in record.transactions:
            eyes.say(f"{tx.step.kind} was sent by other means: {tx.hash}")
            await _look(tx, eyes)
    return eyes.journal.get(record.id)


async def _look_at_messages(record: PaymentRecord, eyes: _Eyes) -> PaymentRecord:
    bridge = eyes.bridge(record.terms.bridge)
    if not isinstance(bridge, SponsoredBridge):
        return record
    try:
        return await observe_messages(record, bridge, eyes.ends)
    except (NetworkError, UnknownChain) as error:
        eyes.say(f"unknown for now: {error.message}")
        return record


async def _look_at_proposal(record: PaymentRecord, eyes: _Eyes) -> PaymentRecord:
    try:
        await observe_proposal(eyes.journal.get(record.driven_by), eyes.ends)
    except (NetworkError, UnknownChain) as error:
        eyes.say(f"unknown for now: {error.message}")
    record = eyes.journal.get(record.id)
    if record.proposal and record.proposal.detail and record.meaning.open:
        eyes.say(f"the Safe's transaction: {record.proposal.detail}")
    return record


async def _look_at_order(record: PaymentRecord, order: OrderRecord, eyes: _Eyes) -> PaymentRecord:
    if record.proposal:
        return await _look_at_proposed_order(record, order, record.proposal, eyes)
    opening = next((tx for tx in record.steps if tx.step.kind is StepKind.OPEN), None)  # None: cancelled or sponsored
    if not record.sponsored and (opening is None or opening.state not in SUCCEEDED):
        return await _without_its_opening(record, order, opening, eyes)
    bridge = eyes.bridge(order.order.bridge)
    if bridge is None:
        return record
    if opening and order.state is OrderState.NOT_OPEN:
        # Requested together: the settlers' answer counts once the receipt shows the order.
        looking = asyncio.create_task(bridge.status(order.order, eyes.rpcs))
        try:
            record = await _see_opened(record, opening.chain_id, opening.hash, bridge, eyes)
            return await _follow_order(record, bridge, eyes, looking)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
    return await _follow_order(record, bridge, eyes)


async def _look_at_proposed_order(
    record: PaymentRecord, order: OrderRecord, proposal: ProposalRecord, eyes: _Eyes
) -> PaymentRecord:
    """The order that a Safe opens once its owners have signed."""
    bridge, chain_id = eyes.bridge(order.order.bridge), proposal.proposal.execution.chain_id
    if bridge is None:
        return record
    if order.state is OrderState.NOT_OPEN and proposal.state in {ProposalState.EXECUTED, ProposalState.FINAL}:
        record = await _see_opened(record, chain_id, proposal.tx_hash, bridge, eyes)
    elif order.state is OrderState.OPEN and proposal.state is ProposalState.PROPOSED:
        return eyes.journal.move_order(record, OrderState.NOT_OPEN, detail="its block is gone")
    return await _follow_order(record, bridge, eyes)


async def _without_its_opening(
    record: PaymentRecord, order: OrderRecord, opening: TxRecord | None, eyes: _Eyes
) -> PaymentRecord:
    """The opening transaction failed or was not found: the settler's storage decides, by the order id."""
    waits = opening is not None and opening.state in _NOT_YET
    if order.state is OrderState.NOT_OPEN and (waits or record.is_unsigned):
        return record
    bridge = eyes.bridge(order.order.bridge)
    if bridge is None:
        return record
    if await bridge.was_opened(order.order, eyes.rpcs.on(order.order.origin), "latest"):
        if order.state is OrderState.NOT_OPEN:
            await eyes.ends.see_opened(record)
            failpoint(Failpoint.ORDER_OPENED)
        return await _follow_order(eyes.journal.get(record.id), bridge, eyes)
    if order.state is not OrderState.NOT_OPEN:
        if waits and order.state is OrderState.OPEN:
            return eyes.journal.move_order(record, OrderState.NOT_OPEN, detail="its block is gone")
        return await _follow_order(record, bridge, eyes)
    status = await bridge.status(order.order, eyes.rpcs)
    return _at_fill(await eyes.ends.order(record, status)) if status.state is OrderState.FILLED else record


async def _see_opened(
    record: PaymentRecord, chain_id: ChainId, tx_hash: str, bridge: Bridge, eyes: _Eyes
) -> PaymentRecord:
    """Whether the mined transaction opened the payment's order."""
    assert record.order
    order = record.order.order
    try:
        receipt = await eyes.rpcs.on(chain_id).receipt(tx_hash)
    except NetworkError as error:
        eyes.say(f"unknown for now: {error.message}")
        return record
    if receipt is None:
        return record
    if not bridge.opened(order, receipt):
        words = f"{tx_hash} succeeded and did not open the order {order.order_id}"
        eyes.say(words)
        return eyes.journal.note_order(record, words)
    eyes.say(f"{order.bridge} holds the money; waiting for it to be paid out on the destination")
    record = eyes.journal.move_order(record, OrderState.OPEN)
    failpoint(Failpoint.ORDER_OPENED)
    return record


async def _follow_order(
    record: PaymentRecord, bridge: Bridge, eyes: _Eyes, looking: Awaitable[OrderStatus] | None = None
) -> PaymentRecord:
    """The settlers' answers about an order that was seen open; `looking` is a pending query."""
    order = record.order
    if order is None or order.state is OrderState.NOT_OPEN:
        return record
    status = await (looking or bridge.status(order.order, eyes.rpcs))
    match status.state:
        case OrderState.UNKNOWN | OrderState.NOT_OPEN:
            # It was seen open: a node without the order lags, and changes nothing.
            _say_words(status.detail, eyes)
            return record
        case OrderState.OPEN:
            record = eyes.ends.opened(record, status.detail)
        case OrderState.REFUND_DUE:
            record = _refund_due(record, order, status.detail, eyes.journal)
        case OrderState.FILLED | OrderState.REFUNDED:
            record = await eyes.ends.order(record, status)
    _say_words(record.order.detail if record.order else "", eyes)
    return _at_fill(record)


def _at_fill(record: PaymentRecord) -> PaymentRecord:
    if record.order and record.order.state is OrderState.FILLED:
        failpoint(Failpoint.ORDER_FILLED)
    return record


def _refund_due(record: PaymentRecord, order: OrderRecord, words: str, journal: Journal) -> PaymentRecord:
    if order.state is OrderState.REFUND_DUE:
        return journal.note_order(record, words)
    return journal.move_order(record, OrderState.REFUND_DUE, detail=words)


def _say_words(words: str, eyes: _Eyes) -> None:
    if words:
        eyes.say(words)


def _words(order: OrderRecord | None) -> str:
    return f" {order.detail}" if order and order.detail else ""
