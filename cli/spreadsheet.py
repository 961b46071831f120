"""CSV that spreadsheets show as it is: RFC 4180, and no cell that one of them would run as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_RUNS = ("=", "+", "-", "@", "\t", "\r")


def csv_text(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A line for the headings and one for each row. Source of the rule: OWASP, CSV injection."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(headings)
    writer.writerows([_inert(cell) for cell in row] for row in rows)
    return text.getvalue()


def _inert(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_RUNS) else cell
