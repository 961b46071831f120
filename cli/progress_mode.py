"""How progress is shown: the choice of `--progress` and `--quiet`, kept while a command runs."""

from __future__ import annotations

import os
import sys
from enum import StrEnum, unique

from l2send.cli.styles import is_plain


@unique
class ProgressMode(StrEnum):
    """Values of `--progress`."""

    LIVE = "live"
    PLAIN = "plain"
    JSON = "json"
    NONE = "none"


_CALL_IT_A_TERMINAL = frozenset({"FORCE_COLOR", "TTY_COMPATIBLE"})
"""Variables that make rich treat a pipe as a terminal. Source: rich's documentation, "Environment Variables"."""
_asked_for = list[ProgressMode]()


def set_progress_mode(how: ProgressMode | None) -> None:
    """Set how progress is shown; None: depending on stderr."""
    _asked_for[:] = [how] if how else []


def is_asked_for() -> bool:
    """Whether `--progress` or config.toml sets the mode; False if it only depends on stderr."""
    return bool(_asked_for)


def may_be_a_terminal() -> bool:
    """Whether stderr may be one; decided without importing rich, so that scripts do not wait for it."""
    return sys.stderr.isatty() or bool(_CALL_IT_A_TERMINAL & os.environ.keys())


def progress_mode() -> ProgressMode:
    """How progress is shown: live for a person at a terminal, plain lines otherwise."""
    if _asked_for:
        return _asked_for[0]
    if not may_be_a_terminal():
        return ProgressMode.PLAIN
    from rich.console import Console

    return ProgressMode.LIVE if Console(stderr=True).is_terminal and not is_plain() else ProgressMode.PLAIN
