"""Many payments as one: planned together, approved once, begun in one transaction of the journal, and carried on by
their batch's name from any later process.

    review = await client.batch.plan(judged, sender, "november")
    client.batch.begin(review)
    result = await client.batch.run("november", signer)

The idempotency key of a line is `NAME/REF`, so the same file again begins what is missing and nothing twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from l2send.batch_review import BatchReview, checked, judged_recipients, within
from l2send.core.address import Address
from l2send.core.bridge import Bridge
from l2send.core.errors import L2sendError, Refused, UsageError
from l2send.core.plan import BRIDGE_FEE, Payment
from l2send.core.rpc import Rpcs
from l2send.core.text import clean, visible_part, visible_text
from l2send.core.units import Seconds
from l2send.resolver.balances import Snapshot, take_snapshot
from l2send.resolver.batch_funds import Ledger
from l2send.resolver.batch_lines import BadLine, BatchLine, JudgedBatch
from l2send.resolver.batch_plan import LineWay, PlannedLine, Wanted
from l2send.resolver.batch_planner import plan_lines
from l2send.resolver.limits import Limits
from l2send.resolver.many_recipients import Like, look_at_all
from l2send.resolver.recipient import Findings
from l2send.turns import Progress, silent
from l2send.wallet.journal.approved_payment import ApprovedPayment
from l2send.wallet.journal.limiting import take
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.keys.signer import Signer

_MOVE = ":move/"
"""Between a batch's name and the number of a payment to the own account: no ref has it, since a name has no colon."""
_LONGEST_NAME = 100
_COPY_WITHIN = Seconds(12 * 3600)
"""How long the same payment with the same ref in a batch of another name counts as the same file under two names."""


class ResumeMany(Protocol):
    """`Client.resume_many`."""

    async def __call__(
        self, payment_ids: Sequence[str], signer: Signer | None, *, patience: float = ..., progress: Progress = ...
    ) -> Mapping[str, L2sendError]:
        """What stopped a payment, by its id."""
        ...


