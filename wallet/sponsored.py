"""Payments that a sponsor submits to the chain: the only code that signs messages and posts them.

The stages of such a payment, and why they are in this order:

    lock       one payment at a time per account: a permit sets an allowance, and its nonce is the account's next
    prepare    the messages would still do what was approved: nonces, allowance, balance, deadlines, by the chain
    sign       each message, after the guard has compared it with what was approved; all of them, or none
    journal    the signatures are committed to disk before anything leaves this machine
    post       these messages, repeatedly if needed, never others: it is one order, however often it is posted
    opened     seen on the origin, submitted by any account, or `expired`: not opened by the deadline; an operation is
               followed to its end, by its nonce: see operations.py

Nothing else is asked of the sponsor. It may accept the messages and do nothing, submit only the permit, or be late: the
chain accepts both by their deadline or not at all, and a payment never gets a second signature. So l2send waits for the
chain, by the chain's clock.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from l2send.core.bridge_protocol import Bridge, Opening, OpeningBridge, OpeningState, OrderState, SponsoredBridge
from l2send.core.errors import ConfigError, NetworkError, NotFinal, Refused
from l2send.core.plan import Order
from l2send.core.rpc import Rpcs
from l2send.core.text import in_words
from l2send.core.typed_data import TypedData
from l2send.wallet.before_signing import pin_chain, why_not_now
from l2send.wallet.broadcasting import Say
from l2send.wallet.ends import Ends
from l2send.wallet.failpoints import Failpoint, failpoint
from l2send.wallet.journal.protocol import ChangedMeanwhile, Journal
from l2send.wallet.journal.records import PaymentRecord, SponsoredRecord, TxRecord
from l2send.wallet.journal.states import TRANSITIONS, SponsoredState
from l2send.wallet.keys.signed import signer_of_typed
from l2send.wallet.keys.signer import Signer
from l2send.wallet.lock import account_lock
from l2send.wallet.operations import observe_operation
from l2send.wallet.what_moved import saying_what_moved

_AGAIN_AFTER_TAKEN = 30.0
_LONGEST_PAUSE = 15.0
_POSTED = frozenset({SponsoredState.SIGNED, SponsoredState.INDETERMINATE})
_UNDECIDED = _POSTED | {SponsoredState.EXECUTED}
_LOOKED_FOR = _POSTED | {SponsoredState.OPENED}


class MessageGuard(Protocol):
    """Called before every signature of a message; implemented by `l2send.guard`."""

    def check_message(self, record: PaymentRecord, data: TypedData) -> None:
        """Raises Refused for a message that does anything other than was approved."""
        ...


async def observe_messages(record: PaymentRecord, bridge: SponsoredBridge, ends: Ends) -> PaymentRecord:
    """Query the origin once, update messages and order, and return the record.

    Raises NetworkError, changing nothing.
    """
    messages = _messages(record)
    if record.order is None:
        return await observe_operation(record, ends)
    if not isinstance(bridge, OpeningBridge):
        return record
    order = record.order.order
    beyond = record.order and record.order.state not in {OrderState.NOT_OPEN, OrderState.OPEN}
    if messages.state not in _LOOKED_FOR or beyond:
        return record
    seen = await bridge.opening(order, messages.sponsored, ends.rpcs)
    try:
        if seen.state is OpeningState.OPENED:
            return _opened(record, messages, seen, ends.journal)
        return await _not_opened(record, messages, seen, ends)
    except ChangedMeanwhile:
        return ends.journal.get(record.id)


def _opened(record: PaymentRecord, messages: SponsoredRecord, seen: Opening, journal: Journal) -> PaymentRecord:
    if (messages.state, messages.opening_tx) != (SponsoredState.OPENED, seen.tx_hash):
        record = journal.move_sponsored(record, SponsoredState.OPENED, opening_tx=seen.tx_hash, block=seen.block)
        failpoint(Failpoint.MINED)
    return _order_opened(record, journal)


async def _not_opened(record: PaymentRecord, messages: SponsoredRecord, seen: Opening, ends: Ends) -> PaymentRecord:
    journal = ends.journal
    if messages.state is SponsoredState.SIGNED:
        if seen.state is OpeningState.USED_UP:
            words = "its nonce at Permit2 is used up, and no order of it is found"
            return journal.move_sponsored(record, SponsoredState.INDETERMINATE, detail=words)
        if seen.state is OpeningState.TOO_LATE:
            return await ends.messages(record, seen)
    elif seen.state is not OpeningState.USED_UP:
        record = _order_not_opened(record, journal)
        return journal.move_sponsored(record, SponsoredState.SIGNED, detail="the block it was in is gone")
    return record


def refuse_cancel(record: PaymentRecord) -> None:
    """Signed orders cannot be taken back without gas; they end by themselves. Raises Refused.

    For a signed operation see operations.step_to_take_back.
    """
    messages = _messages(record)
    if messages.state is SponsoredState.PLANNED or record.can_be_taken_back:
        return
    hint = f"It is void at {_clock(messages)}, if it is not opened by then." if messages.state in _POSTED else ""
    raise Refused(
        f"{record.id} is {in_words(record.state)}: what a sponsor has is not taken back without gas. "
        f"{record.meaning.money}",
        hint=hint,
        sent=record.moved,
    )


def cancel_of(record: PaymentRecord) -> TxRecord | None:
    """The account's own transaction that is to use up the nonce, if one is under way."""
    if record.sponsored is None:
        return None
    return next((tx for tx in record.revocations if TRANSITIONS[tx.outcome]), None)


