"""Drives payments of the journal to their end: signing.py signs, offering.py broadcasts, ends.py says what has ended.

Messages for a sponsor: see sponsored.py. What the owners of a Safe sign: see proposals.py.

What a payment passes through, for each step, and why in this order:

    lock       one payment at a time per account: no nonce is given twice, no allowance is overwritten
    prepare    the right chain, in time, a nonce, a gas limit that succeeds, a balance that holds it all
    sign       then decode the signed bytes, and let the guard compare them with what was approved
    journal    committed to disk before anything leaves this machine
    broadcast  those bytes, repeatedly if needed, never others
    mined      the next step is signed on it, or right behind it (behind.py); the lock is held until what pays is mined
    final      as many confirmations as the chain needs; earlier steps are under it by then

The lock is not held while a payment waits for confirmations: its nonces are used up, and its allowance.
An earlier step need not be final before the next is signed. Should a reorganisation take the earlier one
back, the later one has the higher nonce and cannot be mined without it; the same bytes of both go out again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from l2send.core.bridge import Bridge, OrderState
from l2send.core.errors import CannotPay, ConfigError, L2sendError, NetworkError, Refused, Sent
from l2send.core.pace import pause_between_looks
from l2send.core.plan import Step
from l2send.core.rpc import Rpcs
from l2send.core.side_by_side import all_of
from l2send.wallet.before_signing import TxGuard, why_too_late
from l2send.wallet.ends import Ends
from l2send.wallet.failpoints import Failpoint, failpoint
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.journal.states import ENDED, ENDED_IN_BLOCK, IN_BLOCK, SUCCEEDED, TRANSITIONS, TxState
from l2send.wallet.keys.signer import Signer
from l2send.wallet.lock import account_lock
from l2send.wallet.looks_ahead import LooksAhead
from l2send.wallet.offering import Offering, Say, not_final
from l2send.wallet.receipts import note_receipt, observe
from l2send.wallet.replacement import Bid
from l2send.wallet.sent_elsewhere import find_sent
from l2send.wallet.sight import Head
from l2send.wallet.signing import PAYING_KINDS, Looks, Signing
from l2send.wallet.steps_in_a_row import sign_in_a_row
from l2send.wallet.telling import sentence_about

Renewal = Callable[[PaymentRecord], Awaitable[PaymentRecord]]
"""The payment on the terms of a new quote that costs no more. Raises Refused if there is none."""
_NEXT_ENDPOINT_AFTER = 1.0
"""Seconds before bytes that were not accepted are handed to the next endpoint."""
_UNSEEN = frozenset({TxState.SIGNED, TxState.BROADCAST})
_SENT_ORDER = (Sent.NO, Sent.MAYBE, Sent.YES)


@dataclass
class Executor:
    """Drives payments of the journal to their end. One per signer; payments of one account wait in line."""

    journal: Journal
    rpcs: Rpcs
    signer: Signer | None
    """None for work that signs nothing: waiting, and broadcasting bytes that exist."""
    locks: Path
    guard: TxGuard
    progress: Say
    renew: Renewal | None = None
    """Called when a quote expires while its approval is mined; without it the payment is cancelled."""
    bridges: Mapping[str, Bridge] = field(default_factory=dict[str, Bridge])
    """By name; used to ask a settler whether an order is open."""
    ahead: LooksAhead = field(default_factory=LooksAhead)
    poll: float | None = None
    """Seconds between two looks at a chain, and before bytes are first handed to the next endpoint; None: its pace."""
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
        """Continue a payment where the journal says it stopped, which may be its very beginning.

        `beside` is done while what is mined waits for its confirmations: an order is followed meanwhile.
        Returns it once every signed transaction is at its end: see `record.state` for which. Raises
        NotFinal after `patience` seconds; Refused, CannotPay, NetworkError or ConfigError where nothing
        more was signed. Every error's `sent` says whether money may have moved.
        """
        record = self.journal.get(payment_id)
        failpoint(Failpoint.PLANNED)
        indexes = [tx.step_index for tx in (*record.steps, *record.sent_executions)]
        return await self.drive(record, indexes, patience, beside)

    async def find_sent(self, payment_id: str) -> None:
        """Journal as signed a prepared transaction that a node already knows: its signed bytes were sent by other
        means.

        Called before such a payment is called too late, or its nonce is given to another payment. Sends nothing. Raises
        NetworkError, and NotFinal if its nonce is used and it is not known yet by what.
        """
        await find_sent(payment_id, self._signing)

    async def look_ahead(self, payment_ids: Sequence[str]) -> dict[str, Looks]:
        """What signing the only step of each of these payments of one account depends on, asked before their turns."""
        looks = await self._signing.look_at_many([self.journal.get(payment_id) for payment_id in payment_ids])
        return dict(zip(payment_ids, looks, strict=True))

    async def look_before(self, payment_id: str) -> None:
        """Ask for what a payment's next signature depends on: `resume` and `approve` sign by it, if soon enough.

        Beside it, what was approved before is looked at once more.
        """
        record = self.journal.get(payment_id)
        mined = [tx.step_index for tx in record.steps if tx.state is TxState.MINED]
        await asyncio.gather(self.ahead.ask(record, self._signing), *(self._look_at(payment_id, i) for i in mined))

    async def sign_only(self, payment_id: str, looks: Looks) -> TxRecord:
        """Sign the only step of a payment and commit it. `offer` hands it out.

        The caller holds the account's lock: see window.py. Raises Refused, CannotPay, NetworkError or ConfigError
        where nothing was signed.
        """
        record = self.journal.get(payment_id)
        failpoint(Failpoint.PLANNED)
        with self._saying_what_moved(record.id):
            return await self._signing.sign_and_commit(record, record.steps[0], looks)

    async def offer(self, tx: TxRecord) -> None:
        """Hand signed bytes to a node, if it is time. Raises NotFinal where nodes keep refusing them."""
        with self._saying_what_moved(tx.payment_id):
            await self._offering.offer(tx, self.rpcs.on(tx.chain_id))

    async def look(self, payment_id: str, head: Awaitable[Head] | None = None) -> PaymentRecord:
        """Look once at every signed transaction of a payment; bytes that are in no block go out again when it is time.

        `head` is being asked for, for many looks at one chain. Raises NotFinal where nodes keep refusing them.
        """
        with self._saying_what_moved(payment_id):
            for tx in self.journal.get(payment_id).steps:
                await self._look_at(payment_id, tx.step_index, head)
        return self.journal.get(payment_id)

    async def approve(self, payment_id: str, *, patience: float = 600.0) -> PaymentRecord:
        """Continue a payment until its paying step is the next to be signed, with a quote that holds.

        Raises as `resume` does.
        """
        record, until = self.journal.get(payment_id), time.monotonic() + patience
        before = _before_paying(record)
        failpoint(Failpoint.PLANNED)
        with self._saying_what_moved(record.id):
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
        """Send the transaction that brings an expired order's money back, or continue the one under way.

        A refund that was planned before and never signed is replaced by `step` if they differ: the cost of a refund
        changes. `again`: also if one was sent before and its message was lost.
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
        """Send the transaction that takes an allowance back, or continue the one under way."""
        record = self.journal.get(payment_id)
        under_way = next((tx for tx in record.revocations if TRANSITIONS[tx.outcome]), None)
        revocation = under_way or self.journal.add_revocation(record.id, step)
        return await self.drive(record, [revocation.step_index], patience)

    async def replace(self, payment_id: str, bids: Sequence[Bid]) -> PaymentRecord:
        """Sign each of `bids` with the nonce of what it competes with, and hand it out; `resume` follows them all.

        The account's lock is not taken: its holder may be waiting for the very transaction that is
        stuck, no new nonce is given out, and of two that do this at once the journal takes the first.
        Raises Refused, CannotPay, NetworkError or ConfigError where nothing more was signed.
        """
        record = self.journal.get(payment_id)
        with self._saying_what_moved(record.id):
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
        """Carry these steps of a payment on to their ends, one after another. Raises as `resume` does."""
        until = time.monotonic() + patience
        with self._saying_what_moved(record.id):
            if self._needs_lock(self._read(record.id, indexes)):
                indexes = await self._until_mined(record, indexes, until)
            await all_of(self._until_ended(record.id, indexes, until), *([beside()] if beside else []))
        return self.journal.get(record.id)

    async def _until_ended(self, payment_id: str, indexes: Sequence[int], until: float) -> None:
        await self._wait(payment_id, indexes, _all_ended, until)
        failpoint(Failpoint.FINAL)

    @contextmanager
    def _saying_what_moved(self, payment_id: str) -> Iterator[None]:
        """Every error that leaves says whether money may have moved."""
        try:
            yield
        except L2sendError as error:
            error.sent = max(error.sent, self._moved(payment_id), key=_SENT_ORDER.index)
            raise

    def _moved(self, payment_id: str) -> Sent:
        """Whether money may have moved; if the journal cannot be read, it may."""
        try:
            return self.journal.get(payment_id).moved
        except ConfigError:
            return Sent.MAYBE

    @staticmethod
    def _needs_lock(txs: Sequence[TxRecord]) -> bool:
        """Not for a payment that only waits for confirmations, nor for one that failed before its last step."""
        for tx in txs:
            if tx.outcome in ENDED and tx.outcome is not TxState.FINAL:
                return False
        return any(tx.state not in IN_BLOCK for tx in txs)

    async def _until_mined(self, record: PaymentRecord, indexes: Sequence[int], until: float) -> Sequence[int]:
        """Sign what is planned, broadcast what is signed, step after step, until the last one is mined.

        Returns the steps, to which a new quote may have added.
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
        """The payment with a new quote if the old one expired after its approval; None while the old one holds.

        None is requested for prepared transactions, nor before anything was approved: that payment is planned again.
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
        """Look at the chain, and broadcast again, until `done`. Raises NotFinal when time is up."""
        if self._note_receipts(payment_id, indexes) and done(self._read(payment_id, indexes)):
            return
        while True:
            # What is mined lets the next step be signed, and an order be followed: its proof is asked beside these.
            await asyncio.gather(*(self._look_at(payment_id, i, prove=done is not _last_settled) for i in indexes))
            txs = [tx for tx in self._read(payment_id, indexes) if tx.raw]
            if done(txs) or all(self.journal.get(payment_id).needs_no_waiting(tx.step_index) for tx in txs):
                return
            if time.monotonic() >= until:
                raise not_final(txs)
            pause = self.poll or pause_between_looks(self.rpcs.on(txs[0].chain_id).chain)
            await asyncio.sleep(min(pause, max(0.0, until - time.monotonic())))

    def _note_receipts(self, payment_id: str, indexes: Sequence[int]) -> bool:
        """Whether a receipt came with the answer to a broadcast: its step is in a block then, as `_look_at` proves."""
        came = [(tx, self._offering.receipt_of(tx)) for tx in self._read(payment_id, indexes) if tx.raw]
        noted = [note_receipt(tx, self._ends, receipt) for tx, receipt in came if receipt]
        return any(noted)

    async def _look_at(
        self, payment_id: str, step_index: int, head: Awaitable[Head] | None = None, *, prove: bool = True
    ) -> None:
        """One look at every transaction of a step; not `prove`: its success is proven by the next look.

        While none of them is in a block, the newest is offered again when it is time. The one it replaces
        is not: a node that has forgotten both would accept a payment that you cancelled.
        """
        attempts = [tx for tx in self.journal.get(payment_id).attempts(step_index) if tx.raw]
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
            for tx in reversed(looked) if head is None else ():  # Of many, each step in words is too much.
                if not taken or tx.state in IN_BLOCK:
                    self._say(await sentence_about(tx, rpc, count=prove), about=tx.hash)
        except NetworkError as error:
            self._say(f"{rpc.chain.name} cannot be asked right now: {error.message}")

    async def _observe(self, tx: TxRecord, head: Awaitable[Head] | None, *, prove: bool) -> TxRecord:
        later = None if prove else partial(self._offering.keep_receipt, tx)
        return await observe(tx, self._ends, self._offering.take_receipt(tx), later, head)

    def _read(self, payment_id: str, indexes: Sequence[int]) -> list[TxRecord]:
        """For each of these steps the transaction that decides."""
        record = self.journal.get(payment_id)
        return [record.at(index) for index in indexes]

    def _say(self, sentence: str, about: str = "") -> None:
        """Report each sentence once, not at every look."""
        if sentence and sentence != self._said.get(about):
            self._said[about] = sentence
            self.progress(sentence)


def _before_paying(record: PaymentRecord) -> list[int]:
    return [tx.step_index for tx in record.steps[:-1]]


def _all_ended(txs: Sequence[TxRecord]) -> bool:
    return all(tx.outcome in ENDED for tx in txs)


def _last_settled(txs: Sequence[TxRecord]) -> bool:
    """Whether the last step is mined or never will be; no step is signed if all were cancelled meanwhile."""
    return not txs or txs[-1].outcome in SUCCEEDED | ENDED
