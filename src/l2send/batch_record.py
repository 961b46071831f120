"""A batch in the journal: what is recorded of an approved batch, and which of its payments were recorded before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from l2send.batch_review import BatchReview
from l2send.batch_shared_tx import Shared
from l2send.core.errors import L2sendError, UsageError
from l2send.core.plan import BRIDGE_FEE, Payment
from l2send.core.text import clean, in_words, visible_part, visible_text
from l2send.core.units import Seconds, Wei
from l2send.resolver.batch_funds import Ledger
from l2send.resolver.batch_lines import BatchLine
from l2send.resolver.batch_plan import LineWay
from l2send.wallet.journal.approved_payment import ApprovedPayment
from l2send.wallet.journal.proposal_states import ProposalState
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.journal.states import PaymentState

MOVE, SHARED = ":move/", ":together/"
"""Separates a batch's name from the number of a payment to the own account, or of a transaction that pays several
lines. It is in no line's key, since a name has no colon.
"""
_LONGEST_NAME = 100
_COPY_WITHIN = Seconds(12 * 3600)
"""How long an equal payment with the same ref in another batch counts as the same file under two names."""


@dataclass(frozen=True, slots=True)
class BatchPayment:
    """One payment of a batch, as recorded in the journal."""

    ref: str
    record: Record
    is_move: bool = False
    """Whether it moves money to the own account, and is not a line."""
    error: L2sendError | None = None
    """The error that stopped it in this run."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The states of a batch's payments."""

    name: str
    payments: tuple[BatchPayment, ...]

    @property
    def lines(self) -> tuple[BatchPayment, ...]:
        """Those that are lines of the file."""
        return tuple(payment for payment in self.payments if not payment.is_move)

    @property
    def all_delivered(self) -> bool:
        """Whether every line that began has been delivered."""
        return all(payment.record.state is PaymentState.DELIVERED for payment in self.lines)


def beginnings_of(review: BatchReview, *, again: bool, queued: bool = False) -> list[ApprovedPayment]:
    """All payable parts of a batch: moves first, then transactions that pay several lines, then the other lines."""
    moves = [
        ApprovedPayment(move.plan.payment, move.plan.legs, f"{review.name}{MOVE}{number}", again)
        for number, move in enumerate(review.moves, review.moves_before + 1)
    ]
    payable = sorted(review.payable, key=lambda line: list(LineWay).index(line.way))
    lines = {
        line.wanted.line.row.line: ApprovedPayment(
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
    }
    shared = [
        _shared(one, f"{review.name}{SHARED}{number}", [lines.pop(line) for line in one.lines])
        for number, one in enumerate(review.shared, review.shared_before + 1)
    ]
    return [*moves, *shared, *lines.values()]


def _shared(shared: Shared, key: str, carried: Sequence[ApprovedPayment]) -> ApprovedPayment:
    """The record of a transaction that pays several lines: its caps are the sums of theirs."""
    caps = [one.legs[0].fee_cap for one in carried]
    most = None if None in caps else Wei(sum(cap for cap in caps if cap is not None))
    quote = replace(shared.quote, fee_cap=most)
    return ApprovedPayment(shared.payment, (quote,), key, again=True, carried=tuple(carried))


def key_of(name: str, ref: str) -> str:
    """The idempotency key of a line."""
    return f"{name}/{ref}"


def changed(error: UsageError, record: Record | None) -> UsageError:
    """The error for a line whose key belongs to a different payment."""
    if record is None:
        return error
    return UsageError(
        f"`ref` was begun before with another amount, token, recipient or account: {record.id}, "
        f"{record.payment.amount} ({in_words(record.state)}).",
        hint="A ref stands for one payment. Put the line back as it was, or give the new one a ref of its own.",
    )


def why_a_copy(payment: Payment, key: str, journal: Journal) -> UsageError | None:
    """The error for a line that a batch of another name has begun in the last hours, or has waiting, with its ref."""
    lately = journal.all_paid_recently(payment, _COPY_WITHIN)
    paid = ((one.key or "", f"{one.id} ({in_words(one.state)})") for one in lately)
    waiting = ((one.key, "it waits for a worker") for one in journal.waiting_like(payment))
    for other, words in chain(paid, waiting):
        batch, _, ref = other.partition("/")
        if other == key or visible_part(ref) != visible_part(key.partition("/")[2]):
            continue
        batch = clean(batch, 60)
        return UsageError(
            f"the batch {batch!r} has the same payment with the same `ref`: {words}. Is this the same file under "
            f"another name? Then add --name '{batch}'. To pay again: --again.",
        )
    return None


def left_alone(recorded: Iterable[Record], known: Iterable[tuple[BatchLine, Record]]) -> tuple[Record, ...]:
    """The unsigned lines of the journal that are not `known`, those in the file as they were begun."""
    in_file = {record.id for _, record in known}
    return tuple(
        record
        for record in recorded
        if record.id not in in_file and record.meaning.open and all(leg.is_unsigned for leg in record.legs)
    )


def take_known(ledger: Ledger, records: Iterable[Record]) -> None:
    """Reserve in `ledger` what recorded, unsigned payments will spend, and add what their moves will bring."""
    for leg in (leg for record in records if record.meaning.open for leg in record.legs):
        if leg.is_unsigned or leg.paying is ProposalState.PROPOSED:
            _take_leg(ledger, leg)
        if leg.payment.to.address == leg.payment.sender:
            ledger.take({leg.payment.amount.token: -leg.payment.amount.units})


def _take_leg(ledger: Ledger, leg: PaymentRecord) -> None:
    spent = {leg.terms.pays.token: leg.terms.pays.units}
    for fee in leg.terms.fees:
        token = fee.amount.token
        if token.is_native and fee.name != BRIDGE_FEE and not leg.payment.is_of_safe:
            spent[token] = spent.get(token, 0) + 2 * fee.amount.units  # the most it may rise to before it is signed
    ledger.take(spent)


def batch_name(typed: str) -> str:
    """A batch's name in the normal form that is compared and stored: file systems may use another Unicode form.

    Raises UsageError for an invalid name.
    """
    name = visible_text(typed, "the batch's name")
    if len(name) > _LONGEST_NAME or {"/", ":"} & set(name):
        raise UsageError(
            f"a batch's name has at most {_LONGEST_NAME} characters, and no `/` and no `:`.", hint="Use --name NAME"
        )
    return name
