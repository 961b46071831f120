"""Progress on stderr: a spinner with the time for people, plain lines for logs, JSON for programs."""

from __future__ import annotations

import re
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.status import Status
from rich.text import Text

from l2send.cli.progress_mode import ProgressMode, progress_mode
from l2send.cli.screen import aloud, as_json, err, print_beside, styled
from l2send.cli.times import duration

if TYPE_CHECKING:
    from l2send.turns import Turn
    from l2send.wallet.journal.records import Record

_ASKING, _STARTING = "asking", "starting"
"""The phases before a payment exists or anything happened to it. Other phases are states of payments."""

_LATE = 10.0
"""Seconds beyond the estimate, or twice the estimate if that is longer, after which it is late."""
_HASH = re.compile(r":? 0x[0-9a-f]{64}\b")


class Live:
    """Shows what is happening while the context lasts. Each new sentence stays on the screen as a line."""

    def __init__(self, first: str, *, payment_id: str | None = None, estimate: int | None = None) -> None:
        """`estimate` is the time in seconds that all of it may take."""
        self._started = time.monotonic()
        self._payment_id, self._estimate = payment_id, estimate
        self._status: Status | None = None
        self._now = first

    def __enter__(self) -> Self:
        if progress_mode() is ProgressMode.LIVE and aloud().is_terminal:
            self._status = aloud().status(self, spinner="dots")
            self._status.start()
        elif progress_mode() is ProgressMode.JSON:
            self._emit(self._payment_id, _STARTING if self._payment_id else _ASKING, self._now)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()

    def update(self, turn: Turn) -> None:
        """Something happened to the payment."""
        if turn.text == self._now:
            return
        self._now = turn.text
        if progress_mode() is ProgressMode.JSON:
            self._emit(turn.id, turn.state.value, turn.text)
        else:
            print_beside(err(), Text(f"{self._elapsed:6.1f} s  ", "dim"), styled(turn.text, limit=400))

    def ended(self, record: Record) -> None:
        """Nothing more happens to the payment for now. People are shown its outcome instead."""
        if progress_mode() is ProgressMode.JSON:
            self._emit(record.id, record.state.value, record.meaning.money)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The line beside the spinner, redrawn several times a second: one line, else halves of it would stay."""
        clock = f"  {self._clock()}" if self._estimate else ""
        words = styled(f"{_HASH.sub('', self._now).rstrip('.')} …", limit=400)
        words.truncate(max(0, options.max_width - len(clock)), overflow="ellipsis")
        line = words + Text(clock, "dim")
        line.no_wrap, line.overflow = True, "crop"
        yield line

    def _clock(self) -> str:
        """The time so far and the estimate, or that it is late."""
        assert self._estimate
        if self._elapsed > self._estimate + max(_LATE, self._estimate):
            return f"late: {duration(self._elapsed)}, expected {duration(self._estimate)}"
        return f"{self._elapsed:.0f} s of about {duration(self._estimate)}"

    @property
    def _elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._started

    def _emit(self, payment_id: str | None, phase: str, text: str) -> None:
        """One line of NDJSON, as docs/schemas/progress.json describes it."""
        document = {
            "schema": "l2send.progress/1",
            "at": round(time.time(), 3),
            "id": payment_id,
            "phase": phase,
            "text": styled(text, limit=400).plain,
            "elapsed_seconds": round(self._elapsed, 3),
            "estimate_seconds": self._estimate,
        }
        aloud().out(as_json(document, aloud()), highlight=False)
