"""The result of every line of a batch: a document for scripts, and a file for spreadsheets, written atomically."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from l2send.batch_record import BatchPayment, BatchResult
from l2send.batch_review import BatchReview
from l2send.cli.json_documents import Document, amount_document, fee_document, fees_paid_document
from l2send.cli.lines_to_type import as_typed_here
from l2send.cli.outcome import explorer_link
from l2send.cli.screen import as_json
from l2send.cli.spreadsheet import csv_text
from l2send.core.chains import Registry
from l2send.core.errors import ConfigError, ExitStatus, L2sendError, UsageError
from l2send.core.plan import Fee, Plan
from l2send.core.private_files import replace_private
from l2send.core.text import visible_part
from l2send.core.units import Amount
from l2send.resolver.batch_file import BatchRow
from l2send.wallet.fees_paid import fees_paid
from l2send.wallet.journal.records import Record
from l2send.wallet.journal.states import PaymentState

SCHEMA = "l2send.batch/1"
_COLUMNS = (
    "line",
    "ref",
    "state",
    "payment",
    "amount",
    "token",
    "to",
    "hashes",
    "fees_paid",
    "fees_paid_usd",
    "delivered_at",
    "explorer",
    "error",
    "memo",
)
_HEAD = 4096
_NEW, _WRONG = "new", "wrong"
_FINE = frozenset({_NEW, PaymentState.DELIVERED.value})


@dataclass(frozen=True, slots=True)
class LineResult:
    """One line of the file, or without a file one payment of the journal."""

    row: BatchRow | None
    ref: str
    state: str
    """The state of its payment; without one `new`, `wrong`, `unfunded` or `refused`."""
    amount: Amount | None = None
    destination: str = ""
    plan: Plan | None = None
    payment: BatchPayment | None = None
    error: L2sendError | None = None

    @property
    def record(self) -> Record | None:
        """Its payment, if it was recorded."""
        return self.payment.record if self.payment else None


def line_results(review: BatchReview | None, result: BatchResult | None, registry: Registry) -> list[LineResult]:
    """Every line in file order, then recorded payments that are no longer in the file.

    Without a file, in the order in which they were recorded.
    """
    begun = result.lines if result else ()
    if review is None:
        return [_of_payment(None, payment, registry) for payment in begun]
    # The journal stores a ref in one Unicode form; the file may use another.
    by_ref = {visible_part(payment.ref): payment for payment in begun}
    by_id = {payment.record.id: payment for payment in begun}
    found = [LineResult(bad.row, bad.row.ref, _WRONG, error=bad.error) for bad in review.bad]
    for line in review.lines:
        row, payment = line.wanted.line.row, by_ref.get(visible_part(line.wanted.line.row.ref))
        if payment:
            found.append(_of_payment(row, payment, registry))
            continue
        state = _NEW if line.plan else line.way.value
        amount, to = line.wanted.payment.amount, str(line.wanted.line.to)
        found.append(LineResult(row, row.ref, state, amount, to, line.plan, error=line.error))
    for known, record in review.known:
        payment = by_id.get(record.id) or BatchPayment(known.row.ref, record)
        found.append(_of_payment(known.row, payment, registry))
    in_file = {visible_part(one.ref) for one in found}
    removed = [_of_payment(None, one, registry) for one in begun if visible_part(one.ref) not in in_file]
    return [*sorted(found, key=lambda one: one.row.line if one.row else 0), *removed]


def _of_payment(row: BatchRow | None, payment: BatchPayment, registry: Registry) -> LineResult:
    record = payment.record
    target = registry.shown(record.payment.to.chain_id)
    to = f"{target.short_name}:{record.payment.to.address}"
    ref, amount = row.ref if row else payment.ref, record.payment.amount
    return LineResult(row, ref, record.state.value, amount, to, payment=payment, error=payment.error)


def batch_document(
    name: str,
    lines: Iterable[LineResult],
    moves: Iterable[BatchPayment],
    registry: Registry,
    review: BatchReview | None,
) -> Document:
    """The whole batch for scripts; before it begins, with its expected cost."""
    lines, moves = list(lines), list(moves)
    return {
        "schema": SCHEMA,
        "name": name,
        "exit": int(exit_status(lines)),
        "counts": dict(Counter(line.state for line in lines)),
        "cost_usd": review.cost_usd if review else None,
        "signatures": review.signatures if review else None,
        "moves": [*(_move_document(move, registry) for move in moves), *_planned_moves(review, len(moves), registry)],
        "left": [
            {"chain": chain.short_name, "amount": amount_document(amount)}
            for chain, amount in (review.left if review else ())
        ],
        "lines": [_line_document(line, registry) for line in lines],
    }


def _line_document(line: LineResult, registry: Registry) -> Document:
    record, row = line.record, line.row
    return {
        "line": row.line if row else None,
        "ref": line.ref,
        "memo": row.memo if row else record.memo if record else "",
        "extra": dict(row.extra) if row else {},
        "state": line.state,
        "destination": line.destination or None,
        "amount": amount_document(line.amount) if line.amount else None,
        "way": line.plan.way.name if line.plan else _way_of(record, registry) if record else None,
        "payment": record.id if record else None,
        "hashes": _hashes(record),
        "fees": [fee_document(fee) for fee in _approved(line)],
        "fees_paid": fees_paid_document(fees_paid(record, registry)) if record else None,
        "delivered_at": record.delivered_at if record else None,
        "explorer": _explorer(record, registry) or None,
        "error": as_typed_here(f"{line.error.message} {line.error.hint}".strip()) if line.error else None,
    }


def _move_document(move: BatchPayment, registry: Registry) -> Document:
    record = move.record
    return {
        "payment": record.id,
        "state": record.state.value,
        "amount": amount_document(record.payment.amount),
        "destination": f"{registry.shown(record.payment.to.chain_id).short_name}:{record.payment.to.address}",
        "way": _way_of(record, registry),
        "lines": None,
        "cost_usd": None,
        "instead_usd": None,
    }


def _planned_moves(review: BatchReview | None, begun: int, registry: Registry) -> list[Document]:
    """The moves of this run, until they begin. `begun`: how many moves the journal has."""
    planned = review.moves if review and begun <= review.moves_before else ()
    return [
        {
            "payment": None,
            "state": _NEW,
            "amount": amount_document(move.plan.payment.amount),
            "destination": f"{registry.shown(move.plan.payment.to.chain_id).short_name}:{move.plan.payment.to.address}",
            "way": move.plan.way.name,
            "lines": move.lines,
            "cost_usd": move.cost_usd,
            "instead_usd": move.instead_usd,
        }
        for move in planned
    ]


def _way_of(record: Record, registry: Registry) -> str:
    return " + ".join(f"{registry.shown(leg.terms.source).short_name} by {leg.terms.bridge}" for leg in record.legs)


def _hashes(record: Record | None) -> list[str]:
    if record is None:
        return []
    fills = [leg.order.fill_tx for leg in record.legs if leg.order and leg.order.fill_tx]
    return list(dict.fromkeys([*(tx.hash for tx in record.transactions if tx.hash), *fills]))


def _approved(line: LineResult) -> Iterator[Fee]:
    """The fees shown before approval."""
    if line.record:
        yield from (fee for leg in line.record.legs for fee in leg.terms.fees)
    elif line.plan:
        yield from (fee for leg in line.plan.legs for fee in leg.fees)


def _explorer(record: Record | None, registry: Registry) -> str:
    """A link to the transaction that paid the recipient."""
    if record is None:
        return ""
    for leg in record.legs:
        if leg.order and leg.order.fill_tx:
            return explorer_link(registry.shown(leg.payment.to.chain_id), leg.order.fill_tx)
        if leg.steps and leg.steps[-1].hash:
            return explorer_link(registry.shown(leg.terms.source), leg.steps[-1].hash)
    return ""


def exit_status(lines: Iterable[LineResult]) -> ExitStatus:
    """0 if every line is delivered, or nothing began and nothing is wrong."""
    return ExitStatus.DELIVERED if all(line.state in _FINE for line in lines) else ExitStatus.NOT_ALL


@dataclass(frozen=True, slots=True)
class ResultFile:
    """The file of `--result`: JSON by its suffix, else CSV for spreadsheets. It shows what people are paid, so only its
    owner can read it.
    """

    path: Path

    def check(self, source: str) -> None:
        """Raises UsageError if a different file is at its path, above all a file of payments."""
        if not self.path.exists():
            if not self.path.parent.is_dir():
                raise UsageError(
                    f"there is no folder {self.path.parent} for --result.", hint="Make it, or name another."
                )
            return
        same = source != "-" and Path(source).exists() and self.path.samefile(source)
        if same or not self.path.is_file() or not self._is_result(self.path):
            raise UsageError(
                f"{self.path} is there already, and is no result of a batch; it is left as it is.",
                hint="Nothing was sent. Name another file after --result.",
            )

    @property
    def _is_json(self) -> bool:
        return self.path.suffix.lower() == ".json"

    def _is_result(self, path: Path) -> bool:
        try:
            with path.open("rb") as file:
                head = file.read(_HEAD).decode(errors="replace")
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {error.strerror}.") from error
        return f'"{SCHEMA}"' in head if self._is_json else head.startswith(",".join(_COLUMNS))

    def write(self, document: Document, lines: Iterable[LineResult], registry: Registry) -> None:
        """Write it atomically over the existing file. Raises ConfigError."""
        text = as_json(document, sys.stdout, indent=2) + "\n" if self._is_json else _csv(lines, registry)
        replace_private(self.path, text.encode())


def _csv(lines: Iterable[LineResult], registry: Registry) -> str:
    return csv_text(_COLUMNS, (_csv_row(line, registry) for line in lines))


def _csv_row(line: LineResult, registry: Registry) -> tuple[str, ...]:
    document = _line_document(line, registry)
    paid = fees_paid(line.record, registry) if line.record else None
    delivered = document["delivered_at"]
    return (
        str(document["line"] or ""),
        line.ref,
        line.state,
        document["payment"] or "",
        line.amount.text if line.amount else "",
        line.amount.token.symbol if line.amount else "",
        line.destination,
        " ".join(document["hashes"]),
        " + ".join(str(fee.amount) for fee in paid.fees if fee.amount.units) if paid else "",
        f"{paid.usd:.6f}" if paid and paid.usd is not None else "",
        "" if delivered is None else datetime.fromtimestamp(delivered, UTC).isoformat(),
        document["explorer"] or "",
        document["error"] or "",
        document["memo"],
    )
