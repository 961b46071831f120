"""Keep the memory of a process that holds a key out of core dumps and of other processes' reach."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4


def harden() -> None:
    """No core dumps, and on Linux no ptrace or /proc/PID/mem for other processes of the user. Best effort.

    Source: prctl(2) PR_SET_DUMPABLE, setrlimit(2) RLIMIT_CORE.
    """
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
