"""Reads rows of a CSV file with a header, as spreadsheets and people write it. Checks only its form.

It may have CRLF, empty lines, another separator, no final newline, and columns in any order and case. A file whose rows
could be lost or read in two ways is refused: an unclosed quote, a duplicate column, more cells than the header has.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterator

from l2send.core.errors import UsageError

_SEPARATORS = (",", ";", "\t", "|")

Names = Callable[[str], str]
"""Maps a header cell, in lower case without quotes and spaces, to its column."""


def csv_rows(
    text: str, known: Collection[str], required: Collection[str], named: Names = str
) -> Iterator[tuple[int, dict[str, str]]]:
    """Every row below the header: its first line, from 1, and its cells by `known` column; others by their own name.

    Raises UsageError with the line number.
    """
    separator = _separator(text, known, named)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    names: list[str] | None = None
    before = 0
    try:
        for cells in lines:
            line, before = before + 1, lines.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if names is None:
                names = _header(cells, line, known, required, named)
                continue
            if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
                raise UsageError(
                    f"line {line} has {len(cells)} cells, the header has {len(names)}.",
                    hint='Put a cell that holds the separator into quotes: "1,304.53"',
                )
            if any(part.count(separator) >= len(names) - 1 for cell in cells for part in cell.splitlines()[1:]):
                raise UsageError(
                    f"line {line}: a cell in quotes holds what looks like another line of the file.",
                    hint="A quote is not closed: those lines would be lost. Close it where the cell ends.",
                )
            yield line, dict(zip(names, cells, strict=False))
    except csv.Error as error:
        raise UsageError(f"line {lines.line_num}: {error}.") from None


def _separator(text: str, known: Collection[str], named: Names) -> str:
    """The separator that splits the header into the most known columns."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(_SEPARATORS, key=lambda mark: len({_column(cell, named) for cell in header.split(mark)} & {*known}))


def _column(cell: str, named: Names) -> str:
    return named(cell.strip().strip('"').strip().lower())


def _header(cells: list[str], line: int, known: Collection[str], required: Collection[str], named: Names) -> list[str]:
    """The columns in file order; unknown ones keep their own names."""
    names = [column if (column := _column(cell, named)) in known else cell.strip() for cell in cells]
    missing = [name for name in required if name not in names]
    if missing:
        raise UsageError(
            f"line {line}: the header lacks {', '.join(missing)}.",
            hint=f"The first line names the columns, in any order: {','.join(known)}",
        )
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice:
        raise UsageError(f"line {line}: the header names {twice[:40]!r} twice.")
    return names
