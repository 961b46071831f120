"""What stands beside the spinner, at any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from l2send.cli.progress import Live

HASH = "0x" + "e5c44366" * 8
SENTENCES = (
    "starting",
    f"open final on Devnet 2: {HASH}",
    "a solver may fill it until then; after that it can be refunded.",
)


@pytest.mark.parametrize("width", [10, 40, 80])
@pytest.mark.parametrize("sentence", SENTENCES)
def test_it_is_one_line_without_a_hash(sentence: str, width: int) -> None:
    shown = io.StringIO()
    Console(file=shown, width=width, force_terminal=True, color_system=None).print(Live(sentence, estimate=600))
    assert shown.getvalue().count("\n") == 1
    assert len(shown.getvalue().rstrip()) <= width
    assert "0x" not in shown.getvalue()


def test_the_clock_stays_where_the_sentence_is_cut() -> None:
    shown = io.StringIO()
    Console(file=shown, width=40, force_terminal=True, color_system=None).print(Live(SENTENCES[2], estimate=600))
    assert shown.getvalue() == "a solver may fill …  0 s of about 10 min\n"
