"""`python -m bench`: every benchmark in one run, one after the other. See bench/README.md for how to read them."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from platform import python_version

PARTS: dict[str, Sequence[str]] = {
    "sends": ("bench.sends", "--rounds", "3"),
    "balances": ("bench.balances", "--rounds", "2"),
    "journal": ("bench.journal", "--rounds", "2", "--sizes", "10", "1000", "100000", "1000000"),
}
QUICK: dict[str, Sequence[str]] = {
    "sends": ("bench.sends", "--rounds", "1", "--many", "10"),
    "balances": ("bench.balances", "--rounds", "1", "--chains", "4", "--latency", "0", "20"),
    "journal": ("bench.journal", "--rounds", "1", "--sizes", "10", "1000"),
}
"""The same with little of everything: it shows that all of them run, its figures say little."""


def _machine() -> str:
    """What the seconds belong to. Ratios of a busy machine differ by up to a third from run to run."""
    cores, busy = os.cpu_count() or 1, os.getloadavg()[0]
    return f"Python {python_version()}, {cores} cores, {busy:.1f} processes waiting for them before the run."


def main() -> int:
    """Run all of them; the status is that of the first one that failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Every benchmark in one run.")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    parser.add_argument("--quick", action="store_true", help="little of everything, to see that all of it runs")
    parser.add_argument("--svg", metavar="FILE", help="draw the growth of the journal into this file")
    options = parser.parse_args()
    found: dict[str, object] = {"machine": _machine()}
    worst = 0
    if not options.json:
        print(f"{found['machine']}\n", flush=True)
    for name, part in (QUICK if options.quick else PARTS).items():
        started = time.monotonic()
        command = [sys.executable, "-m", *part, *(["--json"] if options.json else [])]
        command += ["--svg", options.svg] if options.svg and name == "journal" and not options.quick else []
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        worst = worst or done.returncode
        if options.json:
            found[name] = json.loads(done.stdout) if done.stdout.strip() else None
            found[f"{name}_took_seconds"] = round(time.monotonic() - started)
        else:
            print(f"## {name}, {time.monotonic() - started:.0f} s\n\n{done.stdout}", flush=True)
    if options.json:
        print(json.dumps(found, indent=2))
    return worst


if __name__ == "__main__":
    sys.exit(main())
