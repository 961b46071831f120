"""Ends a benchmark: prints its figures on stdout, or the reason for none on stderr, and sets the exit status."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from bench.process import Failed
from l2send.core.errors import L2sendError
from l2send.core.paths import Paths


def cache_folder() -> Path:
    """Where downloaded packages are kept."""
    return Path(os.environ.get("L2SEND_CACHE") or Paths.from_environment().cache)


def say(text: str) -> None:
    """A line of progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def ended(compare: Callable[[], str]) -> int:
    """Print what `compare` returns. The status says whether the comparison is true, not how fast anything was."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # leave no chain running
    try:
        print(compare())
    except Failed as error:
        say(f"No comparison: {error}")
        return 1
    except L2sendError as error:
        say(f"{error.message} {error.hint}")
        return int(error.exit_status)
    except KeyboardInterrupt:
        return 130
    return 0
