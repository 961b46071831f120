"""What stands beside the spinner, at any width."""

from __future__ import annotations

import io
import time

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


@pytest.mark.parametrize(
    ("estimate", "elapsed", "clock"),
    [(2, 4, "4 s of about 2 s"), (2, 45, "late: 45 s, expected 2 s"), (600, 900, "900 s of about 10 min")],
)
def test_late_is_said_as_late(monkeypatch: pytest.MonkeyPatch, estimate: int, elapsed: int, clock: str) -> None:
    shown, live = io.StringIO(), Live("waiting", estimate=estimate)
    started = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: started + elapsed)
    Console(file=shown, width=60, force_terminal=True, color_system=None).print(live)
    assert shown.getvalue() == f"waiting …  {clock}\n"
