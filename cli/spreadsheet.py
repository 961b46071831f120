"""CSV for spreadsheets: RFC 4180, without cells that would run as a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from l2send.core.text import clean

_LONGEST_CELL = 30_000
"""Characters; a cell of a spreadsheet holds 32,767."""
# Characters that a spreadsheet may take for the start of a formula: at the start of a cell, and after a separator of
# another locale. The wide forms of = + - @ count, too.
_FORMULA = re.compile(r"(^|[;,|])(?=[\s\"']*[=+\-@\uff1d\uff0b\uff0d\uff20])")


def csv_text(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A line for the headings and one for each row."""
    return "".join(csv_lines(headings, rows))


def csv_lines(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The same, line by line."""
    yield _line(headings)
    for row in rows:
        yield _line([_inert(cell) for cell in row])


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _inert(cell: str) -> str:
    """The cell as one printable line that does not start a formula. Source of the rule: OWASP, CSV injection."""
    return _FORMULA.sub(r"\1'", clean(cell, _LONGEST_CELL))
