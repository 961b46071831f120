"""Progress on stderr: a spinner with the time for people, plain lines for logs, JSON for programs."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self

from l2send.cli.interruptible import only_reading
from l2send.cli.lines_to_type import as_typed_here
from l2send.cli.progress_mode import ProgressMode, is_asked_for, progress_mode
from l2send.cli.screen import aloud, as_json, err, print_beside, print_words, styled
from l2send.cli.spinner import Spinner
from l2send.cli.times import duration, local_times
from l2send.core.progress_count import Count, counting
from l2send.core.text import clean

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.text import Text

    from l2send.progress_events import ProgressEvent
    from l2send.wallet.journal.records import Record

_ASKING, _STARTING = "asking", "starting"
"""The phases before a payment exists or has any event. Other phases are payment states."""

_LATE = 10.0
"""Seconds beyond the estimate, or twice the estimate if that is longer, after which a payment is late."""
_WIDE, _BAR = 72, 16
"""Columns that a terminal needs for a bar, and the bar's length."""
_HASH = re.compile(r":? 0x[0-9a-f]{64}\b")


def _no_words() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The words for a payment that is followed, made when they are shown: what they say may have changed."""

    awaited: Callable[[], str] = _no_words
    """What is waited for now; empty while the last event says it."""
    when_late: Callable[[], str] = _no_words
    """What the user may do while it is late."""


class Live:
    """Shows progress during the context. Each new sentence stays on the screen as a line."""

    _shown: ClassVar[Spinner | None] = None
    """Only the outermost one rewrites its line."""

    def __init__(
        self, first: str, *, payment_id: str | None = None, estimate: int | None = None, waiting: Waiting | None = None
    ) -> None:
        """`estimate` is the time in seconds that all of it may take."""
        self._started = time.monotonic()
        self._payment_id, self._estimate = payment_id, estimate
        self._spinner: Spinner | None = None
        self._now = self._said = first
        self._waiting = waiting or Waiting()
        self._counting = counting()
        self._count = Count()
        self._lateness: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._count = self._counting.__enter__()
        self._say_when_late()
        if progress_mode() is ProgressMode.LIVE and aloud().is_terminal and not Live._shown:
            self._spinner = Live._shown = Spinner(self)
            self._spinner.start()
        elif progress_mode() is ProgressMode.JSON:
            self._emit(self._payment_id, _STARTING if self._payment_id else _ASKING, self._now)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._counting.__exit__(kind, error, trace)
        if self._lateness:
            self._lateness.cancel()
        self.stop()
        if progress_mode() is ProgressMode.PLAIN and is_asked_for() and self._count.asked > 1:
            print_words(err(), styled(f"{self._so_far} answered"))

    def stop(self) -> None:
        """Erase its line."""
        if self._spinner:
            Live._shown = None
            self._spinner.stop()

    @classmethod
    @contextlib.contextmanager
    def of_answers(cls, first: str) -> Iterator[Self]:
        """Progress while the command only waits for answers, and signs or writes nothing: Ctrl-C ends it at once."""
        with cls(first) as live, only_reading(live.stop):
            yield live

    @classmethod
    @contextlib.contextmanager
    def out_of_the_way(cls) -> Iterator[None]:
        """While something is typed: the line that is rewritten would be written over the question."""
        shown = cls._shown
        if shown:
            shown.stop()
        try:
            yield
        finally:
            if shown and shown is cls._shown:
                shown.start()

    def rewrite(self, words: str) -> None:
        """Show `words` in the line that is rewritten; unlike a sentence of progress they leave no line of their own."""
        self._now = words

    def update(self, event: ProgressEvent) -> None:
        """Handle an event of the payment."""
        self._now = self._waiting.awaited() or event.text  # what happened last is not what is waited for
        if event.text == self._said:
            return
        self._said = event.text
        if progress_mode() is ProgressMode.JSON:
            self._emit(event.id, event.state.value, event.text)
        else:
            words = local_times(event.text) if err().is_terminal else event.text  # a log may have many machines
            print_beside(err(), self._clock_mark(), styled(words, limit=400))

    def ended(self, record: Record) -> None:
        """The payment has no more events for now. People see its outcome instead."""
        if progress_mode() is ProgressMode.JSON:
            self._emit(record.id, record.state.value, record.meaning.money)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The line beside the spinner, redrawn several times a second; a single line, else parts of it would remain."""
        from rich.text import Text

        clock = f"  {self._clock(options.max_width)}" if self._estimate or self._count.asked > 1 else ""
        words = styled(f"{_HASH.sub('', local_times(self._now)).rstrip('.')} …", limit=400)
        words.truncate(max(0, options.max_width - len(clock)), overflow="ellipsis")
        line = words + Text(clock, "dim")
        line.no_wrap, line.overflow = True, "crop"
        yield line

    def _clock(self, width: int) -> str:
        """The progress: counted answers, or the time beside the estimate, or that it is late."""
        if not self._estimate:
            return f"{self._so_far}{_bar(self._count.answered / self._count.asked, width)}"
        if self._elapsed > self._late_after:
            return f"late: {duration(self._elapsed)}, expected {duration(self._estimate)}"
        if self._elapsed > self._estimate:
            return f"{self._elapsed:.0f} s, longer than the usual {duration(self._estimate)}"
        return f"{self._elapsed:.0f} s of about {duration(self._estimate)}{_bar(self._elapsed / self._estimate, width)}"

    @property
    def _so_far(self) -> str:
        return f"{self._count.answered} of {self._count.asked} {self._count.what}"

    @property
    def _late_after(self) -> float:
        """Seconds from the start until it is late."""
        estimate = self._estimate or 0
        return estimate + max(_LATE, estimate)

    def _say_when_late(self) -> None:
        """Say once, when a payment is late, what the user may do."""
        if not (self._payment_id and self._estimate):
            return
        with contextlib.suppress(RuntimeError):  # without an event loop there is nothing to wait for
            self._lateness = asyncio.get_running_loop().call_later(self._late_after, self._say_late)

    def _say_late(self) -> None:
        words = f"This takes longer than expected. {self._waiting.when_late()}".rstrip()
        print_beside(err(), self._clock_mark(), styled(words, "yellow", limit=400))

    def _clock_mark(self) -> Text:
        """The elapsed seconds, before a line that stays."""
        from rich.text import Text

        return Text(f"{self._elapsed:6.1f} s  ", "dim")

    @property
    def _elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._started

    def _emit(self, payment_id: str | None, phase: str, text: str) -> None:
        """Print one line of NDJSON: see docs/schemas/progress-1.json."""
        document = {
            "schema": "l2send.progress/1",
            "at": round(time.time(), 3),
            "id": payment_id,
            "phase": phase,
            "text": clean(as_typed_here(text), 400),
            "elapsed_seconds": round(self._elapsed, 3),
            "estimate_seconds": self._estimate,
        }
        print(as_json(document, sys.stderr), file=sys.stderr)


def _bar(part: float, width: int) -> str:
    """A progress bar in characters that any terminal shows and a screen reader skips."""
    if width < _WIDE:
        return ""
    done = round(_BAR * min(max(part, 0.0), 1.0))
    return f"  [{'#' * done}{'.' * (_BAR - done)}]"
