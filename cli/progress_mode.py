"""How progress is shown: the choice of `--progress` and `--quiet`, kept while a command runs."""

from __future__ import annotations

import os
import sys
from enum import StrEnum, unique

from l2send.cli.looks import is_plain


@unique
class ProgressMode(StrEnum):
    """Values of `--progress`."""

    LIVE = "live"
    PLAIN = "plain"
    JSON = "json"
    NONE = "none"


_CALL_IT_A_TERMINAL = frozenset({"FORCE_COLOR", "TTY_COMPATIBLE"})
"""Variables by which rich takes a pipe for a terminal. Source: rich's documentation, "Environment Variables"."""
_asked_for = list[ProgressMode]()


def set_progress_mode(how: ProgressMode | None) -> None:
    """Set how progress is shown; None: chosen by what stderr is."""
    _asked_for[:] = [how] if how else []


def is_asked_for() -> bool:
    """Whether `--progress` or config.toml says how; not where it only suits what stderr is."""
    return bool(_asked_for)


def progress_mode() -> ProgressMode:
    """How progress is shown: live for a person at a terminal, plain lines otherwise."""
    if _asked_for:
        return _asked_for[0]
    if not sys.stderr.isatty() and not _CALL_IT_A_TERMINAL & os.environ.keys():
        return ProgressMode.PLAIN  # known without rich, which scripts do not wait for
    from l2send.cli.screen import aloud

    return ProgressMode.LIVE if aloud().is_terminal and not is_plain() else ProgressMode.PLAIN
