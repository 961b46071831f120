"""A worker takes approved lines from the queue, plans them within their caps, pays them and follows them.

Any number of workers share a journal. One worker at a time serves an account: it holds the account's lock in the
journal (a PostgreSQL session's advisory lock, or `flock` for a file), which ends with its process or connection. So
another worker can take the lines and open payments of one that died. Making a payment only once does not depend on that
lock: database constraints allow one payment per key and one step per nonce.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from functools import partial
from pathlib import Path

from l2send.batch_review import BatchReview
from l2send.batches import Batches
from l2send.core.address import Address
from l2send.core.errors import L2sendError, NetworkError, NotFinal, Refused
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.typed_data import TypedData
from l2send.core.units import ChainId, Gas, Nonce, Token, UnixTime
from l2send.journal_recovery import paid_unknown_to
from l2send.progress_events import ProgressEvent
from l2send.queue_caps import read_caps
from l2send.resolver.batch_file import BatchRow
from l2send.resolver.batch_lines import BatchLine
from l2send.resolver.batch_plan import PlannedLine, Wanted
from l2send.resolver.destination import Destination
from l2send.resolver.recipient import Findings
from l2send.wallet.journal.errors import ChangedMeanwhile, JournalBusy, JournalLost
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.queue import EVERY_CHAIN
from l2send.wallet.journal.queue_lines import QueuedLine
from l2send.wallet.keys.signed import SignedTx
from l2send.wallet.keys.signer import Signer
from l2send.wallet.lock import account_lock

LINES_AT_ONCE = 100
"""How many lines are planned together, so that money for them is moved once."""
_FIRST_PAUSE, _LONGEST_PAUSE = 30, 600
"""Seconds until a line that failed to begin is retried; doubled each time."""
_PAID_ALREADY = (
    "its recipient got the same token by a transaction of this account that the journal does not know. If the journal "
    "is an old copy, stop all workers and run `l2send journal recover`"
)
_AGAIN_AFTER = 5.0
"""Seconds until a payment that an error stopped is resumed."""


class Stopping(NotFinal):
    """The worker was told to stop: it signs nothing more."""


@unique
class Happened(StrEnum):
    """The kinds of events that a worker reports."""

    BEGUN = "begun"
    """A payment was recorded for a line."""
    PAYMENT = "payment"
    """A payment changed."""
    HELD_BACK = "held_back"
    """A line failed to begin, and is retried later."""
    FAILED = "failed"
    """An error stopped a payment for now."""


@dataclass(frozen=True, slots=True)
class WorkEvent:
    """One event. `key` is `BATCH/REF`, empty for a move of money between the account's own chains."""

    what: Happened
    account: Address
    key: str = ""
    payment_id: str = ""
    state: str = ""
    text: str = ""
    error: L2sendError | None = None


Tell = Callable[[WorkEvent], None]


