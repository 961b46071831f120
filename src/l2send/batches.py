"""Pays many payments as one batch: planned together, approved once, recorded in one database transaction, and resumed
by the batch's name from any later process.

    review = await client.batch.plan(judged, sender, "november")
    client.batch.begin(review)
    result = await client.batch.run("november", signer)

The idempotency key of a line is `NAME/REF`, so running the same file again begins only the missing lines.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from l2send.batch_costs import refuse_expensive_lines, together_within, within
from l2send.batch_record import (
    MOVE,
    SHARED,
    BatchPayment,
    BatchResult,
    batch_name,
    beginnings_of,
    changed,
    key_of,
    left_alone,
    take_known,
    why_a_copy,
)
from l2send.batch_review import BatchReview, checked, judged_recipients
from l2send.batch_shared_tx import Sharing, put_together
from l2send.core.address import Address
from l2send.core.bridge_protocol import Bridge
from l2send.core.errors import CannotPay, L2sendError, Refused, UsageError
from l2send.core.plan import Payment
from l2send.core.rpc import Rpcs
from l2send.core.text import clean
from l2send.progress_events import Progress, ProgressEvent, silent
from l2send.resolver.balances import Snapshot, take_snapshot
from l2send.resolver.batch_funds import Ledger
from l2send.resolver.batch_lines import BadLine, BatchLine, JudgedBatch
from l2send.resolver.batch_plan import LineWay, Planned, PlannedLine, Wanted
from l2send.resolver.batch_planner import plan_lines
from l2send.resolver.many_recipients import look_at_all
from l2send.resolver.recipient import Findings, LookAlikes
from l2send.resolver.way_limits import Limits
from l2send.safes import with_free_nonce
from l2send.shared_payments import separate
from l2send.wallet.journal.limits import take
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import Record
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.keys.signer import Signer


class ResumeMany(Protocol):
    """The type of `Client.resume_many`."""

    async def __call__(
        self, payment_ids: Sequence[str], signer: Signer | None, *, patience: float = ..., progress: Progress = ...
    ) -> Mapping[str, L2sendError]:
        """Returns the errors that stopped payments, by payment id."""
        ...


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches of one client."""

    journal: Journal
    rpcs: Rpcs
    bridges: Mapping[str, Bridge]
    like: LookAlikes
    resume_many: ResumeMany

    async def plan(
        self,
        judged: JudgedBatch,
        sender: Address,
        name: str,
        limits: Limits | None = None,
        *,
        max_total_usd: float | None = None,
        again: bool = False,
        together: bool = True,
        owner: Address | None = None,
    ) -> BatchReview:
        """Plan every line of a judged file, decoded and checked; `limits` apply to each line.

        `again`: include lines that a batch of another name began in the last hours. `together`: pay several lines in
        one transaction, if the account can. `owner`: the account that signs and sends if `sender` is a Safe.

        Raises UsageError for an invalid name, or that of another account's batch; Refused if the total cost exceeds
        `max_total_usd`; NetworkError. An error of one line is attached to that line.
        """
        return await self._plan(judged, sender, name, limits, max_total_usd, Sharing(together, owner), again=again)

    async def plan_for_owners(
        self,
        judged: JudgedBatch,
        safe: Address,
        name: str,
        limits: Limits | None = None,
        *,
        max_total_usd: float | None = None,
        again: bool = False,
    ) -> BatchReview:
        """As `plan`, for a Safe whose owners sign one transaction of all lines. Raises Refused if it would fail."""
        return await self._plan(judged, safe, name, limits, max_total_usd, Sharing(by_owners=True), again=again)

    async def _plan(
        self,
        judged: JudgedBatch,
        sender: Address,
        name: str,
        limits: Limits | None,
        max_total_usd: float | None,
        sharing: Sharing,
        *,
        again: bool,
    ) -> BatchReview:
        name = self._own_name(name, sender)
        known, new, bad = self._sorted(judged.lines, sender, name, again=again)
        begun = [*(record for _, record in known), *self._moves(name)]
        review = await self._plan_new(name, sender, new, begun, limits or Limits(), max_total_usd, sharing)
        return replace(
            review,
            known=tuple(known),
            bad=tuple(sorted((*judged.bad, *bad), key=lambda line: line.row.line)),
            twice=judged.paid_more_than_once,
            left_alone=left_alone(self._lines(name), known),
        )

    async def plan_approved(
        self, lines: Sequence[Wanted], sender: Address, name: str, limits: Limits, max_total_usd: float | None
    ) -> BatchReview:
        """Plan lines that were approved before, each separately, from the funds that the account's open payments leave.

        Raises as `plan` does.
        """
        begun = [record for record in self.journal.open_payments() if record.payment.sender == sender]
        return await self._plan_new(name, sender, lines, begun, limits, max_total_usd, Sharing(wanted=False))

    async def _plan_new(
        self,
        name: str,
        sender: Address,
        new: Sequence[Wanted],
        begun: Sequence[Record],
        limits: Limits,
        max_total_usd: float | None,
        sharing: Sharing,
    ) -> BatchReview:
        fine, refused, snapshot = await self._payable(new, sender, name)
        planning = self._planned(fine, snapshot, begun, limits, gas_elsewhere=sharing.of_safe)
        planned, not_pinned, expensive = await planning
        combined = await put_together(planned, sharing, self.rpcs, delegating=limits.batch)
        asked = sharing.of_safe or limits.batch
        planned, shared = await together_within(planned, combined, limits, self.rpcs, is_asked=asked)
        if sharing.by_owners:
            shared = tuple(replace(one, quote=with_free_nonce(one.quote, self.journal)) for one in shared)
        lines = tuple(sorted((*planned.lines, *refused, *expensive), key=lambda line: line.wanted.line.row.line))
        moves_before, shared_before = self._counts(name)
        review = BatchReview(
            name=name,
            sender=sender,
            lines=lines,
            moves=planned.moves,
            left=tuple(planned.ledger.amounts()),
            held=snapshot,
            first_time=self._first_time(lines),
            not_pinned=not_pinned,
            shared=shared,
            moves_before=moves_before,
            shared_before=shared_before,
        )
        return await within(review, self._every(name), limits.max_fee_usd, max_total_usd, self.rpcs)

    def _every(self, name: str) -> list[Record]:
        """All payments of the batch in the journal: moves first."""
        return [*self._moves(name), *self._lines(name)]

    def _counts(self, name: str) -> tuple[int, int]:
        """How many moves, and transactions that pay several lines, are in the journal."""
        return len(self._moves(name)), len(self._shared(name))

    async def _payable(
        self, new: Sequence[Wanted], sender: Address, name: str
    ) -> tuple[list[Wanted], list[PlannedLine], Snapshot]:
        """The lines that limits and recipients allow, those they refuse, and the balances. Raises NetworkError."""
        new, over = self._within_limits(new, name)
        fine, refused = judged_recipients(new, await look_at_all([one.payment for one in new], self.rpcs, self.like))
        return fine, [*refused, *over], await self._funds(sender, new)

    async def _planned(
        self, lines: Sequence[Wanted], held: Snapshot, begun: Sequence[Record], limits: Limits, *, gas_elsewhere: bool
    ) -> tuple[Planned, tuple[str, ...], list[PlannedLine]]:
        """The plan of these lines, the contracts that are not pinned, and the lines that planning refused.

        If money would be moved for a line that is refused later, all is planned again without that line.
        """
        expensive = list[PlannedLine]()
        while True:
            ledger = Ledger(held)
            take_known(ledger, begun)
            planned = await plan_lines(lines, ledger, self.bridges, self.rpcs, limits, gas_elsewhere=gas_elsewhere)
            planned, not_pinned = await checked(planned, self.rpcs)
            planned = await refuse_expensive_lines(planned, limits.max_fee_usd, held, self.rpcs)
            if not planned.moves_too_much:
                return planned, not_pinned, expensive
            expensive += [line for line in planned.lines if line.way is LineWay.REFUSED]
            lines = [line.wanted for line in planned.lines if line.way is not LineWay.REFUSED]

    def begin(self, review: BatchReview, *, again: bool = False, queued: bool = False) -> list[Record]:
        """Record everything payable in the journal, in one database transaction: all of it, or none.

        `queued`: only if each line still waits in the queue; else raises ChangedMeanwhile.

        Raises Refused if an equal payment without a key is open (unless `again`), or another run moved other money
        meanwhile; UsageError if a ref was recorded meanwhile with another amount or recipient.
        """
        try:
            return self.journal.begin_all(beginnings_of(review, again=again, queued=queued))
        except UsageError as error:
            if self._counts(review.name) == (review.moves_before, review.shared_before):
                raise
            raise Refused(
                f"another run of {review.name} moved money meanwhile. Nothing was begun by this one.",
                hint="Run the command again: it pays what is missing then.",
            ) from error

    async def run(
        self,
        name: str,
        signer: Signer | None,
        *,
        patience: float = 600.0,
        progress: Progress = silent,
        without: Collection[str] = (),
    ) -> BatchResult:
        """Resume every open payment of the batch until it ends, or for `patience` seconds. One failure stops no other.

        `without` are the ids of payments to skip. Moves to the own account run first: the lines they fund wait for
        them.
        """
        name, failed = batch_name(name), dict[str, L2sendError]()
        self._separate(name, without)
        tell = self._telling_lines(name, progress)

        async def carry_on(records: Iterable[Record]) -> None:
            ids = [record.id for record in records if record.meaning.open and record.id not in without]
            if ids:
                failed.update(await self.resume_many(ids, signer, patience=patience, progress=tell))

        await carry_on(self._moves(name))
        await carry_on([*self._shared(name), *self._lines(name)])
        await carry_on(self._freed(name, failed))
        return self.result(name, failed)

    def _telling_lines(self, name: str, progress: Progress) -> Progress:
        """`progress`, which also receives for each line the events of its shared transaction."""
        lines = {
            record.id: [one.id for one in self.journal.carried_by(record.id)]
            for record in self._shared(name)
            if record.meaning.open
        }

        def tell(event: ProgressEvent) -> None:
            for payment_id in lines.get(event.id, [event.id]):
                progress(replace(event, id=payment_id))

        return tell

    def _separate(self, name: str, without: Collection[str]) -> None:
        """Split an unsigned shared transaction into single payments if one of its lines is skipped."""
        for record in self._shared(name):
            if any(one.id in without for one in self.journal.carried_by(record.id)):
                separate(record, self.journal, "one of its lines is not paid now")

    def _freed(self, name: str, failed: dict[str, L2sendError]) -> list[Record]:
        """The lines of shared transactions that would fail, split so that one line stops no other."""
        freed = list[Record]()
        for record in self._shared(name):
            if isinstance(failed.get(record.id), Refused | CannotPay):
                freed += separate(record, self.journal, "together they would fail")
        for record in freed:
            failed.pop(record.id, None)
        return freed

    def result(self, name: str, failed: Mapping[str, L2sendError] | None = None) -> BatchResult:
        """The state of every payment of the batch. Raises UsageError if the journal has no batch of that name."""
        payments = self.find(name, failed)
        if not payments:
            raise UsageError(
                f"no batch is called {clean(name, 60)!r} in this journal.",
                hint="The name is the file's without its suffix, or what --name said.",
            )
        return BatchResult(batch_name(name), payments)

    def find(self, name: str, failed: Mapping[str, L2sendError] | None = None) -> tuple[BatchPayment, ...]:
        """Every payment of the batch, moves first; empty if the journal has no batch of that name."""
        name = batch_name(name)
        errors, start = failed or {}, len(name) + 1

        def why(record: Record) -> L2sendError | None:
            """The error of a payment; None if it was delivered: a temporary error does not matter then."""
            if record.state is PaymentState.DELIVERED:
                return None
            return errors.get(record.id) or errors.get(record.legs[0].driven_by)

        moves = [BatchPayment("", record, True, why(record)) for record in self._moves(name)]
        lines = [BatchPayment((r.key or "")[start:], r, False, why(r)) for r in self._lines(name)]
        return (*moves, *lines)

    def found(self, name: str) -> BatchResult | None:
        """As `result`; None if the journal has no batch of that name."""
        payments = self.find(name)
        return BatchResult(batch_name(name), payments) if payments else None

    def _lines(self, name: str) -> list[Record]:
        return self.journal.keyed_under(f"{name}/")

    def _moves(self, name: str) -> list[Record]:
        return self.journal.keyed_under(f"{name}{MOVE}")

    def _shared(self, name: str) -> list[Record]:
        return self.journal.keyed_under(f"{name}{SHARED}")

    def _sorted(
        self, lines: Iterable[BatchLine], sender: Address, name: str, *, again: bool
    ) -> tuple[list[tuple[BatchLine, Record]], list[Wanted], list[BadLine]]:
        """Lines in the journal, new lines, and lines whose ref belongs to a different payment."""
        known, new, bad = list[tuple[BatchLine, Record]](), list[Wanted](), list[BadLine]()
        for line in lines:
            payment = Payment(sender, line.to.account, line.amount)
            try:
                record = self.journal.known(payment, key_of(name, line.row.ref))
            except UsageError as error:
                bad.append(BadLine(line.row, changed(error, self.journal.keyed(key_of(name, line.row.ref)))))
                continue
            if record:
                known.append((line, record))
            elif not again and (copy := why_a_copy(payment, key_of(name, line.row.ref), self.journal)):
                bad.append(BadLine(line.row, copy))
            else:
                new.append(Wanted(line, payment, Findings()))
        return known, new, bad

    def _within_limits(self, lines: Sequence[Wanted], name: str) -> tuple[list[Wanted], list[PlannedLine]]:
        """The lines that the journal's limits allow, counted in file order, and those they refuse."""
        keys = [key_of(name, one.line.row.ref) for one in lines]  # Lines that wait in the queue are not counted twice.
        tallies, allowed, over = self.journal.tallies(keys), list[Wanted](), list[PlannedLine]()
        for one in lines:
            try:
                take(tallies, one.payment)
                allowed.append(one)
            except Refused as error:
                over.append(PlannedLine(one, LineWay.REFUSED, error=error))
        return allowed, over

    def _own_name(self, typed: str, sender: Address) -> str:
        """The normalised name. Raises UsageError if it belongs to another account's batch: `run` needs one signer."""
        name = batch_name(typed)
        other = next((r for r in self._every(name) if r.payment.sender != sender), None)
        if other:
            raise UsageError(
                f"the batch {name} was begun from another account, {other.payment.sender}.",
                hint="Pay it from that one, or give this batch another name: --name NAME",
            )
        return name

    async def _funds(self, sender: Address, lines: Iterable[Wanted]) -> Snapshot:
        """The balances on chains of the same kind as the destinations: test money never pays for real money."""
        targets = {one.payment.to.chain_id for one in lines}
        kinds = {self.rpcs.registry.chain(chain_id).testnet for chain_id in targets}
        return await take_snapshot(
            sender,
            self.rpcs,
            chains=[chain for chain in self.rpcs.registry if chain.testnet in kinds],
            enough=lambda snapshot: not any(holdings.chain.chain_id in targets for holdings in snapshot.unknown),
        )

    def _first_time(self, lines: Iterable[PlannedLine]) -> tuple[BatchLine, ...]:
        return tuple(
            line.wanted.line for line in lines if self.journal.paid_before(line.wanted.payment.to.address) is None
        )
