"""The journal's payments as rows: a table that fits the terminal, and CSV for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from rich.text import Text

from l2send.cli.money import shorter, total_cost
from l2send.cli.outcome import delivering, explorer_link
from l2send.cli.screen import Rows, out, styled, table
from l2send.cli.styles import is_plain
from l2send.cli.times import clock
from l2send.core.address import short
from l2send.core.chains import Registry
from l2send.core.text import in_words
from l2send.resolver.contacts import Book
from l2send.wallet.fees_paid import fees_paid
from l2send.wallet.journal.records import PaymentRecord, Record

COLUMNS = (
    "id",
    "created_at",
    "state",
    "amount",
    "delivered",
    "token",
    "destination",
    "contact",
    "sender",
    "sources",
    "bridges",
    "idempotency_key",
    "transactions",
    "typed_name",
    "memo",
    "arrived",
    "delivered_at",
    "fees_paid",
    "fees_paid_usd",
    "explorer",
)
_WIDE = 150
"""Columns from which a terminal has room for whole addresses and sources."""


def table_of(records: Sequence[Record], registry: Registry) -> Rows:
    """A row for each payment. On a narrow terminal, names and shortened addresses."""
    if not out().is_terminal or is_plain() or out().width >= _WIDE:
        return _whole(records, registry)
    rows = table(
        "id", "made", "amount", "to", "cost", "state", right=("amount", "cost"), whole=("id", "amount", "cost")
    )
    for r in records:
        rows.add_row(
            r.id,
            _short_time(r),
            styled(_several(r) or shorter(r.payment.amount)),
            _short_destination(r, registry),
            styled(_total(r, registry)),
            _state(r),
        )
    return rows


def _whole(records: Sequence[Record], registry: Registry) -> Rows:
    made = "made" if out().is_terminal else "made (UTC)"
    rows = table("id", made, "amount", "to", "from", "by", "cost", "state", "memo", right=("amount",))
    for r in records:
        rows.add_row(
            r.id,
            clock(r.created_at) if out().is_terminal else f"{datetime.fromtimestamp(r.created_at, UTC):%Y-%m-%d %H:%M}",
            styled(_several(r) or r.payment.amount),
            _destination(r, registry),
            _sources(r, registry),
            ", ".join(_bridges(r)),
            styled(_total(r, registry)),
            _state(r),
            styled(r.memo),
        )
    return rows


def _state(record: Record) -> Text:
    return styled(in_words(record.state), "bold" if record.meaning.open else "")


def _several(record: Record) -> str:
    """What is shown as the amount of a transaction of several payments, which have rows of their own."""
    carries = record.legs[0].terms.carries
    return f"{len(carries)} payments" if carries else ""


def _total(record: Record, registry: Registry) -> str:
    """Its total cost, without the parts."""
    return total_cost(fees_paid(record, registry))


def _short_time(record: Record) -> str:
    return clock(record.created_at).replace(" today", "").replace(" on ", " ")


def _short_destination(record: Record, registry: Registry) -> Text:
    to = record.payment.to
    chain = registry.shown(to.chain_id).short_name
    return styled(f"{record.typed_name or short(to.address)} on {chain}")


def _destination(record: Record, registry: Registry) -> Text:
    """The account, and its name when it was paid: names may resolve differently today."""
    to = record.payment.to
    account = f"{registry.shown(to.chain_id).short_name}:{to.address}"
    return styled(f"{account} (typed: {record.typed_name})" if record.typed_name else account)


def _sources(record: Record, registry: Registry) -> str:
    if isinstance(record, PaymentRecord):
        return registry.shown(record.terms.source).short_name
    return f"{len(record.legs)} chains"


def _bridges(record: Record) -> Iterable[str]:
    return dict.fromkeys(leg.terms.bridge for leg in record.legs)


def csv_rows(records: Iterable[Record], registry: Registry, book: Book) -> Iterator[tuple[str, ...]]:
    """One row per payment; amounts are exact decimals, several values share a cell, separated by spaces.

    Fees include their coins, `0.00021 ETH 0.6 USDC`; their dollars use the prices at approval.
    """
    for record in records:
        payment = record.payment
        target = registry.shown(payment.to.chain_id)
        contact = book.at(payment.to.address, target)
        paid = fees_paid(record, registry)
        yield (
            record.id,
            _utc(record.created_at),
            record.state.value,
            payment.amount.text,
            record.delivered.text,
            payment.amount.token.symbol,
            f"{target.short_name}:{payment.to.address}",
            contact.name if contact else "",
            payment.sender,
            " ".join(registry.shown(leg.terms.source).short_name for leg in record.legs),
            " ".join(_bridges(record)),
            record.key or "",
            " ".join(tx.hash for tx in record.transactions if tx.hash),
            record.typed_name,
            record.memo,
            record.arrived.text if record.arrived else "",
            _utc(record.delivered_at) if record.delivered_at else "",
            " ".join(str(fee.amount) for fee in paid.fees) if paid.is_whole else "",
            "" if paid.usd is None else f"{paid.usd:.6f}",
            " ".join(filter(None, (explorer_link(target, tx_hash) for tx_hash in delivering(record)))),
        )


def _utc(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