@dataclass(frozen=True, slots=True)
class StoppableSigner:
    """Signs as `signer` does, until the worker is told to stop."""

    signer: Signer
    stop: asyncio.Event

    @property
    def address(self) -> Address:
        """See Signer."""
        return self.signer.address

    def sign(self, chain_id: ChainId, nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> SignedTx:
        """See Signer. Raises Stopping."""
        self._refuse()
        return self.signer.sign(chain_id, nonce, tx, gas, price)

    def sign_typed(self, data: TypedData) -> bytes:
        """See Signer. Raises Stopping."""
        self._refuse()
        return self.signer.sign_typed(data)

    def _refuse(self) -> None:
        if self.stop.is_set():
            raise Stopping("this worker stops, and signs nothing more.", hint="Another worker carries it on.")


@dataclass
class Worker:
    """Pays for its accounts until it is stopped, or until nothing is left to do."""

    batch: Batches
    locks: Path
    """The folder of this home's locks."""
    signers: Sequence[Signer]
    tell: Tell
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by the caller: no new signature is made; signed payments are followed for `grace` seconds more."""
    until_done: bool = False
    """Stop once nothing can be done now, instead of waiting for more lines."""
    idle_exit: float | None = None
    """Stop after this many seconds with nothing to do."""
    lines_at_once: int = LINES_AT_ONCE
    patience: float = 30.0
    """Seconds for which a turn follows its payments before it takes the next lines."""
    pause: float = 1.0
    """Seconds between polls while there is nothing to do."""
    grace: float = 60.0
    _later: dict[str, float] = field(default_factory=dict[str, float], init=False)
    """When a payment that an error stopped is resumed, by payment id."""
    _unknown: dict[Address, set[tuple[Address, Token]]] = field(
        default_factory=dict[Address, set[tuple[Address, Token]]], init=False
    )
    """Which recipients got which token in transactions that the journal lacks, by account."""
    _keys: dict[str, str] = field(default_factory=dict[str, str], init=False)
    _busy_at: float = field(default=0.0, init=False)

    @property
    def journal(self) -> Journal:
        """The journal of this worker."""
        return self.batch.journal

    async def run(self) -> None:
        """Run the worker. Raises JournalLost once the journal's connection is lost: nothing is signed after that."""
        self._busy_at = time.monotonic()
        tasks = [asyncio.create_task(self._serve(StoppableSigner(signer, self.stop))) for signer in self.signers]
        watch = asyncio.create_task(self._end_after_grace(tasks))
        try:
            await asyncio.gather(*tasks)
        except asyncio.CancelledError:
            if not self.stop.is_set():
                raise
        finally:
            for task in (*tasks, watch):
                task.cancel()
            await asyncio.gather(*tasks, watch, return_exceptions=True)

    async def _end_after_grace(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        await self.stop.wait()
        await asyncio.sleep(self.grace)
        for task in tasks:
            task.cancel()

    async def _serve(self, signer: StoppableSigner) -> None:
        """Repeat turns for one account."""
        while not self.stop.is_set():
            try:
                did = await self._turn(signer)
            except (JournalBusy, ChangedMeanwhile, NetworkError) as error:
                if self.until_done:
                    raise
                did = False
                self.tell(WorkEvent(Happened.FAILED, signer.address, text=error.message, error=error))
            if did:
                self._busy_at = time.monotonic()
                continue
            idle = time.monotonic() - self._busy_at
            if self.until_done or (self.idle_exit is not None and idle >= self.idle_exit):
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), self.pause)

    async def _turn(self, signer: StoppableSigner) -> bool:
        """One turn for the account: whether there was anything to do, and no other worker held it."""
        async with AsyncExitStack() as stack:
            lock = account_lock(self.locks, EVERY_CHAIN, signer.address, "a worker", _ignore, 0.0, self.journal)
            try:
                await stack.enter_async_context(lock)
            except NotFinal:
                return await self._others_turn(signer)
            await self._look_for_unknown(signer.address)
            open_ids = [one for one in self.journal.begun_open(signer.address) if self._is_due(one)]
            now = UnixTime(int(time.time()))
            lines = self.journal.waiting(signer.address, now, self.lines_at_once)
            if not open_ids and not lines:
                return False
            ids = [*open_ids, *(await self._begin(signer.address, lines) if lines else [])]
            await self._carry_on(signer, ids)
            return True

    async def _others_turn(self, signer: StoppableSigner) -> bool:
        """Another worker holds the account: with `until_done`, wait while it has something to do."""
        if not self.until_done:
            return False
        await asyncio.sleep(self.pause)
        return bool(self.journal.count_waiting(signer.address)[0] or self.journal.begun_open(signer.address))

    async def _look_for_unknown(self, account: Address) -> None:
        """Once per account: an old copy of the journal must not pay again what it lacks."""
        if account in self._unknown:
            return
        self._unknown[account] = unknown = await paid_unknown_to(account, self.journal, self.batch.rpcs)
        for payment_id in self.journal.begun_open(account) if unknown else ():
            record = self.journal.find(payment_id)
            is_unsigned = any(leg.is_unsigned for leg in record.legs)
            if is_unsigned and (record.payment.to.address, record.payment.amount.token) in unknown:
                self._later[payment_id] = math.inf
                self._tell_failed(account, payment_id, Refused(_PAID_ALREADY))

    def _is_due(self, payment_id: str) -> bool:
        return time.monotonic() >= self._later.get(payment_id, 0.0)

    async def _begin(self, account: Address, lines: Sequence[QueuedLine]) -> list[str]:
        """Plan these lines, and begin those within their caps. Returns the ids of the payments."""
        by_ref, name = {line.ref: line for line in lines}, lines[0].batch
        try:
            unknown = self._unknown.get(account, set())
            doubtful = [one for one in lines if (one.payment.to.address, one.payment.amount.token) in unknown]
            if doubtful:
                self._hold_back(doubtful, Refused(_PAID_ALREADY))
                return []
            caps = read_caps(lines[0].caps)
            wanted = [self._wanted(line, number) for number, line in enumerate(lines, 1)]
            review = await self.batch.plan_approved(wanted, account, name, caps.limits, caps.for_all(len(lines)))
            kept = list[PlannedLine]()
            for planned in review.lines:
                error = planned.error
                try:
                    if planned.plan:
                        caps.check(planned.plan)
                        kept.append(planned)
                except Refused as dear:
                    error = dear
                if error:
                    self._hold_back([by_ref[planned.wanted.line.row.ref]], error)
            return self._begin_all(account, replace(review, lines=tuple(kept)))
        except ChangedMeanwhile:
            return []  # A line was withdrawn, or begun by hand, since it was read: the next turn reads again.
        except JournalLost:
            raise
        except L2sendError as error:
            self._hold_back(lines, error)
            return []

    def _begin_all(self, account: Address, review: BatchReview) -> list[str]:
        if not review.payable or self.stop.is_set():
            return []
        records = self.batch.begin(review, again=True, queued=True)
        for record in records:
            self._keys[record.id] = key = record.key or ""
            self.tell(
                WorkEvent(Happened.BEGUN, account, key, record.id, record.state.value, str(record.payment.amount))
            )
        return [record.id for record in records]

    def _wanted(self, line: QueuedLine, number: int) -> Wanted:
        """The line as a file would have it. Raises UnknownChain if the registry lacks its chain."""
        payment = line.payment
        to = Destination(self.batch.rpcs.registry.chain(payment.to.chain_id), payment.to.address, name=line.typed_name)
        row = BatchRow(number, line.ref, payment.amount.text, payment.amount.token.symbol, str(to), line.memo)
        return Wanted(BatchLine(row, to, payment.amount), payment, Findings())

    def _hold_back(self, lines: Sequence[QueuedLine], error: L2sendError) -> None:
        """Retry later: money may arrive, fees may fall, a chain may answer."""
        words = error.message.splitlines()[0]
        pause = min(_FIRST_PAUSE * 2 ** min(lines[0].tries, 6), _LONGEST_PAUSE)
        if isinstance(error, NetworkError):
            pause = _FIRST_PAUSE
        self.journal.hold_back([line.key for line in lines], words, UnixTime(int(time.time()) + pause))
        for line in lines:
            account = line.payment.sender
            self.tell(WorkEvent(Happened.HELD_BACK, account, line.key, text=words, error=error))

    async def _carry_on(self, signer: StoppableSigner, ids: Sequence[str]) -> None:
        """Resume payments for a while. Raises JournalLost."""
        if not ids:
            return
        report = partial(self._report, signer.address)
        failed = await self.batch.resume_many(ids, signer, patience=self.patience, progress=report)
        lost = next((error for error in failed.values() if isinstance(error, JournalLost)), None)
        if lost:
            raise lost
        still_open = set(self.journal.begun_open(signer.address))
        for payment_id in ids:
            error = failed.get(payment_id)
            if error and not isinstance(error, NotFinal):
                self._tell_failed(signer.address, payment_id, error)
            if payment_id in still_open:
                self._later[payment_id] = time.monotonic() + self._pause_after(error)
            else:
                self._later.pop(payment_id, None)
                self._keys.pop(payment_id, None)

    def _pause_after(self, error: L2sendError | None) -> float:
        if error and self.until_done:
            return math.inf
        return self.pause if error is None or isinstance(error, NotFinal) else _AGAIN_AFTER

    def _report(self, account: Address, turn: ProgressEvent) -> None:
        self.tell(WorkEvent(Happened.PAYMENT, account, self._key(turn.id), turn.id, turn.state.value, turn.text))

    def _tell_failed(self, account: Address, payment_id: str, error: L2sendError) -> None:
        state = self.journal.find(payment_id).state.value
        self.tell(WorkEvent(Happened.FAILED, account, self._key(payment_id), payment_id, state, error.message, error))

    def _key(self, payment_id: str) -> str:
        if payment_id not in self._keys:
            self._keys[payment_id] = self.journal.find(payment_id).key or ""
        return self._keys[payment_id]


def _ignore(_: str) -> None:
    pass
