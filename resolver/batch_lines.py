"""Judges the rows of a batch file: each becomes a payment that can be planned, or a reason why not.

Every row is judged before anything else happens, so that all errors are reported at once. ENS names are resolved once
each, since a person may have many lines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from l2send.core.chains import Registry
from l2send.core.errors import BadAmount, L2sendError, NetworkError, UsageError
from l2send.core.look_alikes import looks_of
from l2send.core.rpc import Rpcs
from l2send.core.text import clean, visible_text
from l2send.core.units import Amount, parse_amount
from l2send.resolver.batch_file import BatchRow
from l2send.resolver.contacts import Book
from l2send.resolver.destination import Destination, destination_of, look_up, understand
from l2send.resolver.spelling import Spelling

_LOOK_UPS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One row that can be paid."""

    row: BatchRow
    to: Destination
    amount: Amount
    """In a token on the destination's chain."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """One row that cannot be paid as written, and why."""

    row: BatchRow
    error: L2sendError

    def __str__(self) -> str:
        return f"line {self.row.line}{f' ({clean(self.row.ref, 40)})' if self.row.ref else ''}: {self.error.message}"


@dataclass(frozen=True, slots=True)
class JudgedBatch:
    """All rows of a file, each once, in file order."""

    lines: tuple[BatchLine, ...]
    bad: tuple[BadLine, ...]

    @property
    def paid_more_than_once(self) -> tuple[tuple[BatchLine, ...], ...]:
        """Groups of lines with the same amount to the same account: reported, since they may be intended."""
        same = dict[tuple[str, Amount], list[BatchLine]]()
        for line in self.lines:
            same.setdefault((str(line.to), line.amount), []).append(line)
        return tuple(tuple(lines) for lines in same.values() if len(lines) > 1)


async def judge_batch(rows: Sequence[BatchRow], rpcs: Rpcs, book: Book) -> JudgedBatch:
    """Judge every row. Only ENS names need the network. Raises NetworkError if ENS does not answer."""
    spelled = {row.to: _understood(row.to, rpcs.registry, book) for row in rows}
    names = {text: found for text, found in spelled.items() if isinstance(found, Spelling) and found.name}
    resolved = await _looked_up(names, rpcs)
    taken = dict[str, int]()
    lines, bad = list[BatchLine](), list[BadLine]()
    for row in rows:
        try:
            _check_ref(row, taken)
            lines.append(_line(row, resolved.get(row.to) or spelled[row.to], rpcs.registry))
        except L2sendError as error:
            bad.append(BadLine(row, error))
    return JudgedBatch(tuple(lines), tuple(bad))


def _understood(text: str, registry: Registry, book: Book) -> Spelling | L2sendError:
    try:
        if not text:
            raise UsageError("`to` is empty.")
        return understand(text, registry, book)
    except L2sendError as error:
        return error


async def _looked_up(names: dict[str, Spelling], rpcs: Rpcs) -> dict[str, Destination | L2sendError]:
    """The account of each name, or why it has none. Raises NetworkError: an unknown name is not a failed request."""
    turn = asyncio.Semaphore(_LOOK_UPS_AT_ONCE)

    async def one(spelling: Spelling) -> Destination | L2sendError:
        async with turn:
            try:
                return await look_up(spelling, rpcs)
            except NetworkError:
                raise
            except L2sendError as error:
                return error

    return dict(zip(names, await asyncio.gather(*map(one, names.values())), strict=True))


def _check_ref(row: BatchRow, taken: dict[str, int]) -> None:
    """Raises UsageError for a `ref` that is missing, has invisible characters, or looks like that of an earlier line:
    the journal would refuse it as an idempotency key after other lines are paid.
    """
    if not row.ref:
        raise UsageError("`ref` is empty.", hint="Give every payment a reference of its own: it is paid once.")
    visible_text(row.ref, "`ref`")
    before = taken.setdefault(looks_of(row.ref), row.line)
    if before != row.line:
        raise UsageError(f"`ref` {clean(row.ref, 40)!r} stands in line {before} too, or one that looks the same.")


def _line(row: BatchRow, found: Destination | Spelling | L2sendError, registry: Registry) -> BatchLine:
    if isinstance(found, L2sendError):
        raise found
    to = found if isinstance(found, Destination) else destination_of(found, registry)
    if to.asked is not None and to.asked.amount is not None and not (row.amount or row.token):
        return BatchLine(row, to, to.asked.amount)
    if not row.amount or not row.token:
        raise BadAmount(f"`{'token' if row.amount else 'amount'}` is empty.")
    amount = parse_amount(row.amount, to.chain.token(row.token))
    if to.asked and (to.asked.token != amount.token or to.asked.amount not in {None, amount}):
        raise UsageError(f"the payment link asks for {to.asked.amount or to.asked.token.symbol}, not for {amount}.")
    return BatchLine(row, to, amount)


def words_of(bad: Iterable[BadLine], most: int = 50) -> str:
    """Bad lines, one per line; beyond `most` only their number."""
    lines = [str(line) for line in bad]
    more = [f"and {len(lines) - most} more"] if len(lines) > most else []
    return "\n".join([*lines[:most], *more])
