"""`l2send history`: lists the journal's payments, filtered, for people and for spreadsheets."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from textwrap import indent
from typing import Annotated

import typer

from l2send.cli.forgotten_devnet import reminder_of_the_devnet
from l2send.cli.history_rows import COLUMNS, csv_rows, table_of
from l2send.cli.json_documents import payment_document
from l2send.cli.option_groups import spread
from l2send.cli.options import RunOptions
from l2send.cli.screen import as_json as json_of
from l2send.cli.screen import err, out, print_data, print_words, styled
from l2send.cli.spreadsheet import csv_lines
from l2send.cli.terminal import run_to_end
from l2send.client import Client, open_client
from l2send.core.chains import Chain, Registry
from l2send.core.errors import ExitStatus, UsageError
from l2send.core.text import clean
from l2send.resolver.contacts import Book
from l2send.resolver.destination import understand
from l2send.resolver.spelling import Spelling
from l2send.wallet.journal.records import Record
from l2send.wallet.journal.states import PaymentState

_ROWS_OF_A_TABLE = 500


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters. None or empty does not filter."""

    since: datetime | None
    until: datetime | None
    """The first moment after the period."""
    states: frozenset[PaymentState]
    only_open: bool
    chain: Chain | None
    """The destination chain, or a paying chain."""
    token: str
    to: Spelling | None
    memo: str
    """Part of the memo, in any case."""
    key: str
    """The start of the idempotency key."""

    def takes(self, record: Record) -> bool:
        """Whether `record` passes the filters."""
        payment = record.payment
        made = datetime.fromtimestamp(record.created_at, UTC)
        chains = {payment.to.chain_id, *(leg.terms.source for leg in record.legs)}
        return (
            (self.since is None or made >= self.since)
            and (self.until is None or made < self.until)
            and (not self.states or record.state in self.states)
            and (not self.only_open or record.meaning.open)
            and (self.chain is None or self.chain.chain_id in chains)
            and (not self.token or self.token == payment.amount.token.symbol.lower())
            and (self.to is None or self._is_paid(record, self.to))
            and self.memo.casefold() in record.memo.casefold()
            and (record.key or "").startswith(self.key)
        )

    def _is_paid(self, record: Record, to: Spelling) -> bool:
        places = [to.chain] if to.chain else to.among
        account = record.payment.to
        return account.address == to.address and (not places or account.chain_id in {c.chain_id for c in places})


@dataclass(frozen=True, slots=True)
class FilterOptions:
    """The filters as typed."""

    since: Annotated[str | None, typer.Option("--since", metavar="DATE", help="Made then or later.")] = None
    until: Annotated[str | None, typer.Option("--until", metavar="DATE", help="Made then or earlier.")] = None
    states: Annotated[
        list[PaymentState] | None,
        typer.Option("--state", metavar="STATE", help=f"Only these; repeatable: {', '.join(PaymentState)}."),
    ] = None
    only_open: Annotated[bool, typer.Option("--open", help="Only those that may still change.")] = False
    chain: Annotated[str | None, typer.Option("--chain", metavar="CHAIN", help="Paid to or from this chain.")] = None
    token: Annotated[str, typer.Option("--token", metavar="SYMBOL", help="Only payments of this token.")] = ""
    to: Annotated[str | None, typer.Option("--to", metavar="DEST", help="Only to this account, or contact.")] = None
    memo: Annotated[str, typer.Option("--memo", metavar="TEXT", help="Only those whose memo contains this.")] = ""
    key: Annotated[
        str, typer.Option("--idempotency-key", metavar="KEY", help="Only those whose key starts with this.")
    ] = ""

    def understood(self, registry: Registry, book: Book) -> Filters:
        """Raises UsageError."""
        return Filters(
            _moment(self.since) if self.since else None,
            _end(self.until) if self.until else None,
            frozenset(self.states or ()),
            self.only_open,
            registry.named(self.chain) if self.chain else None,
            self.token.lower(),
            _recipient(self.to, registry, book) if self.to else None,
            self.memo.strip(),
            self.key.strip(),
        )


