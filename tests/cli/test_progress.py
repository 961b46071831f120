"""The text beside the spinner, at any width."""

from __future__ import annotations

import asyncio
import io
import os
import time

import pytest
from rich.console import Console

from l2send.cli import progress, spinner
from l2send.cli.progress import Live, Waiting
from l2send.cli.progress_mode import ProgressMode, progress_mode, set_progress_mode
from l2send.cli.spinner import Spinner
from l2send.cli.styles import is_plain
from l2send.core.progress_count import counted, counting
from l2send.progress_events import ProgressEvent
from l2send.wallet.journal.states import PaymentState
from tests.support.inside import Inside, inside

__all__ = ["inside"]

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


def test_a_time_beside_the_spinner_is_that_of_this_machine() -> None:
    """The line above it says the same sentence so."""
    shown = io.StringIO()
    there = "a solver may fill it until 2020-01-02 03:04:05 UTC"
    Console(file=shown, width=120, force_terminal=True, color_system=None).print(Live(there, estimate=600))
    assert "UTC" not in shown.getvalue()
    assert "Jan 2020" in shown.getvalue()


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (90, "asking all chains …  31 of 68 chains  [#######.........]"),
        (60, "asking all chains …  31 of 68 chains"),
        (40, "asking all chains …  31 of 68 chains"),
    ],
)
def test_answers_are_counted_where_they_come_in(width: int, line: str) -> None:
    shown = io.StringIO()
    with Live("asking all chains") as live:
        counted().ask("chains", 68)
        for _ in range(31):
            counted().answer("chains")
        Console(file=shown, width=width, force_terminal=True, color_system=None).print(live)
    assert shown.getvalue() == f"{line}\n"
    assert counted().asked == 0  # nothing is counted outside


def test_another_kind_of_answer_begins_at_nothing() -> None:
    with counting() as count:
        counted().ask("chains", 3)
        counted().answer("chains")
        counted().ask("offers of bridges")
        counted().answer("chains")  # comes late
        assert (count.what, count.answered, count.asked) == ("offers of bridges", 0, 1)


def test_what_to_do_is_said_once_when_a_payment_is_late(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_LATE", 0.05)

    async def wait() -> None:
        words = Waiting(when_late=lambda: "Wait, or later: `l2send resume p-1`.")
        with Live("waiting", payment_id="p-1", estimate=0.05, waiting=words):  # type: ignore[arg-type]
            await asyncio.sleep(0.4)
        with Live("waiting", payment_id="p-2", estimate=3600):
            await asyncio.sleep(0.1)

    asyncio.run(wait())
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("longer than expected") == 1
    assert "Wait, or later: `l2send resume p-1`." in said


def test_the_line_says_what_is_waited_for_and_not_what_happened_last(capsys: pytest.CaptureFixture[str]) -> None:
    def line() -> str:
        shown = io.StringIO()
        Console(file=shown, width=80, force_terminal=True, color_system=None).print(live)
        return shown.getvalue()

    awaited = ""
    live = Live("starting", payment_id="p-1", estimate=60, waiting=Waiting(lambda: awaited))
    live.update(ProgressEvent("p-1", PaymentState.SENDING, "approve sent"))
    assert line().startswith("approve sent …")
    awaited = "waiting for a solver to pay on Devnet 3"
    for happened in ("open mined on Devnet 2", "open final on Devnet 2"):
        live.update(ProgressEvent("p-1", PaymentState.BRIDGING, happened))
        assert line().startswith("waiting for a solver to pay on Devnet 3 …  0 s of")
    live.update(ProgressEvent("p-1", PaymentState.BRIDGING, "open final on Devnet 2"))
    assert capsys.readouterr().err.count("open final on Devnet 2") == 1


@pytest.mark.parametrize("words", [("--quiet",), ("--progress", "none"), ("--plain",)])
def test_what_a_command_chooses_for_the_screen_ends_with_it(words: tuple[str, ...], inside: Inside) -> None:
    inside.environment.setenv("TERM", "xterm")
    inside.run("chains", *words)
    assert (progress_mode(), is_plain(), os.environ.get("NO_COLOR")) == (ProgressMode.PLAIN, False, None)


@pytest.mark.parametrize(
    ("how", "said"), [(None, ""), (ProgressMode.PLAIN, "2 of 2 chains answered\n"), (ProgressMode.NONE, "")]
)
def test_a_pipe_is_told_counts_only_where_it_asks(
    how: ProgressMode | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_progress_mode(how)
    try:
        with Live("asking"):
            counted().ask("chains", 2)
            counted().answer("chains")
            counted().answer("chains")
        assert capsys.readouterr().err == said
    finally:
        set_progress_mode(None)


@pytest.mark.parametrize(
    ("estimate", "elapsed", "clock"),
    [
        (2, 1, "1 s of about 2 s"),
        (2, 4, "4 s, longer than the usual 2 s"),
        (2, 45, "late: 45 s, expected 2 s"),
        (600, 900, "900 s, longer than the usual 10 min"),
    ],
)
def test_late_is_said_as_late(monkeypatch: pytest.MonkeyPatch, estimate: int, elapsed: int, clock: str) -> None:
    shown, live = io.StringIO(), Live("waiting", estimate=estimate)
    started = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: started + elapsed)
    Console(file=shown, width=60, force_terminal=True, color_system=None).print(live)
    assert shown.getvalue() == f"waiting …  {clock}\n"


def test_the_spinner_is_drawn_before_anything_is_printed_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line printed while another thread draws it first would be written behind it, and it would stay."""
    shown = io.StringIO()
    console = Console(file=shown, width=40, force_terminal=True, color_system=None)
    monkeypatch.setattr(spinner, "aloud", lambda: console)
    monkeypatch.setattr(spinner, "_REDRAWN", 0.01)  # by its thread it would be drawn after 100 seconds
    drawn = Spinner("signing approve …")
    drawn.start()
    assert "signing approve …" in shown.getvalue()
    console.print("a line that stays")
    drawn.stop()
    erased, _, kept = shown.getvalue().rpartition("a line that stays")
    assert erased.endswith("\r\x1b[2K"), "the spinner's line is erased first"
    assert kept.startswith("\n")
