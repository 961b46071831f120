"""Carries the journal's payments to an end state: signing.py signs, broadcasting.py broadcasts, ends.py proves.

Messages for a sponsor are in sponsored.py, what the owners of a Safe sign in proposals.py.

The stages of each step, and why they are in this order:

    lock       one payment at a time per account: no nonce is given twice, no allowance is overwritten
    prepare    the right chain, in time, a nonce, a gas limit that succeeds, a balance that holds it all
    sign       then decode the signed bytes, and let the guard compare them with what was approved
    journal    committed to disk before anything leaves this machine
    broadcast  those bytes, repeatedly if needed, never others
    mined      the next step is signed then, or before (behind_approval.py); the lock is held until what pays is mined
    final      as many confirmations as the chain needs; earlier steps are under it by then

The lock is released while a payment waits for confirmations: its nonces and its allowance are used up. The next step
may be signed before the earlier one is final. If a reorganisation removes the earlier one, the later one cannot be
mined without it, since its nonce is higher; the same bytes of both are broadcast again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from l2send.core.bridge_protocol import Bridge, OrderState
from l2send.core.concurrency import all_of
from l2send.core.errors import CannotPay, NetworkError, Refused
from l2send.core.plan import Step
from l2send.core.polling import pause_between_looks
from l2send.core.rpc import Rpcs
from l2send.wallet.before_signing import TxGuard, why_too_late
from l2send.wallet.broadcasting import Offering, Say, not_final
from l2send.wallet.ends import Ends
from l2send.wallet.failpoints import Failpoint, failpoint
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.journal.states import ENDED, ENDED_IN_BLOCK, IN_BLOCK, SUCCEEDED, TRANSITIONS, TxState
from l2send.wallet.keys.signer import Signer
from l2send.wallet.lock import account_lock
from l2send.wallet.looks_ahead import LooksAhead
from l2send.wallet.receipts import note_receipt, observe
from l2send.wallet.replacement import Bid
from l2send.wallet.sent_elsewhere import find_sent
from l2send.wallet.signing import PAYING_KINDS, Looks, Signing
from l2send.wallet.steps_in_a_row import sign_in_a_row
from l2send.wallet.tx_location import Head
from l2send.wallet.tx_notices import sentence_about
from l2send.wallet.what_moved import saying_what_moved

Renewal = Callable[[PaymentRecord], Awaitable[PaymentRecord]]
"""Requotes a payment: returns it with a new quote that costs no more. Raises Refused if there is none."""
_NEXT_ENDPOINT_AFTER = 1.0
"""Seconds before bytes that no node accepted are broadcast through the next endpoint."""
_UNSEEN = frozenset({TxState.SIGNED, TxState.BROADCAST})


@dataclass
class Executor:
    """Carries the journal's payments to an end state. One per signer; payments of one account wait in line."""

    journal: Journal
    rpcs: Rpcs
    signer: Signer | None
    """None for work that signs nothing: waiting, and broadcasting existing bytes."""
    locks: Path
    guard: TxGuard
    progress: Say
    renew: Renewal | None = None
    """Called when a quote expires while its approval is mined; without it the payment is cancelled."""
    bridges: Mapping[str, Bridge] = field(default_factory=dict[str, Bridge])
    """By name; used to query a settler about an order."""
    ahead: LooksAhead = field(default_factory=LooksAhead)
    poll: float | None = None
    """Seconds between polls of a chain, and before the next endpoint is tried; None: the chain's pace."""
    _said: dict[str, str] = field(default_factory=dict[str, str], init=False)

    def __post_init__(self) -> None:
        self._offering = Offering(self.journal, self.rpcs, self._say, self.poll or _NEXT_ENDPOINT_AFTER)

    @property
    def _ends(self) -> Ends:
        return Ends(self.journal, self.rpcs, self.bridges)

    @property
    def _signing(self) -> Signing:
        return Signing(self.journal, self.rpcs, self.signer, self.guard, self._ends, self._offering, self._say)

    async def resume(
        self, payment_id: str, *, patience: float = 600.0, beside: Callable[[], Awaitable[object]] | None = None
    ) -> PaymentRecord:
        """Continue a payment where the journal says it stopped; it may not have started.

        `beside` runs while mined transactions wait for confirmations: it follows the order. Returns the record once
        every signed transaction is in an end state; `record.state` says which. Raises NotFinal after `patience`
        seconds; Refused, CannotPay, NetworkError or ConfigError if nothing more was signed. Every error's `sent` says
        whether money may have moved.
        """
        record = self.journal.get(payment_id)
        failpoint(Failpoint.PLANNED)
        indexes = [tx.step_index for tx in (*record.steps, *record.sent_executions)]
        return await self.drive(record, indexes, patience, beside)

    async def find_sent(self, payment_id: str) -> None:
        """Record as signed a prepared transaction that a node already knows because it was sent by other means.

        Called before such a payment is declared too late, or its nonce is given to another payment. Sends nothing.
        Raises NetworkError, and NotFinal if its nonce is used and the transaction that used it is not known yet.
        """
        await find_sent(payment_id, self._signing)

    async def look_ahead(self, payment_ids: Sequence[str]) -> dict[str, Looks]:
        """Prefetch the `Looks` for signing the only step of each of these payments of one account."""
        looks = await self._signing.look_at_many([self.journal.get(payment_id) for payment_id in payment_ids])
        return dict(zip(payment_ids, looks, strict=True))

    async def look_before(self, payment_id: str) -> None:
        """Prefetch what a payment's next signature depends on: `resume` and `approve` use it while it is fresh.

        The state of its approval transactions is queried again beside it.
        """
        record = self.journal.get(payment_id)
        mined = [tx.step_index for tx in record.steps if tx.state is TxState.MINED]
        await asyncio.gather(self.ahead.ask(record, self._signing), *(self._look_at(record.attempts(i)) for i in mined))

    async def sign_only(self, payment_id: str, looks: Looks) -> TxRecord:
        """Sign the only step of a payment and commit it to the journal. `offer` broadcasts it.

        The caller holds the account's lock: see nonce_window.py. Raises Refused, CannotPay, NetworkError or
        ConfigError if nothing was signed.
        """
        record = self.journal.get(payment_id)
        failpoint(Failpoint.PLANNED)
        with saying_what_moved(self.journal, record.id):
            return await self._signing.sign_and_commit(record, record.steps[0], looks)

    async def offer(self, tx: TxRecord) -> None:
        """Broadcast signed bytes, if it is time. Raises NotFinal if nodes keep refusing them."""
        with saying_what_moved(self.journal, tx.payment_id):
            await self._offering.offer(tx, self.rpcs.on(tx.chain_id))

    async def look(self, payment_id: str, head: Awaitable[Head] | None = None) -> PaymentRecord:
        """Query every signed transaction of a payment once; bytes in no block are rebroadcast when it is time.

        `head` is a pending request for the newest block, shared by queries. Raises NotFinal if nodes keep refusing
        bytes.
        """
        with saying_what_moved(self.journal, payment_id):
            record = self.journal.get(payment_id)
            for tx in record.steps:
                await self._look_at(record.attempts(tx.step_index), head)
        return self.journal.get(payment_id)

    async def approve(self, payment_id: str, *, patience: float = 600.0) -> PaymentRecord:
        """Continue a payment until its paying step is the next to be signed, with a quote that holds.

        Raises as `resume` does.
        """
        record, until = self.journal.get(payment_id), time.monotonic() + patience
        before = _before_paying(record)
        failpoint(Failpoint.PLANNED)
        with saying_what_moved(self.journal, record.id):
            async with self._lock(record, record.steps[0], until):
                failpoint(Failpoint.LOCKED)
                while before and record.steps[-1].state is TxState.PLANNED:
                    await self._step_by_step(record, before, until)
                    renewed = await self._renewed(record, self.journal.get(record.id).steps[-1])
                    record, before = renewed or record, _before_paying(renewed) if renewed else []
        return self.journal.get(record.id)

    async def send_refund(
        self, payment_id: str, step: Step, *, again: bool = False, patience: float = 600.0
    ) -> PaymentRecord:
        """Send the transaction that refunds an expired order, or continue the one that was sent.

        A planned refund that was never signed is replaced by `step` if they differ, since the cost of a refund changes.
        `again`: send another even if one was sent before, whose message was lost.
        """
        record = self.journal.get(payment_id)
        if record.order is None or record.order.state is not OrderState.REFUND_DUE:
            raise Refused(f"no refund of {record.id} is due: it is {record.state}.")
        if not again and any(tx.outcome is TxState.FINAL for tx in record.refunds):
            return record
        under_way = next((tx for tx in record.refunds if TRANSITIONS[tx.outcome]), None)
        if under_way and under_way.state is TxState.PLANNED and under_way.step != step:
            await self._ends.never_signed(record, "asked for again, at today's cost", by_sender=True)
            under_way = None
        sender = self.signer.address if record.proposal and self.signer else None
        refund = under_way or self.journal.add_refund(record.id, step, sender)
        return await self.drive(record, [refund.step_index], patience)

    async def send_revocation(self, payment_id: str, step: Step, *, patience: float = 600.0) -> PaymentRecord:
        """Send the transaction that revokes an allowance, or continue the one that was sent."""
        record = self.journal.get(payment_id)
        under_way = next((tx for tx in record.revocations if TRANSITIONS[tx.outcome]), None)
        revocation = under_way or self.journal.add_revocation(record.id, step)
        return await self.drive(record, [revocation.step_index], patience)

    async def replace(self, payment_id: str, bids: Sequence[Bid]) -> PaymentRecord:
        """Sign each of `bids` with the nonce of its competitor, and broadcast it; `resume` follows them all.

        The account's lock is not taken: its holder may be waiting for the stuck transaction. No new nonce is allocated,
        and if two processes replace at once the journal accepts the first. Raises Refused, CannotPay, NetworkError or
        ConfigError if nothing more was signed.
        """
        record = self.journal.get(payment_id)
        with saying_what_moved(self.journal, record.id):
            for bid in bids:
                tx = await self._signing.sign_again(record, bid)
                await self._offering.offer(tx, self.rpcs.on(tx.chain_id))
        return self.journal.get(record.id)

    async def drive(
        self,
        record: PaymentRecord,
        indexes: Sequence[int],
        patience: float,
        beside: Callable[[], Awaitable[object]] | None = None,
    ) -> PaymentRecord:
        """Carry these steps of a payment to an end state, one after another. Raises as `resume` does."""
        until = time.monotonic() + patience
        with saying_what_moved(self.journal, record.id):
            if self._needs_lock(self._read(record.id, indexes)):
                indexes = await self._until_mined(record, indexes, until)
            await all_of(self._until_ended(record.id, indexes, until), *([beside()] if beside else []))
        return self.journal.get(record.id)

    async def _until_ended(self, payment_id: str, indexes: Sequence[int], until: float) -> None:
        await self._wait(payment_id, indexes, _all_ended, until)
        failpoint(Failpoint.FINAL)

    @staticmethod
    def _needs_lock(txs: Sequence[TxRecord]) -> bool:
        """False if only confirmations are awaited, or a step before the last failed."""
        for tx in txs:
            if tx.outcome in ENDED and tx.outcome is not TxState.FINAL:
                return False
        return any(tx.state not in IN_BLOCK for tx in txs)

    async def _until_mined(self, record: PaymentRecord, indexes: Sequence[int], until: float) -> Sequence[int]:
        """Sign planned steps and broadcast signed ones, in order, until the last one is mined.

        Returns the step indexes; a new quote may have added steps.
        """
        async with self._lock(record, self._read(record.id, indexes)[0], until):
            failpoint(Failpoint.LOCKED)
            return await self._step_by_step(record, indexes, until)

    def _lock(self, record: PaymentRecord, tx: TxRecord, until: float) -> AbstractAsyncContextManager[None]:
        patience = until - time.monotonic()
        return account_lock(self.locks, tx.chain_id, tx.sender, record.id, self._say_waiting, patience, self.journal)

    def _say_waiting(self, other: str) -> None:
        self._say(f"waiting for {other}, which uses the same account")

    async def _step_by_step(self, record: PaymentRecord, indexes: Sequence[int], until: float) -> Sequence[int]:
        left = list(indexes)
        while left:
            count, (tx, *later) = 1, self._read(record.id, left)
            if tx.state is TxState.PLANNED:
                looks = self.ahead.take(tx, self.journal)
                renewed = None if looks and looks.reason == "" else await self._renewed(record, tx)
                if renewed:
                    paying = record.steps[-1].step_index in indexes
                    again = _before_paying(renewed) + ([renewed.steps[-1].step_index] if paying else [])
                    return await self._step_by_step(renewed, again, until)
                count = await sign_in_a_row(record, tx, later, self._signing, self._offering, looks)
            elif all(one.state is TxState.SIGNED for one in self.journal.get(record.id).attempts(tx.step_index)):
                await self._signing.refuse_if_stale(tx)
            in_flight, left = left[:count], left[count:]
            await self._wait(record.id, [i for i in indexes if i <= in_flight[-1]], _last_settled, until)
            if self._read(record.id, in_flight)[-1].outcome not in SUCCEEDED:
                return indexes
            for _ in in_flight:
                failpoint(Failpoint.MINED)
        return indexes

    async def _renewed(self, record: PaymentRecord, tx: TxRecord) -> PaymentRecord | None:
        """The payment with a new quote if the old one expired after the approval; None while that is valid.

        None is requested for a prepared transaction, or before an approval was sent: plan again instead.
        """
        record = self.journal.get(record.id)
        before = [step for step in record.steps if step.step_index < tx.step_index]
        approved = before and all(step.outcome in SUCCEEDED for step in before)
        fixed = record.order is None or tx.step.price or tx.step.kind not in PAYING_KINDS
        if self.renew is None or fixed or not approved:
            return None
        late = await why_too_late(record, self.rpcs)
        if not late:
            return None
        self._say(f"{late}: asking for a new one")
        try:
            renewed = await self.renew(record)
        except (CannotPay, Refused) as error:
            raise await self._signing.cancelled(record, f"{late}, and no other is as good: {error.message}") from error
        self._say(f"the new quote takes {renewed.terms.pays}, no more than was approved")
        return renewed

    async def _wait(
        self,
        payment_id: str,
        indexes: Sequence[int],
        done: Callable[[Sequence[TxRecord]], bool],
        until: float,
    ) -> None:
        """Poll the chain, and rebroadcast, until `done`. Raises NotFinal when time is up."""
        if self._note_receipts(payment_id, indexes) and done(self._read(payment_id, indexes)):
            return
        while True:
            # Once mined, the next step can be signed and the order followed: the proof is requested beside these.
            record, prove = self.journal.get(payment_id), done is not _last_settled
            await asyncio.gather(*(self._look_at(record.attempts(i), prove=prove) for i in indexes))
            txs = [tx for tx in self._read(payment_id, indexes) if tx.raw]
            if done(txs) or all(self.journal.get(payment_id).needs_no_waiting(tx.step_index) for tx in txs):
                return
            if time.monotonic() >= until:
                raise not_final(txs)
            pause = self.poll or pause_between_looks(self.rpcs.on(txs[0].chain_id).chain)
            await asyncio.sleep(min(pause, max(0.0, until - time.monotonic())))

    def _note_receipts(self, payment_id: str, indexes: Sequence[int]) -> bool:
        """Whether the broadcast's reply included a receipt: the step is in a block then; `_look_at` proves it."""
        came = [(tx, self._offering.receipt_of(tx)) for tx in self._read(payment_id, indexes) if tx.raw]
        noted = [note_receipt(tx, self._ends, receipt) for tx, receipt in came if receipt]
        return any(noted)

    async def _look_at(
        self, found: Sequence[TxRecord], head: Awaitable[Head] | None = None, *, prove: bool = True
    ) -> None:
        """Query every transaction of a step once. Without `prove` its success is left for the next query to prove.

        While none is in a block, the newest is broadcast again when it is time. The one it replaces is not: a node that
        dropped both would accept a payment that you cancelled.
        """
        attempts = [tx for tx in found if tx.raw]
        if not attempts or any(tx.state in ENDED_IN_BLOCK for tx in attempts):
            return
        rpc = self.rpcs.on(attempts[0].chain_id)
        try:
            looked = [await self._observe(tx, head, prove=prove) for tx in reversed(attempts)]
            newest, taken = looked[0], any(tx.state in IN_BLOCK for tx in looked)
            if newest.state in _UNSEEN and not taken:
                if any(tx.state in IN_BLOCK for tx in attempts):
                    self._say(f"{rpc.chain.name} dropped the block: the same bytes go out again")
                    self._offering.at_once(newest)
                looked[0] = await self._offering.offer(newest, rpc)
            for tx in reversed(looked) if head is None else ():  # Not for each of many payments.
                if not taken or tx.state in IN_BLOCK:
                    self._say(await sentence_about(tx, rpc, count=prove), about=tx.hash)
        except NetworkError as error:
            self._say(f"{rpc.chain.name} cannot be asked right now: {error.message}")

    async def _observe(self, tx: TxRecord, head: Awaitable[Head] | None, *, prove: bool) -> TxRecord:
        later = None if prove else partial(self._offering.keep_receipt, tx)
        return await observe(tx, self._ends, self._offering.take_receipt(tx), later, head)

    def _read(self, payment_id: str, indexes: Sequence[int]) -> list[TxRecord]:
        """For each of these steps, the transaction that decides its state."""
        record = self.journal.get(payment_id)
        return [record.at(index) for index in indexes]

    def _say(self, sentence: str, about: str = "") -> None:
        """Report each sentence once, not at every poll."""
        if sentence and sentence != self._said.get(about):
            self._said[about] = sentence
            self.progress(sentence)


def _before_paying(record: PaymentRecord) -> list[int]:
    return [tx.step_index for tx in record.steps[:-1]]


def _all_ended(txs: Sequence[TxRecord]) -> bool:
    return all(tx.outcome in ENDED for tx in txs)


def _last_settled(txs: Sequence[TxRecord]) -> bool:
    """Whether the last step is mined or never will be; if all were cancelled meanwhile, nothing more is signed."""
    return not txs or txs[-1].outcome in SUCCEEDED | ENDED
