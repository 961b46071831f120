"""The lines to type that a text names, as they work where it is read: after a run with --devnet they have it too."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from l2send.core.paths import Paths

_LINE = re.compile(
    r"\bl2send (?=\d|max\b|(resume|status|watch|speedup|cancel|close|history|balances|receive|plan|wallet|contacts|"
    r"doctor)\b)"
)
_is_on_the_devnet = list[bool]()


def remember_devnet() -> None:
    """This run has --devnet. With L2SEND_HOME the next one finds the same folder without it."""
    _is_on_the_devnet[:] = [not os.environ.get("L2SEND_HOME")]


def forget_devnet() -> None:
    """The run is over."""
    _is_on_the_devnet.clear()


def as_typed_here(text: str) -> str:
    """`text`, with --devnet in each line to type where this run has it."""
    return _LINE.sub("l2send --devnet ", text) if any(_is_on_the_devnet) and "--devnet" not in text else text


def reminder_of_the_devnet(paths: Paths) -> str:
    """What to add, where nothing is found under `paths` while a devnet runs beside it; else empty."""
    from l2send.core.paths import Paths

    play = Paths.for_devnet()
    return "Local chains run here: add --devnet to use them." if _is_beside(paths, play) else ""


def _is_beside(paths: Paths, play: Paths) -> bool:
    return play.state != paths.state and (play.devnet / "chains.toml").exists()
