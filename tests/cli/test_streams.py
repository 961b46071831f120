"""How a process ends: with all that it printed, and at once."""

from __future__ import annotations

import subprocess
import sys

from l2send.core.errors import ExitStatus

_PROGRAM = """
import atexit, sys, threading, time
from l2send.cli.streams import leave, open_streams
open_streams()
class Kept:
    def __del__(self):
        print("freed")
kept = Kept()
atexit.register(print, "at the end")
threading.Thread(target=time.sleep, args=[60]).start()
print("the result")
print("a word", file=sys.stderr)
leave(8)
"""


def test_a_process_ends_with_what_it_printed_and_waits_for_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (ExitStatus.NOT_FINAL, "the result\n", "a word\n")


def test_a_result_that_cannot_be_written_is_an_error() -> None:
    program = _PROGRAM.replace("leave(8)", "leave(0)")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False
        )
    assert done.returncode == ExitStatus.UNEXPECTED
    assert "could not be written to stdout" in done.stderr