@dataclass(frozen=True, slots=True)
class BatchPayment:
    """One payment of a batch, as the journal has it."""

    ref: str
    record: Record
    is_move: bool = False
    """Whether it brings money to the own account, and is no line."""
    error: L2sendError | None = None
    """What stopped it in this run."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How the payments of a batch stand."""

    name: str
    payments: tuple[BatchPayment, ...]

    @property
    def lines(self) -> tuple[BatchPayment, ...]:
        """Those that are lines of the file."""
        return tuple(payment for payment in self.payments if not payment.is_move)

    @property
    def all_delivered(self) -> bool:
        """Whether every line that was begun has reached its recipient."""
        return all(payment.record.state is PaymentState.DELIVERED for payment in self.lines)


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches of one client."""

    journal: Journal
    rpcs: Rpcs
    bridges: Mapping[str, Bridge]
    like: Like
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
    ) -> BatchReview:
        """How every line of a judged file is paid, decoded and checked; `limits` hold for each line. `again`: also a
        line that a batch of another name began within hours.

        Raises UsageError for a name that is none, or that of another account's batch; Refused where the whole costs
        more than `max_total_usd`; NetworkError. What is wrong with one line is told of that line.
        """
        name = batch_name(name)
        self._refuse_other_sender(name, sender)
        known, new, bad = self._sorted(judged.lines, sender, name, again=again)
        begun = [*(record for _, record in known), *self._moves(name)]
        review = await self._plan_new(name, sender, new, begun, limits or Limits(), max_total_usd)
        return replace(
            review,
            known=tuple(known),
            bad=tuple(sorted((*judged.bad, *bad), key=lambda line: line.row.line)),
            twice=judged.paid_more_than_once,
            left_alone=self._left_alone(name, known),
        )

    async def plan_approved(
        self, lines: Sequence[Wanted], sender: Address, name: str, limits: Limits, max_total_usd: float | None
    ) -> BatchReview:
        """How lines are paid that were approved before, out of what no open payment of the account will take.

        Raises as `plan` does.
        """
        begun = [record for record in self.journal.open_payments() if record.payment.sender == sender]
        return await self._plan_new(name, sender, lines, begun, limits, max_total_usd)

    async def _plan_new(
        self,
        name: str,
        sender: Address,
        new: Sequence[Wanted],
        begun: Iterable[Record],
        limits: Limits,
        max_total_usd: float | None,
    ) -> BatchReview:
        new, over = self._within_limits(new, name)
        fine, refused = judged_recipients(new, await look_at_all([one.payment for one in new], self.rpcs, self.like))
        snapshot = await self._funds(sender, [*fine, *new])
        ledger = Ledger(snapshot)
        _take_known(ledger, begun)
        planned = await plan_lines(fine, ledger, self.bridges, self.rpcs, limits)
        planned, not_pinned = await checked(planned, self.rpcs)
        lines = sorted((*planned.lines, *refused, *over), key=lambda line: line.wanted.line.row.line)
        review = BatchReview(
            name=name,
            sender=sender,
            lines=tuple(lines),
            moves=planned.moves,
            left=tuple(ledger.amounts()),
            held=snapshot,
            first_time=self._first_time(lines),
            not_pinned=not_pinned,
            moves_before=len(self._moves(name)),
        )
        return await within(review, limits.max_fee_usd, max_total_usd, self.rpcs)

    def begin(self, review: BatchReview, *, again: bool = False, queued: bool = False) -> list[Record]:
        """Write everything that is payable into the journal, in one transaction: all of it, or none.

        `queued`: only while each line still waits in the queue; raises ChangedMeanwhile else.

        Raises Refused where the same payment is open without a key (unless `again`), or where another run moved other
        money meanwhile; UsageError for a ref that was begun meanwhile with another amount or recipient.
        """
        moves = [
            ApprovedPayment(move.plan.payment, move.plan.legs, f"{review.name}{_MOVE}{number}", again)
            for number, move in enumerate(review.moves, review.moves_before + 1)
        ]
        payable = sorted(review.payable, key=lambda line: list(LineWay).index(line.way))
        lines = [
            ApprovedPayment(
                plan.payment,
                plan.legs,
                key_of(review.name, line.wanted.line.row.ref),
                again,
                line.wanted.line.to.typed_name,
                line.wanted.line.row.memo,
                queued=queued,
            )
            for line in payable
            if (plan := line.plan)
        ]
        try:
            return self.journal.begin_all([*moves, *lines])
        except UsageError as error:
            if len(self._moves(review.name)) == review.moves_before:
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
        """Carry on every open payment of the batch, to its end or for `patience` seconds. One stops no other.

        `without` are the ids of payments that are left as they are. Money that is moved to the own account comes first:
        the lines that it pays wait for it.
        """
        name, failed = batch_name(name), dict[str, L2sendError]()
        for records in (self._moves(name), self._lines(name)):
            ids = [record.id for record in records if record.meaning.open and record.id not in without]
            if ids:
                failed |= await self.resume_many(ids, signer, patience=patience, progress=progress)
        return self.result(name, failed)

    def result(self, name: str, failed: Mapping[str, L2sendError] | None = None) -> BatchResult:
        """How every payment of the batch stands. Raises UsageError where the journal has none of that name."""
        payments = self.find(name, failed)
        if not payments:
            raise UsageError(
                f"no batch is called {clean(name, 60)!r} in this journal.",
                hint="The name is the file's without its suffix, or what --name said.",
            )
        return BatchResult(batch_name(name), payments)

    def find(self, name: str, failed: Mapping[str, L2sendError] | None = None) -> tuple[BatchPayment, ...]:
        """Every payment of the batch, moves first; none where the journal has no batch of that name."""
        name = batch_name(name)
        errors, start = failed or {}, len(name) + 1
        moves = [BatchPayment("", record, True, errors.get(record.id)) for record in self._moves(name)]
        lines = [
            BatchPayment((record.key or "")[start:], record, False, errors.get(record.id))
            for record in self._lines(name)
        ]
        return (*moves, *lines)

    def _lines(self, name: str) -> list[Record]:
        return self.journal.keyed_under(f"{name}/")

    def _moves(self, name: str) -> list[Record]:
        return self.journal.keyed_under(f"{name}{_MOVE}")

    def _sorted(
        self, lines: Iterable[BatchLine], sender: Address, name: str, *, again: bool
    ) -> tuple[list[tuple[BatchLine, Record]], list[Wanted], list[BadLine]]:
        """Lines that the journal has, new ones, and those whose ref stands for another payment."""
        known, new, bad = list[tuple[BatchLine, Record]](), list[Wanted](), list[BadLine]()
        for line in lines:
            payment = Payment(sender, line.to.account, line.amount)
            try:
                record = self.journal.known(payment, key_of(name, line.row.ref))
            except UsageError as error:
                bad.append(BadLine(line.row, _changed(error, self.journal.keyed(key_of(name, line.row.ref)))))
                continue
            if record:
                known.append((line, record))
            elif not again and (copy := self._under_another_name(payment, line.row.ref)):
                bad.append(BadLine(line.row, _paid_by_copy(copy)))
            else:
                new.append(Wanted(line, payment, Findings()))
        return known, new, bad

    def _under_another_name(self, payment: Payment, ref: str) -> Record | None:
        """The newest payment of the last hours that is the same, has the same ref, and is of another batch."""
        record = self.journal.paid_recently(payment, _COPY_WITHIN)
        other_ref = (record.key or "").partition("/")[2] if record else ""
        return record if other_ref and visible_part(other_ref) == visible_part(ref) else None

    def _left_alone(self, name: str, known: Iterable[tuple[BatchLine, Record]]) -> tuple[Record, ...]:
        in_file = {record.id for _, record in known}
        return tuple(
            record
            for record in self._lines(name)
            if record.id not in in_file and record.meaning.open and all(leg.is_unsigned for leg in record.legs)
        )

    def _within_limits(self, lines: Sequence[Wanted], name: str) -> tuple[list[Wanted], list[PlannedLine]]:
        """The lines that the journal's limits allow, counted in the order of the file, and those that they refuse."""
        keys = [key_of(name, one.line.row.ref) for one in lines]  # They may wait in the queue: counted once.
        tallies, allowed, over = self.journal.tallies(keys), list[Wanted](), list[PlannedLine]()
        for one in lines:
            try:
                take(tallies, one.payment)
                allowed.append(one)
            except Refused as error:
                over.append(PlannedLine(one, LineWay.REFUSED, error=error))
        return allowed, over

    def _refuse_other_sender(self, name: str, sender: Address) -> None:
        """Raises UsageError where the name stands for a batch of another account: `run` needs one signer."""
        other = next((r for r in (*self._moves(name), *self._lines(name)) if r.payment.sender != sender), None)
        if other:
            raise UsageError(
                f"the batch {name} was begun from another account, {other.payment.sender}.",
                hint="Pay it from that one, or give this batch another name: --name NAME",
            )

    async def _funds(self, sender: Address, lines: Iterable[Wanted]) -> Snapshot:
        """What is held on the chains of the kinds that are paid to: test money never pays for real money."""
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


