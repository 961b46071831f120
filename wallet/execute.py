"""The only code that signs transactions and broadcasts them. Messages for a sponsor: see sponsored.py.

What a payment passes through, for each step, and why in this order:

    lock       one payment at a time per account: no nonce is given twice, no allowance is overwritten
    prepare    the right chain, in time, a nonce, a gas limit that succeeds, a balance that holds it all
    sign       then decode the signed bytes, and let the guard compare them with what was approved
    journal    committed to disk before anything leaves this machine
    broadcast  those bytes, again and again if need be, never others
    mined      the next step is signed on top of it; the lock is kept until the paying step is mined
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
from dataclasses import dataclass, field, replace
from pathlib import Path

from l2send.core.address import Address
from l2send.core.agreement import answers
from l2send.core.bridge import Bridge, OrderState
from l2send.core.deadlines import why_late
from l2send.core.errors import CannotPay, ConfigError, L2sendError, NetworkError, NotFinal, Refused, Sent, WrongChain
from l2send.core.plan import Step, StepKind
from l2send.core.rpc import BroadcastReply, Reply, Rpc, Rpcs
from l2send.core.units import ChainId, Nonce
from l2send.wallet.before_signing import (
    Price,
    TxGuard,
    affordable,
    pin_chain,
    why_not_now,
    why_order_is_late,
    why_too_late,
    why_unlike_pinned,
)
from l2send.wallet.ends import Ends
from l2send.wallet.failpoints import Failpoint, failpoint
from l2send.wallet.journal.protocol import ChangedMeanwhile, Journal
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.journal.states import ENDED, ENDED_IN_BLOCK, IN_BLOCK, SUCCEEDED, TRANSITIONS, TxState
from l2send.wallet.keys.signed import SignedTx, decode_signed
from l2send.wallet.keys.signer import Signer
from l2send.wallet.lock import account_lock
from l2send.wallet.nonces import choose, refuse_unless_prepared_so
from l2send.wallet.receipts import confirmations, is_known, observe
from l2send.wallet.replacement import Bid, refuse_unless_it_outbids

Renewal = Callable[[PaymentRecord], Awaitable[PaymentRecord]]
"""The payment on the terms of a new quote that costs no more. Raises Refused where there is none."""
Progress = Callable[[str], None]
"""Told one sentence at each turn of a payment."""

_AGAIN_AFTER_ACCEPTED = 30.0
_LONGEST_PAUSE = 15.0
_REFUSAL_PATIENCE = 30.0
_UNSEEN = frozenset({TxState.SIGNED, TxState.BROADCAST})
_SLOW_SIGNATURE = 5.0
"""Seconds between the checks and the signature after which they count as old."""
_PLANNED = frozenset({StepKind.TRANSFER, StepKind.APPROVE, StepKind.OPEN})
"""Kinds of steps that make a payment; others end it otherwise."""
_SENT_ORDER = (Sent.NO, Sent.MAYBE, Sent.YES)


@dataclass(slots=True)
class _Offers:
    """When the bytes of one transaction are handed to a node again, and to which."""

    pause: float
    next_at: float = 0.0
    endpoint: int = 0
    refused_since: float | None = None


@dataclass
class Executor:
    """Drives payments of the journal to their end. One per signer; payments of one account wait in line."""

    journal: Journal
    rpcs: Rpcs
    signer: Signer | None
    """None for work that signs nothing: waiting, and broadcasting bytes that exist."""
    locks: Path
    guard: TxGuard
    progress: Progress
    renew: Renewal | None = None
    """Asked where a quote runs out while an approval is mined; without it the payment is cancelled then."""
    bridges: Mapping[str, Bridge] = field(default_factory=dict[str, Bridge])
    """By name: whether an order is open is asked of its settler."""
    poll: float = 1.0
    """Seconds between two looks at a chain, and before bytes are first handed to the next endpoint."""
    _offers: dict[str, _Offers] = field(default_factory=dict[str, _Offers], init=False)
    _said: dict[str, str] = field(default_factory=dict[str, str], init=False)

    @property
    def _ends(self) -> Ends:
        return Ends(self.journal, self.rpcs, self.bridges)

    async def resume(self, payment_id: str, *, patience: float = 600.0) -> PaymentRecord:
        """Carry a payment on from wherever the journal says it stopped, which may be its very beginning.

        Returns it once every signed transaction is at its end: see `record.state` for which. Raises
        NotFinal after `patience` seconds; Refused, CannotPay, NetworkError or ConfigError where nothing
        more was signed. Every error's `sent` says whether money may have moved.
        """
        record = self.journal.get(payment_id)
        failpoint(Failpoint.PLANNED)
        return await self._drive(record, [tx.step_index for tx in record.steps], patience)

    async def find_sent(self, payment_id: str) -> None:
        """Journal as signed what was prepared and a node knows already: signed bytes can be sent past l2send.

        Before such a payment is called too late, or its nonce taken by another one. Sends nothing. Raises NetworkError,
        NotFinal where its nonce is used and it is not known yet by what.
        """
        await self._ends.find_prepared(self.journal.get(payment_id))
        for tx in self.journal.get(payment_id).steps:
            nonce, price = tx.step.nonce, tx.step.price
            if tx.state is not TxState.PLANNED or nonce is None or price is None:
                continue
            rpc = self.rpcs.on(tx.chain_id)
            if not await _counts_as_used(rpc, tx.sender, nonce):
                return
            signed = self._signed(self._signer_of(tx), tx, nonce, Price(tx.step.gas, price))
            if not await is_known(signed.hash, rpc):
                return
            self._say(f"{tx.step.kind} was sent to {rpc.chain.name} already: {signed.hash}")
            self.journal.record_signed(tx, nonce, signed.hash, signed.raw)

    async def hand_out(self, payment_id: str) -> None:
        """Sign the only step of a payment, commit it, and hand it to a node, without waiting for a block.

        The caller holds the account's lock: see window.py. Raises Refused, CannotPay, NetworkError or ConfigError
        where nothing was signed; NotFinal where nodes keep refusing the signed bytes.
        """
        record = self.journal.get(payment_id)
        (tx,) = record.steps
        failpoint(Failpoint.PLANNED)
        with self._saying_what_moved(record.id):
            await self._sign(record, tx)

    async def look(self, payment_id: str) -> PaymentRecord:
        """One look at every signed transaction of a payment; bytes that are in no block go out again in their time.

        Raises NotFinal where nodes keep refusing them.
        """
        with self._saying_what_moved(payment_id):
            for tx in self.journal.get(payment_id).steps:
                await self._look_at(payment_id, tx.step_index)
        return self.journal.get(payment_id)

    async def approve(self, payment_id: str, *, patience: float = 600.0) -> PaymentRecord:
        """Carry a payment on to where what pays is the next to be signed, by a quote that holds.

        Raises as `resume` does.
        """
        record, until = self.journal.get(payment_id), time.monotonic() + patience
        before = _before_paying(record)
        failpoint(Failpoint.PLANNED)
        with self._saying_what_moved(record.id):
            async with self._lock(record, record.terms.source, until):
                failpoint(Failpoint.LOCKED)
                while before and record.steps[-1].state is TxState.PLANNED:
                    await self._step_by_step(record, before, until)
                    renewed = await self._renewed(record, self.journal.get(record.id).steps[-1])
                    record, before = renewed or record, _before_paying(renewed) if renewed else []
        return self.journal.get(record.id)

    async def send_refund(
        self, payment_id: str, step: Step, *, again: bool = False, patience: float = 600.0
    ) -> PaymentRecord:
        """Send the transaction that brings an expired order's money back, or carry on the one under way.

        One that was planned before and never signed gives way to `step`, where that differs: what a refund costs moves.
        `again`: also where one was sent before, whose message was lost.
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
        refund = under_way or self.journal.add_refund(record.id, step)
        return await self._drive(record, [refund.step_index], patience)

    async def send_revocation(self, payment_id: str, step: Step, *, patience: float = 600.0) -> PaymentRecord:
        """Send the transaction that takes an allowance back, or carry on the one under way."""
        record = self.journal.get(payment_id)
        under_way = next((tx for tx in record.revocations if TRANSITIONS[tx.outcome]), None)
        revocation = under_way or self.journal.add_revocation(record.id, step)
        return await self._drive(record, [revocation.step_index], patience)

    async def replace(self, payment_id: str, bids: Sequence[Bid]) -> PaymentRecord:
        """Sign each of `bids` with the nonce of what it competes with, and hand it out; `resume` follows them all.

        The account's lock is not taken: whoever holds it may be waiting for the very transaction that is
        stuck, no new nonce is given out, and of two that do this at once the journal takes the first.
        Raises Refused, CannotPay, NetworkError or ConfigError where nothing more was signed.
        """
        record = self.journal.get(payment_id)
        with self._saying_what_moved(record.id):
            for bid in bids:
                await self._sign_again(record, bid)
        return self.journal.get(record.id)

    async def _drive(self, record: PaymentRecord, indexes: Sequence[int], patience: float) -> PaymentRecord:
        until = time.monotonic() + patience
        with self._saying_what_moved(record.id):
            if self._needs_lock(self._read(record.id, indexes)):
                indexes = await self._until_mined(record, indexes, until)
            await self._wait(record.id, indexes, _all_ended, until)
        failpoint(Failpoint.FINAL)
        return self.journal.get(record.id)

    @contextmanager
    def _saying_what_moved(self, payment_id: str) -> Iterator[None]:
        """Every error that leaves says whether money may have moved."""
        try:
            yield
        except L2sendError as error:
            error.sent = max(error.sent, self._moved(payment_id), key=_SENT_ORDER.index)
            raise

    def _moved(self, payment_id: str) -> Sent:
        """Whether money may have moved; a journal that cannot be read does not vouch that none did."""
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
        async with self._lock(record, self._read(record.id, indexes)[0].chain_id, until):
            failpoint(Failpoint.LOCKED)
            return await self._step_by_step(record, indexes, until)

    def _lock(self, record: PaymentRecord, chain_id: ChainId, until: float) -> AbstractAsyncContextManager[None]:
        return account_lock(
            self.locks,
            chain_id,
            record.payment.signer,
            record.id,
            lambda other: self._say(f"waiting for {other}, which uses the same account"),
            until - time.monotonic(),
        )

    async def _step_by_step(self, record: PaymentRecord, indexes: Sequence[int], until: float) -> Sequence[int]:
        for index in indexes:
            (tx,) = self._read(record.id, [index])
            if tx.state is TxState.PLANNED:
                renewed = await self._renewed(record, tx)
                if renewed:
                    paying = record.steps[-1].step_index in indexes
                    again = _before_paying(renewed) + ([renewed.steps[-1].step_index] if paying else [])
                    return await self._step_by_step(renewed, again, until)
                await self._sign(record, tx)
            elif all(one.state is TxState.SIGNED for one in self.journal.get(record.id).attempts(index)):
                await self._refuse_if_stale(tx)
            await self._wait(record.id, [i for i in indexes if i <= index], _last_settled, until)
            (tx,) = self._read(record.id, [index])
            if tx.outcome not in SUCCEEDED:
                return indexes
            failpoint(Failpoint.MINED)
        return indexes

    async def _renewed(self, record: PaymentRecord, tx: TxRecord) -> PaymentRecord | None:
        """The payment with a new quote, where the old one ran out after its approval; None while that holds.

        It is not asked for bytes that were fixed beforehand, nor where nothing was approved yet: that is planned anew.
        """
        record = self.journal.get(record.id)
        before = [step for step in record.steps if step.step_index < tx.step_index]
        approved = before and all(step.outcome in SUCCEEDED for step in before)
        if self.renew is None or record.order is None or not approved or tx.step.price or tx.step.kind not in _PLANNED:
            return None
        late = await why_too_late(record, self.rpcs)
        if not late:
            return None
        self._say(f"{late}: asking for a new one")
        try:
            renewed = await self.renew(record)
        except (CannotPay, Refused) as error:
            raise await self._cancelled(record, f"{late}, and no other is as good: {error.message}") from error
        self._say(f"the new quote takes {renewed.terms.pays}, no more than was approved")
        return renewed

    async def _sign(self, record: PaymentRecord, tx: TxRecord) -> None:
        """From planned to committed bytes. Whatever is raised here, this transaction was not sent."""
        signer = self._signer_of(tx)
        rpc = self.rpcs.on(tx.chain_id)
        await pin_chain(rpc)
        await self._refuse_if_overtaken(record, tx)
        choice = await choose(rpc, tx.sender, self.journal, self._is_stale)
        refuse_unless_prepared_so(tx, choice.nonce)
        for earlier in choice.first:
            self._say(f"handing {earlier.payment_id}, nonce {earlier.nonce}, to {rpc.chain.name} first")
            await self._offer(earlier, rpc)
        failpoint(Failpoint.NONCE_CHOSEN)
        cost = await affordable(tx, rpc, await self.guard.fee_cap(self.journal.get(record.id), tx, rpc))
        self._say(f"signing {tx.step.kind} on {rpc.chain.name}")
        began = time.time()
        signed = self._signed(signer, tx, choice.nonce, cost)
        await self._refuse_if_late_by_now(record, tx, began)
        tx = self.journal.record_signed(tx, choice.nonce, signed.hash, signed.raw)
        failpoint(Failpoint.JOURNALED)
        await self._offer(tx, rpc)

    async def _sign_again(self, record: PaymentRecord, bid: Bid) -> None:
        """Committed bytes that compete for a nonce. Whatever is raised here, they were not sent."""
        former = bid.former
        signer, rpc = self._signer_of(former), self.rpcs.on(former.chain_id)
        assert former.nonce is not None
        instead = f"Use `l2send cancel {record.id}`."
        await pin_chain(rpc)
        if bid.step.kind is StepKind.OPEN:
            reason = await why_order_is_late(record, self.rpcs) or await why_unlike_pinned(record, self.rpcs)
            if reason:
                raise Refused(f"{record.id} is not sped up: {reason}.", hint=instead)
        again = replace(former, step=bid.step)
        cost = await affordable(again, rpc, await self.guard.fee_cap(record, again, rpc))
        refuse_unless_it_outbids(former, cost)
        self._say(f"signing {bid.step.kind} on {rpc.chain.name} with the nonce {former.nonce} once more")
        signed = self._signed(signer, again, former.nonce, cost)
        if bid.step.kind is StepKind.OPEN and (reason := await why_order_is_late(record, self.rpcs)):
            raise Refused(f"{record.id} is not sped up: {reason}. The new signature was thrown away.", hint=instead)
        tx = self.journal.replace(former, bid.step, signed.hash, signed.raw)
        failpoint(Failpoint.JOURNALED)
        await self._offer(tx, rpc)

    def _signed(self, signer: Signer, tx: TxRecord, nonce: Nonce, cost: Price) -> SignedTx:
        """The step of `tx` as signed bytes, which were decoded again and passed the guard. Raises Refused."""
        signed = signer.sign(tx.chain_id, nonce, tx.step.tx, cost.gas, cost.price)
        said = decode_signed(signed.raw)
        if said.sender != tx.sender or not said.matches(nonce, tx.step.tx, cost.gas, cost.price):
            raise Refused("the signed bytes do not say what was approved; they were thrown away.")
        self.guard.check(self.journal.get(tx.payment_id), tx, said.tx)
        failpoint(Failpoint.SIGNED)
        return signed

    def _signer_of(self, tx: TxRecord) -> Signer:
        if self.signer is None:
            raise ConfigError(
                f"{tx.payment_id} needs a signature of {tx.sender}, and no account was opened.",
                hint=f"Run `l2send resume {tx.payment_id}` with --account or --keystore.",
            )
        if self.signer.address != tx.sender:
            raise ConfigError(f"{tx.payment_id} is paid by {tx.sender}; the account opened is {self.signer.address}.")
        return self.signer

    async def _refuse_if_overtaken(self, record: PaymentRecord, tx: TxRecord) -> None:
        """A payment that is late, or would call other code, is cancelled: nobody resumes it. Its approval may be left.

        A refund, or taking an allowance back, is sent in any case: it keeps money from the code that is there.
        """
        if tx.step.kind in _PLANNED and (reason := await why_not_now(record, self.rpcs)):
            raise await self._cancelled(record, reason)

    async def _refuse_if_late_by_now(self, record: PaymentRecord, tx: TxRecord, began: float) -> None:
        """Signing takes minutes where a person holds a device, and hours where a laptop sleeps: look again after it.

        For an order always; else only where signing took time. The bytes were not journaled, and nobody has them.
        """
        slow = abs(time.time() - began) > _SLOW_SIGNATURE
        if tx.step.kind not in _PLANNED or not (slow or tx.step.kind is StepKind.OPEN):
            return
        if reason := await why_too_late(self.journal.get(record.id), self.rpcs):
            raise await self._cancelled(record, f"while it was being signed it became too late: {reason}")

    async def _cancelled(self, record: PaymentRecord, reason: str) -> Refused:
        record = await self._ends.never_signed(record, reason)
        left = "An allowance it gave is left. " if record.left_allowed else ""
        take_back = f"Take the allowance back: l2send cancel {record.id}. " if left else ""
        return Refused(
            f"{record.id} was cancelled: {reason}. Nothing was paid. {left}".rstrip(),
            hint=f"{take_back}Pay anew to get a new quote.",
        )

    async def _is_stale(self, tx: TxRecord) -> bool:
        """Whether signed bytes that no node is known to have would open an order too late for it."""
        if tx.step.kind is not StepKind.OPEN:
            return False
        late = await why_order_is_late(self.journal.get(tx.payment_id), self.rpcs)
        return bool(late) and await self.rpcs.on(tx.chain_id).call("eth_getTransactionByHash", tx.hash) is None

    async def _refuse_if_stale(self, tx: TxRecord) -> None:
        tx = await observe(tx, self._ends)
        if tx.state is TxState.SIGNED and await self._is_stale(tx):
            raise self._stale(tx)

    def _stale(self, tx: TxRecord) -> NotFinal:
        return NotFinal(
            f"{tx.payment_id} was signed and not seen on chain, and its order is too late to be opened: "
            "it is not sent again.",
            hint=f"The next payment of this account takes its nonce {tx.nonce}, which ends it for good.",
        )

    async def _wait(
        self,
        payment_id: str,
        indexes: Sequence[int],
        done: Callable[[Sequence[TxRecord]], bool],
        until: float,
    ) -> None:
        """Look at the chain, and broadcast again, until `done`. Raises NotFinal when time is up."""
        while True:
            for index in indexes:
                await self._look_at(payment_id, index)
            txs = [tx for tx in self._read(payment_id, indexes) if tx.raw]
            if done(txs) or all(self.journal.get(payment_id).needs_no_waiting(tx.step_index) for tx in txs):
                return
            if time.monotonic() >= until:
                raise self._not_final(txs)
            await asyncio.sleep(min(self.poll, max(0.0, until - time.monotonic())))

    async def _look_at(self, payment_id: str, step_index: int) -> None:
        """One look at every transaction of a step.

        While none of them is in a block, the newest is offered again when its time has come. What it
        replaces is not: a node that has forgotten both would take a payment that was to be cancelled.
        """
        attempts = [tx for tx in self.journal.get(payment_id).attempts(step_index) if tx.raw]
        if not attempts or any(tx.state in ENDED_IN_BLOCK for tx in attempts):
            return
        rpc = self.rpcs.on(attempts[0].chain_id)
        try:
            looked = [await observe(tx, self._ends) for tx in reversed(attempts)]
            newest, taken = looked[0], any(tx.state in IN_BLOCK for tx in looked)
            if newest.state in _UNSEEN and not taken:
                if any(tx.state in IN_BLOCK for tx in attempts):
                    self._say(f"{rpc.chain.name} dropped the block: the same bytes go out again")
                    self._offers.pop(newest.hash, None)
                looked[0] = await self._offer(newest, rpc)
            for tx in reversed(looked):
                if not taken or tx.state in IN_BLOCK:
                    await self._tell(tx, rpc)
        except NetworkError as error:
            self._say(f"{rpc.chain.name} cannot be asked right now: {error.message}")

    async def _offer(self, tx: TxRecord, rpc: Rpc) -> TxRecord:
        """Hand the signed bytes to a node, if it is time. Raises NotFinal once all nodes keep refusing them."""
        offers = self._offers.setdefault(tx.hash, _Offers(self.poll))
        if time.monotonic() < offers.next_at:
            return tx
        if await self._too_late_to_offer(tx, offers):
            if tx.state is TxState.SIGNED:
                raise self._stale(tx)
            self._say(f"{tx.payment_id} is too late to be opened: it is not handed out again", about=tx.hash)
            offers.next_at = time.monotonic() + _LONGEST_PAUSE
            return tx
        failpoint(Failpoint.BEFORE_BROADCAST)
        try:
            answer = await rpc.broadcast(tx.raw, offers.endpoint)
        except WrongChain as error:  # Raised before anything was sent.
            answer = BroadcastReply(Reply.REFUSED, error.message)
        failpoint(Failpoint.AFTER_BROADCAST)
        _schedule(offers, answer.reply)
        tx = self._note_answer(tx, answer)
        failpoint(Failpoint.BROADCAST)
        if offers.refused_since is not None and tx.state is TxState.SIGNED:
            self._say(f"{rpc.chain.name} does not take the transaction: {answer.detail}")
            if time.monotonic() - offers.refused_since > _REFUSAL_PATIENCE:
                raise self._not_final([tx], f" {rpc.chain.name} refuses it: {answer.detail}")
        return tx

    async def _too_late_to_offer(self, tx: TxRecord, offers: _Offers) -> bool:
        """Whether handing out the bytes of an order, which no node is known to have, would lock money for nothing.

        The first time they were looked at right before, so that only a clock that jumped makes a difference.
        """
        order = self.journal.get(tx.payment_id).order if tx.step.kind is StepKind.OPEN else None
        if order is None or (offers.endpoint == 0 and not why_late(order.order, {})):
            return False
        return await self._is_stale(tx)

    def _note_answer(self, tx: TxRecord, answer: BroadcastReply) -> TxRecord:
        """No answer counts as sent. A refusal, or «nonce too low», leaves it to the next look at the chain."""
        try:
            if answer.reply not in (Reply.ACCEPTED, Reply.UNKNOWN):
                return self.journal.note_tx(tx, answer.detail)
            if tx.state is TxState.SIGNED:
                return self.journal.move_tx(tx, TxState.BROADCAST, detail=answer.detail)
        except ChangedMeanwhile:
            return self._read(tx.payment_id, [tx.index])[0]
        return tx

    async def _tell(self, tx: TxRecord, rpc: Rpc) -> None:
        name, kind = rpc.chain.name, tx.step.kind
        match tx.state:
            case TxState.BROADCAST:
                sentence = f"{kind} sent, waiting for {name}: {tx.hash}"
            case TxState.MINED:
                count, needed = await confirmations(tx, rpc), max(1, rpc.chain.confirmations)
                sentence = f"{kind} mined on {name}, {min(count, needed)} of {needed} confirmations"
                if count >= needed:
                    sentence = f"{sentence}; {tx.detail}"
            case TxState.REVERTING | TxState.INDETERMINATE:
                sentence = f"{kind} on {name}: {tx.detail}"
            case TxState.FINAL:
                sentence = f"{kind} final on {name}: {tx.hash}"
            case _:
                return
        self._say(sentence, about=tx.hash)

    def _not_final(self, txs: Sequence[TxRecord], reason: str = "") -> NotFinal:
        last = txs[-1]
        return NotFinal(
            f"{last.payment_id} is not final: its {last.step.kind} is {last.state}.{reason}",
            hint=f"Nothing is lost. Run `l2send resume {last.payment_id}` to carry it on; do not pay again.",
        )

    def _read(self, payment_id: str, indexes: Sequence[int]) -> list[TxRecord]:
        """Of each of these steps the transaction that decides."""
        record = self.journal.get(payment_id)
        return [record.at(index) for index in indexes]

    def _say(self, sentence: str, about: str = "") -> None:
        """Each sentence once, not at every look."""
        if sentence != self._said.get(about):
            self._said[about] = sentence
            self.progress(sentence)