def refuse_speedup(record: PaymentRecord) -> None:
    """The sender has no transaction whose fee could be raised, unless it takes an operation back. Raises Refused."""
    if cancel_of(record):
        return
    raise Refused(f"{record.id} is {in_words(record.state)}: its transactions are the sponsor's.", sent=record.moved)


def sponsoring(bridge: Bridge) -> SponsoredBridge:
    """`bridge`, which takes signed messages. Raises ConfigError for one that does not."""
    if not isinstance(bridge, SponsoredBridge):
        raise ConfigError(f"{bridge.name} takes no signed messages any more.")
    return bridge


@dataclass
class SponsoredExecutor:
    """Signs and posts the messages of one payment, and waits until its order is open or can never be."""

    journal: Journal
    rpcs: Rpcs
    signer: Signer | None
    """None for work that signs nothing: waiting, and posting existing signatures."""
    bridge: SponsoredBridge
    locks: Path
    guard: MessageGuard
    say: Say
    poll: float = 1.0
    """Seconds between polls of the chain, and before the messages are first posted again."""
    _next_post: float = field(default=0.0, init=False)
    _pause: float = field(default=0.0, init=False)
    _last_said: str = field(default="", init=False)

    @property
    def _ends(self) -> Ends:
        return Ends(self.journal, self.rpcs, {self.bridge.name: self.bridge})

    async def resume(self, payment_id: str, *, patience: float = 600.0) -> PaymentRecord:
        """Continue the payment until its order is open or can never be: `record.state` says which.

        Raises NotFinal after `patience` seconds; Refused, NetworkError or ConfigError if nothing was signed.
        """
        until = time.monotonic() + patience
        record = self.journal.get(payment_id)
        failpoint(Failpoint.PLANNED)
        messages = _messages(record)
        if messages.state is not SponsoredState.PLANNED and messages.state not in _UNDECIDED:
            return record
        with saying_what_moved(self.journal, record.id):
            async with account_lock(
                self.locks,
                record.terms.source,
                record.payment.sender,
                record.id,
                lambda other: self._tell(f"waiting for {other}, which uses the same account"),
                until - time.monotonic(),
                self.journal,
            ):
                failpoint(Failpoint.LOCKED)
                record = self.journal.get(record.id)
                if _messages(record).state is SponsoredState.PLANNED:
                    record = await self._sign(record)
                return await self._until_decided(record, until)

    async def _sign(self, record: PaymentRecord) -> PaymentRecord:
        """Sign all planned messages and commit the signatures. If anything raises here, nothing left this machine."""
        messages = _messages(record)
        signer = self._signer_of(record)
        rpc = self.rpcs.on(record.terms.source)
        await pin_chain(rpc)
        await self._refuse_if_void(record)
        signatures = list[bytes]()
        for message in messages.sponsored.messages:
            self.guard.check_message(record, message.data)
            self._tell(f"signing {message.kind} for {rpc.chain.name}: a message, no transaction")
            signature = signer.sign_typed(message.data)
            if signer_of_typed(message.data, signature) != record.payment.sender:
                raise Refused("the signature is not the sender's over what was approved; it was thrown away.")
            signatures.append(signature)
        failpoint(Failpoint.SIGNED)
        if reason := await why_not_now(record, self.rpcs):  # Signing takes time if a person holds a device.
            await self._ends.never_signed(record, reason)
            raise Refused(
                f"{record.id} was cancelled: after it was signed, {reason}. "
                "Its signatures were thrown away, and nothing was paid.",
                hint="Start a new payment to get a new quote.",
            )
        record = self.journal.record_messages_signed(record, signatures)
        failpoint(Failpoint.JOURNALED)
        return record

    async def why_void(self, record: PaymentRecord) -> str:
        """Why its messages must no longer be signed, or an empty string: see SponsoredBridge.why_not."""
        messages = _messages(record)
        if messages.state is not SponsoredState.PLANNED:
            return f"it is {in_words(record.state)}"
        why = await why_not_now(record, self.rpcs)
        return why or await self.bridge.why_not(_order(record), messages.sponsored, self.rpcs)

    async def _refuse_if_void(self, record: PaymentRecord) -> None:
        """Cancel a payment whose messages would no longer do what was approved: it is not resumed then."""
        if reason := await self.why_void(record):
            await self._ends.never_signed(record, reason)
            raise Refused(
                f"{record.id} was cancelled: {reason}. Nothing was signed, and nothing was paid.",
                hint="Start a new payment to get a new quote.",
            )

    def _signer_of(self, record: PaymentRecord) -> Signer:
        sender = record.payment.sender
        if self.signer is None:
            raise ConfigError(
                f"{record.id} needs a signature of {sender}, and no account was opened.",
                hint=f"Run `l2send resume {record.id}` with --account or --keystore.",
            )
        if self.signer.address != sender:
            raise ConfigError(f"{record.id} is paid by {sender}; the account opened is {self.signer.address}.")
        return self.signer

    async def _until_decided(self, record: PaymentRecord, until: float) -> PaymentRecord:
        """Post, and poll the chain, until the order is open or can never be. Raises NotFinal when time is up."""
        while True:
            try:
                record = await observe_messages(record, self.bridge, self._ends)
                if _messages(record).state not in _UNDECIDED:
                    return record
                record = await self._post(record)
            except NetworkError as error:
                self._tell(f"unknown for now: {error.message}")
            if time.monotonic() >= until:
                raise _not_open(record)
            await asyncio.sleep(min(self.poll, max(0.0, until - time.monotonic())))

    async def _post(self, record: PaymentRecord) -> PaymentRecord:
        """Post the messages to the sponsor, if it is time, and keep its answer. Not after the deadline."""
        messages = _messages(record)
        if time.monotonic() < self._next_post or messages.state not in _POSTED:
            return record
        deadline = messages.sponsored.open_deadline
        if deadline is not None and await self.rpcs.on(record.terms.source).time() > deadline:
            self._tell("too late to be opened; waiting until the chain has confirmed that it was not")
            return record
        self._pause = min(2 * self._pause or self.poll, _LONGEST_PAUSE)
        self._next_post = time.monotonic() + self._pause
        failpoint(Failpoint.BEFORE_BROADCAST)
        refusal = await self.bridge.post(_order(record), messages.sponsored, messages.signatures, self.rpcs)
        failpoint(Failpoint.AFTER_BROADCAST)
        if not refusal:
            self._next_post = time.monotonic() + _AGAIN_AFTER_TAKEN
        words = f"the sponsor refuses it: {refusal}" if refusal else f"the sponsor has it, until {_clock(messages)}"
        self._tell(words)
        try:
            record = self.journal.note_sponsored(record, words)
        except ChangedMeanwhile:
            record = self.journal.get(record.id)
        failpoint(Failpoint.BROADCAST)
        return record

    def _tell(self, sentence: str) -> None:
        """Report each sentence once, not at every poll."""
        if sentence != self._last_said:
            self._last_said = sentence
            self.say(sentence)