@spread
def history(
    filters: FilterOptions,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", metavar="N", min=1, help="No more than this many.")
    ] = None,
    before: Annotated[
        str | None, typer.Option("--before", metavar="ID", help="Only those older than this payment.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV for spreadsheets, on stdout.")] = False,
    *,
    run_options: RunOptions,
) -> int:
    """List the payments made from this machine, newest first.

    A DATE is 2026-11-22 or 2026-11-22T09:30, in UTC; a day stands for all of it. --json and --csv have every figure,
    exact, with times in UTC, what was paid in fees, and the memo.
    The next page: --limit 20 --before ID, where ID is the last payment of this one.

    Example: l2send history --since 2026-11-01 --token USDC --csv
    """
    if as_csv and run_options.as_json:
        raise UsageError("--csv and --json cannot be combined.", hint="Use one of them.")

    async def run() -> int:
        async with open_client(run_options.paths) as client:
            wanted = filters.understood(client.registry, client.book)
            payments = _payments(client, before, only_open=filters.only_open)
            records = islice(filter(wanted.takes, payments), limit)
            if run_options.as_json:
                _print_json(records, client.registry)
            elif as_csv:
                for line in csv_lines(COLUMNS, csv_rows(records, client.registry, client.book)):
                    print_data(line)
            else:
                _print(records, client, limit)
            return ExitStatus.DELIVERED

    return run_to_end(run())


def _payments(client: Client, before: str | None, *, only_open: bool) -> Iterable[Record]:
    """The payments to list, newest first, read lazily. Raises UsageError."""
    if not only_open:
        return client.stream_history(before)
    records = client.open_payments()
    if before is None:
        return records
    older_than = client.find(before)
    return (r for r in records if (r.created_at, r.id) < (older_than.created_at, older_than.id))


def _print_json(records: Iterable[Record], registry: Registry) -> None:
    """Print one document, payment by payment: there may be a million."""
    first = True
    print('{\n  "schema": "l2send.history/1",\n  "payments": [', end="")
    for record in records:
        text = json_of(payment_document(record, registry), sys.stdout, indent=2)
        print(f"{'' if first else ','}\n{indent(text, '    ')}", end="")
        first = False
    print(f"{'' if first else chr(10) + '  '}]\n}}")


def _moment(text: str) -> datetime:
    """An ISO 8601 date or time, in UTC by default. Raises UsageError."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"not a date: {clean(text, 40)!r}.", hint="Write 2026-11-22, or 2026-11-22T09:30 for a time in UTC."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _end(text: str) -> datetime:
    """The first moment after a day, or a moment itself. Raises UsageError."""
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return _moment(text)
    return datetime.combine(day + timedelta(days=1), time.min, UTC)


def _recipient(text: str, registry: Registry, book: Book) -> Spelling:
    """The recipient to search; an address without a chain matches on any chain. Raises UsageError."""
    spelling = understand(text, registry, book)
    if spelling.address is None:
        raise UsageError(
            f"{spelling.name} may lead elsewhere today than when it was paid.", hint="Write the address, or a contact."
        )
    return spelling


def _print(records: Iterable[Record], client: Client, limit: int | None) -> None:
    """Print tables with a limited number of rows: a long history does not fit into memory."""
    pages, listed = iter(records), 0
    last: Record | None = None
    while page := list(islice(pages, _ROWS_OF_A_TABLE)):
        out().print(table_of(page, client.registry))
        listed, last = listed + len(page), page[-1]
    if last is None:
        none = f"No payments yet. {reminder_of_the_devnet(client.paths)}".strip()
        print_words(err(), "No such payments." if client.history(1) else none)
    elif listed == limit and client.history(1, last.id):
        print_words(err(), styled(f"Older ones: add --before {last.id}", "dim"))
