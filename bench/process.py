"""Runs one process until it exits: its duration and its processor time."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PASSED_ON = ("PATH", "TMPDIR", "LANG", "LC_ALL")
"""No settings and no HTTP proxy of the caller: those would be measured too."""


_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in what `ru_maxrss` counts. Source: getrusage(2)."""


class Failed(Exception):
    """A process ended with another status than 0: its time means nothing."""


@dataclass(frozen=True, slots=True)
class Took:
    """What one run took, in seconds."""

    wall: float
    processor: float
    """Of the process and its children, user and system."""
    memory: int = 0
    """The most that it held at once, in bytes."""


def run(command: Sequence[str], environment: Mapping[str, str]) -> Took:
    """Run `command` with `environment` and what is passed on. Raises Failed."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=kept | dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise Failed(f"{command[0]} ended with status {process.returncode}: {output.read()[-800:].decode()}")
    return Took(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * _RSS_UNIT)