def key_of(name: str, ref: str) -> str:
    """The idempotency key of a line."""
    return f"{name}/{ref}"


def batch_name(typed: str) -> str:
    """A batch's name in the form that is compared and stored: a file system may spell it in another Unicode form.

    Raises UsageError for what cannot be a batch's name.
    """
    name = visible_text(typed, "the batch's name")
    if len(name) > _LONGEST_NAME or {"/", ":"} & set(name):
        raise UsageError(
            f"a batch's name has at most {_LONGEST_NAME} characters, and no `/` and no `:`.", hint="Use --name NAME"
        )
    return name


def _changed(error: UsageError, record: Record | None) -> UsageError:
    """Why a line that stands for another payment is not paid."""
    if record is None:
        return error
    return UsageError(
        f"`ref` was begun before with another amount, token, recipient or account: {record.id}, "
        f"{record.payment.amount} ({record.state}).",
        hint="A ref stands for one payment. Put the line back as it was, or give the new one a ref of its own.",
    )


def _paid_by_copy(record: Record) -> UsageError:
    batch = clean((record.key or "").partition("/")[0], 60)
    return UsageError(
        f"the batch {batch!r} has the same payment with the same `ref`: {record.id} ({record.state}). Is this the same "
        f"file under another name? Then add --name '{batch}'. To pay again: --again.",
    )


def _take_known(ledger: Ledger, records: Iterable[Record]) -> None:
    """What payments that were begun before and are not signed will take, and what moves of them will bring."""
    for leg in (leg for record in records if record.meaning.open for leg in record.legs):
        if leg.is_unsigned:
            _take_leg(ledger, leg)
        if leg.payment.to.address == leg.payment.sender:
            ledger.take({leg.payment.amount.token: -leg.payment.amount.units})


def _take_leg(ledger: Ledger, leg: PaymentRecord) -> None:
    spent = {leg.terms.pays.token: leg.terms.pays.units}
    for fee in leg.terms.fees:
        token = fee.amount.token
        if token.is_native and fee.name != BRIDGE_FEE:
            spent[token] = spent.get(token, 0) + 2 * fee.amount.units  # as much as it may rise before it is signed
    ledger.take(spent)
