"""The progress of a running batch: a bar, payments by state, payments per second, and the time that remains."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from l2send.cli.lines_to_type import as_typed_here
from l2send.cli.progress_mode import ProgressMode, progress_mode
from l2send.cli.screen import aloud, as_json, err, styled
from l2send.cli.spinner import Spinner
from l2send.cli.times import duration
from l2send.core.text import in_words
from l2send.wallet.journal.states import MEANINGS, PaymentState

if TYPE_CHECKING:
    from l2send.progress_events import ProgressEvent
    from l2send.wallet.journal.records import Record

_LINE_EVERY = 10.0
"""Seconds between two lines if stderr is not a terminal."""
_BAR = 20
"""How many characters the bar has."""
_ENOUGH_TO_TELL = 5
"""How many payments must have ended before a rate is shown."""


class BatchLive:
    """Shows the progress of a batch for the context: one line on a terminal, a line now and then in a log."""

    def __init__(self, name: str, records: Iterable[Record]) -> None:
        """`records` are the batch's payments at the start."""
        found = list(records)
        self._name, self._started, self._told_at = name, time.monotonic(), time.monotonic()
        self._states = {record.id: record.state for record in found}
        self._open = {record.id for record in found if record.meaning.open}
        self._at_first = len(self._open)
        self._spinner: Spinner | None = None

    def __enter__(self) -> Self:
        if progress_mode() is ProgressMode.LIVE and aloud().is_terminal:
            self._spinner = Spinner(self)
            self._spinner.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._spinner:
            self._spinner.stop()

    def update(self, event: ProgressEvent) -> None:
        """Handle an event of one payment."""
        self._states[event.id] = event.state
        if not MEANINGS[event.state].open:
            self._open.discard(event.id)
        if progress_mode() is ProgressMode.JSON:
            self._emit(event)
        elif not self._spinner and time.monotonic() - self._told_at >= _LINE_EVERY:
            self._told_at = time.monotonic()
            err().print(styled(self.line(), limit=300), soft_wrap=True)

    def line(self) -> str:
        """The counts by state, the rate, and the remaining time."""
        counts = Counter(self._states.values())
        parts = ", ".join(f"{counts[state]:,} {in_words(state)}" for state in PaymentState if counts[state])
        return f"{self._name}: {parts}{self._rate()}"

    def _rate(self) -> str:
        done, elapsed = self._at_first - len(self._open), time.monotonic() - self._started
        if done < _ENOUGH_TO_TELL or not elapsed:
            return ""
        rate = done / elapsed
        left = f", about {duration(len(self._open) / rate)} left" if self._open else ""
        return f"; {rate:.1f} a second{left}"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One line, as wide as the terminal, with a bar of the payments that ended."""
        ended, rest = ("#", "-") if options.ascii_only else ("━", "╌")
        cells = _BAR * (len(self._states) - len(self._open)) // max(1, len(self._states))
        line = Text(f"{ended * cells}{rest * (_BAR - cells)} {self.line()}", no_wrap=True)
        line.truncate(max(0, options.max_width - 2), overflow="ellipsis")
        yield line

    def _emit(self, event: ProgressEvent) -> None:
        """Print one line of NDJSON: see docs/schemas/progress-1.json."""
        document = {
            "schema": "l2send.progress/1",
            "at": round(time.time(), 3),
            "id": event.id,
            "phase": event.state.value,
            "text": styled(as_typed_here(event.text), limit=400).plain,
            "elapsed_seconds": round(time.monotonic() - self._started, 3),
            "estimate_seconds": None,
        }
        print(as_json(document, sys.stderr), file=sys.stderr)
