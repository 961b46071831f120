"""`python -m bench`: every benchmark in one run, one after the other. See bench/README.md for how to read them."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence

PARTS: dict[str, Sequence[str]] = {
    "sends": ("bench.sends", "--rounds", "3"),
    "balances": ("bench.balances", "--rounds", "2"),
    "journal": ("bench.journal", "--rounds", "2"),
}


def main() -> int:
    """Run all of them; the status is that of the first one that failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Every benchmark in one run.")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    parser.add_argument("--svg", metavar="FILE", help="draw the growth of the journal into this file")
    options = parser.parse_args()
    found, worst = dict[str, object](), 0
    for name, part in PARTS.items():
        command = [sys.executable, "-m", *part, *(["--json"] if options.json else [])]
        command += ["--svg", options.svg] if options.svg and name == "journal" else []
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        worst = worst or done.returncode
        if options.json:
            found[name] = json.loads(done.stdout) if done.stdout.strip() else None
        else:
            print(f"## {name}\n\n{done.stdout}", flush=True)
    if options.json:
        print(json.dumps(found, indent=2))
    return worst


if __name__ == "__main__":
    sys.exit(main())
