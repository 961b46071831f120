"""A line beside a spinner that is drawn again and again, on stderr, and leaves nothing on the screen."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from l2send.cli.screen import aloud
from l2send.cli.terminal_echo import unechoed

if TYPE_CHECKING:
    from rich.console import RenderableType

_REDRAWN = 12.5  # times a second


class Spinner:
    """It may be stopped and started again. While it is shown, no typed key is."""

    def __init__(self, line: RenderableType) -> None:
        from rich.live import Live
        from rich.spinner import Spinner as Dots

        dots = Dots("dots", text=line, style="status.spinner")
        self._drawn = Live(dots, console=aloud(), refresh_per_second=_REDRAWN, transient=True)
        self._keys = ExitStack()

    def start(self) -> None:
        """Show it."""
        self._keys.enter_context(unechoed())
        # Drawn at once, not by its thread: what is printed while the thread draws it first would be written behind it,
        # and it would stay.
        self._drawn.start(refresh=True)

    def stop(self) -> None:
        """Take it from the screen."""
        self._drawn.stop()
        self._keys.close()
