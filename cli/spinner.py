"""A line with a spinner on stderr, redrawn several times a second and erased at the end."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from l2send.cli.screen import aloud
from l2send.cli.terminal_echo import without_echo

if TYPE_CHECKING:
    from rich.console import RenderableType

_REDRAWN = 12.5  # times a second


class Spinner:
    """It may be stopped and started again. Nothing that is typed is shown meanwhile."""

    def __init__(self, line: RenderableType) -> None:
        from rich.live import Live
        from rich.spinner import Spinner as Dots

        dots = Dots("dots", text=line, style="status.spinner")
        self._drawn = Live(dots, console=aloud(), refresh_per_second=_REDRAWN, transient=True)
        self._keys = ExitStack()

    def start(self) -> None:
        """Show it."""
        self._keys.enter_context(without_echo())
        # Drawn here, not first by its thread: a line printed while the thread draws it would be appended to it, and the
        # spinner would stay on the screen.
        self._drawn.start(refresh=True)

    def stop(self) -> None:
        """Erase it."""
        self._drawn.stop()
        self._keys.close()