def _messages(record: PaymentRecord) -> SponsoredRecord:
    assert record.sponsored is not None, "a payment of steps is for the Executor"
    return record.sponsored


def _order(record: PaymentRecord) -> Order | None:
    return record.order.order if record.order else None


def _not_open(record: PaymentRecord) -> NotFinal:
    messages = _messages(record)
    if record.order is None:
        return NotFinal(
            f"{record.id} is {in_words(record.state)}: {messages.detail or 'it was not submitted to the chain yet'}.",
            hint="It can be submitted until its nonce is used; do not pay again before. "
            f"Run `l2send resume {record.id}` to follow it, or `l2send cancel {record.id}`, which needs gas.",
        )
    return NotFinal(
        f"{record.id} is {in_words(record.state)}: its order is not open. {messages.detail}".rstrip(),
        hint=f"It is opened by {_clock(messages)} or never; do not pay again before. "
        f"Run `l2send resume {record.id}` to follow it.",
    )


def _order_opened(record: PaymentRecord, journal: Journal) -> PaymentRecord:
    """Move the order to open: it is open exactly if the messages are opened."""
    assert record.order is not None
    return record if record.order.state is OrderState.OPEN else journal.move_order(record, OrderState.OPEN)


def _order_not_opened(record: PaymentRecord, journal: Journal) -> PaymentRecord:
    assert record.order is not None
    return record if record.order.state is OrderState.NOT_OPEN else journal.move_order(record, OrderState.NOT_OPEN)


def _clock(messages: SponsoredRecord) -> str:
    if messages.sponsored.open_deadline is None:
        return "its nonce is used"
    return f"{datetime.fromtimestamp(messages.sponsored.open_deadline, UTC):%H:%M:%S} UTC"