async def _counts_as_used(rpc: Rpc, sender: Address, nonce: Nonce) -> bool:
    """Whether any endpoint counts the nonce as used, by a transaction in a block or one that waits."""
    counts = await answers(rpc, lambda one: one.nonces(sender))
    return any(max(both) > nonce for _, both in counts)


def _before_paying(record: PaymentRecord) -> list[int]:
    return [tx.step_index for tx in record.steps[:-1]]


def _all_ended(txs: Sequence[TxRecord]) -> bool:
    return all(tx.outcome in ENDED for tx in txs)


def _last_settled(txs: Sequence[TxRecord]) -> bool:
    """The last one is mined on top of the others, or will never be; none is signed if all were cancelled meanwhile."""
    return not txs or txs[-1].outcome in SUCCEEDED | ENDED


def _schedule(offers: _Offers, reply: Reply) -> None:
    """An accepted transaction is offered again rarely; each time to the next endpoint: one may take it and drop it."""
    now = time.monotonic()
    offers.endpoint += 1
    if reply is Reply.ACCEPTED:
        offers.next_at, offers.refused_since = now + _AGAIN_AFTER_ACCEPTED, None
        return
    offers.next_at = now + offers.pause
    offers.pause = min(2 * offers.pause, _LONGEST_PAUSE)
    if reply is Reply.REFUSED:
        offers.refused_since = now if offers.refused_since is None else offers.refused_since
    else:
        offers.refused_since = None
