"""Live progress on stderr: a spinner with the elapsed time on a terminal, plain lines everywhere else."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.status import Status
from rich.text import Text

from l2send.cli.screen import err, styled


class Live:
    """Shows what is happening while the context lasts. Each new sentence stays on the screen as a line."""

    def __init__(self, first: str) -> None:
        self._started = time.monotonic()
        self._status: Status | None = None
        self._now = first

    def __enter__(self) -> Self:
        if err().is_terminal:
            self._status = err().status(styled(self._now), spinner="dots")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def update(self, sentence: str) -> None:
        """A step was made: `sentence` says which."""
        if sentence == self._now:
            return
        self._now = sentence
        elapsed = Text(f"{time.monotonic() - self._started:6.1f} s  ", "dim")
        err().print(elapsed + styled(sentence, limit=400), soft_wrap=True)
        if self._status:
            self._status.update(styled(f"{sentence} …"))

    def stop(self) -> None:
        """Take the spinner away."""
        if self._status:
            self._status.stop()
            self._status = None
