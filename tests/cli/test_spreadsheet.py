"""CSV whose cells start no formula, wherever a spreadsheet splits them, and do not control a terminal."""

from __future__ import annotations

import csv
import io

import pytest

from l2send.cli.spreadsheet import csv_text


@pytest.mark.parametrize(
    "cell", ["=1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=cmd|x", " =1", '"=1', "\uff1d1", "\u200b=1"]
)
def test_a_cell_that_starts_a_formula_is_text(cell: str) -> None:
    assert _read(cell).startswith("'")


@pytest.mark.parametrize("mark", [";", ",", "|", "; "])
def test_so_is_what_another_locale_takes_for_the_next_cell(mark: str) -> None:
    assert _read(f"x{mark}=HYPERLINK(1)") == f"x{mark.strip()}'{mark[1:]}=HYPERLINK(1)"


@pytest.mark.parametrize("cell", ["inv-9", "dev1:0xab", "1.5", "a@b", "a=b", "x; y"])
def test_others_stay_as_they_are(cell: str) -> None:
    assert _read(cell) == cell


def test_nothing_steers_a_terminal() -> None:
    assert _read("a\x1b]0;pwned\x07b\x9b2J\u202ec") == "abc"


def _read(cell: str) -> str:
    ((shown,),) = list(csv.reader(io.StringIO(csv_text([], [[cell]]), newline="")))[1:]
    return shown
