"""The solver's process: an HTTP server for quotes and control, and a loop that fills orders.

Run by the supervisor as `python -m l2send.devnet.solver_process PACKAGES`, with the folders of the packages in JSON. It
prints its URL, reads the devnet as one line of JSON on standard input once the chains are deployed, prints `ready`, and
runs until it is killed.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from pathlib import Path

from l2send.devnet import artifacts, solver_api, state
from l2send.devnet.solver import Solver

_SECONDS_PER_CHAIN = 0.005
_MIN_PAUSE = 0.1


def main() -> None:
    """Serve and fill until killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    solvers: list[Solver] = []
    server = solver_api.serve(solvers)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    packages, compiled = json.loads(sys.argv[1])
    contracts = artifacts.load({key: Path(path) for key, path in packages.items()}, Path(compiled))
    devnet = state.decode(sys.stdin.readline())
    solver = Solver(devnet, contracts)
    solvers.append(solver)
    print("ready", flush=True)
    pause = max(_MIN_PAUSE, _SECONDS_PER_CHAIN * len(devnet.chains))
    while True:
        solver.step()
        time.sleep(pause)


if __name__ == "__main__":
    main()
