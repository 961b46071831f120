"""CSV as spreadsheets write it, and files that could lose a row or be read in two ways."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2send.core.csv_rows import csv_rows
from l2send.core.errors import UsageError

KNOWN = ("name", "address", "memo")
CELL = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=12)


def rows(text: str) -> list[tuple[int, dict[str, str]]]:
    return list(csv_rows(text, KNOWN, KNOWN[:2]))


@given(st.lists(st.tuples(CELL.filter(str.strip), CELL, CELL), max_size=6), st.sampled_from(",;\t|"))
def test_what_a_spreadsheet_writes_is_read_cell_by_cell(cells: list[tuple[str, str, str]], separator: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator).writerows([KNOWN, *cells])
    assert [tuple(row.values()) for _, row in rows(file.getvalue())] == cells


@given(st.text(st.sampled_from('ab,;\t"\n\r '), max_size=40))
def test_any_text_is_read_or_refused_and_no_line_is_lost(text: str) -> None:
    """A line of plain cells below the text is a row of its own, unless the text is refused."""
    try:
        found = rows(f"name,address\n{text}\nlast,line\n")
    except UsageError:
        return
    assert {"name": "last", "address": "line"} in [row for _, row in found]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name,address,name\n", "names 'name' twice"),
        ("name,memo\n", "lacks address"),
        ('name,address\na,"b\n', "line 2: unexpected end of data"),
        ('name,address\na,"b\nc,d\n",e\n', "has 3 cells"),
        ('name,address\na,"b\nc,d\n"\n', "looks like another line"),
        ("name,address\na,b,c\n", "line 2 has 3 cells, the header has 2"),
        ('name,address\na,"b"c\n', "line 2"),
    ],
)
def test_what_could_lose_a_row_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        rows(text)
