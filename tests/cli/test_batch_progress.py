"""The progress of a batch: a bar, the counts by state, the rate, and the time that is left."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from l2send.cli import batch_progress
from l2send.cli.batch_progress import BatchLive
from l2send.progress_events import ProgressEvent
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.states import PaymentState
from tests.wallet.journal.writing import a_payment, begin


def drawn(live: BatchLive, width: int, encoding: str = "utf-8") -> str:
    written = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=written, width=width, force_terminal=True, color_system=None)
    console.print(live, end="")
    written.seek(0)
    return written.read().strip("\n")


def test_it_shows_what_is_done_how_fast_and_how_long_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    records = [begin(journal, a_payment(n), f"november/{n}") for n in range(1, 11)]
    journal.close()
    now = 100.0
    monkeypatch.setattr(batch_progress.time, "monotonic", lambda: now)
    live = BatchLive("november", records)
    assert live.line() == "november: 10 planned"
    now = 110.0
    for record in records[:4]:
        live.update(ProgressEvent(record.id, PaymentState.DELIVERED, "delivered"))
    live.update(ProgressEvent(records[4].id, PaymentState.SENDING, "sending"))
    assert live.line() == "november: 5 planned, 1 sending, 4 delivered", "no rate of so few"
    live.update(ProgressEvent(records[4].id, PaymentState.DELIVERED, "delivered"))
    line = "november: 5 planned, 5 delivered; 0.5 a second, about 10 s left"
    assert live.line() == line
    assert drawn(live, 100) == "━" * 10 + "╌" * 10 + f" {line}"
    assert drawn(live, 100, "ascii") == "#" * 10 + "-" * 10 + f" {line}"
    assert len(drawn(live, 40)) <= 38, "one line, however narrow"
    for record in records[5:]:
        live.update(ProgressEvent(record.id, PaymentState.REVERTED, "reverted"))
    assert live.line() == "november: 5 delivered, 5 reverted; 1.0 a second"
