"""A process that logs all it can: `l2send` with DEBUG logging, which fails at a failpoint and prints its frames.

`python -m tests.lab.crier FOLDER PLACE WORDS…`, over and over from one process: each line of standard input is
`PLACE WORD WORD …`. In FOLDER it writes `debug.log`, `tracebacks` (with every local variable) and `dumpable`.
"""

from __future__ import annotations

import ctypes
import logging
import resource
import shlex
import sys
import traceback
from pathlib import Path

from tests.lab import payer

_PR_GET_DUMPABLE = 3


class Cry(BaseException):
    """Raised at a failpoint, where no handler stops it, as the worst defect would be."""


def main() -> None:
    folder = Path(sys.argv[1])
    logging.basicConfig(level=logging.DEBUG, filename=folder / "debug.log")
    from l2send.cli.main import main as l2send

    with payer.quickened(0.03), open(folder / "tracebacks", "w", encoding="utf-8") as out:
        for line in sys.stdin:
            place, *sys.argv[1:] = shlex.split(line)
            payer.hooked(lambda passed, place=place: _cry(passed, place, folder))
            try:
                l2send()
            except Cry as error:
                print(f"cried {place}", flush=True)
                traceback.print_exc()
                frames = traceback.TracebackException.from_exception(error, capture_locals=True)
                out.writelines(frames.format(chain=True))
            except SystemExit as end:
                print(f"ended {end.code}", flush=True)


def _cry(passed: str, place: str, folder: Path) -> None:
    if passed != place:
        return
    dumpable = ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)
    (folder / "dumpable").write_text(f"{dumpable} {resource.getrlimit(resource.RLIMIT_CORE)}")
    logging.getLogger("lab").debug("crying at %s", place)
    raise Cry(place)


if __name__ == "__main__":
    main()
