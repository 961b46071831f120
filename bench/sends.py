"""`python -m bench.sends`: payments compared with `cast send` and web3.py, start-up, gas, and many payments at once.

See bench/README.md for what is measured and how to read it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from bench import cast
from bench.ending import cache_folder, ended, say
from bench.gas import measure_coin, measure_gas, measure_three
from bench.latency_client import Delayed, delayed
from bench.many import many_at_once
from bench.payer import L2SEND, Payer, funded_payer
from bench.process import Took, run

DELAYS = (0.0, 100.0, 200.0)
"""Milliseconds added to every request. The slope over them is the number of sequential round trips."""
EMPTY_TYPER = "import typer; app = typer.Typer(); app.command()(lambda: None); app()"
_CAST = "`cast send`"
_BARE = "bare Python"

Way = Callable[[Sequence[str]], list[str]]
"""The command, with the chains at these URLs."""


def ways(payer: Payer, program: Path) -> Mapping[str, Way]:
    """Every way to pay that is compared."""
    paying = ("--yes", "--json", "--private-key", payer.key)
    return {
        _CAST: lambda urls: payer.cast(program, urls[0]),
        "web3.py": lambda urls: payer.web3(urls[0]),
        "`l2send`, direct": lambda _: payer.direct(*paying),
        "`l2send`, bridged": lambda _: payer.bridged(*paying),
        "`l2send --dry-run`": lambda _: payer.direct("--dry-run", "--json", "--from", payer.address),
        "`l2send balances`": lambda _: [L2SEND, "balances", "--json", "--from", payer.address],
    }


def measure_sends(payer: Payer, program: Path, rounds: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Every way at every delay, in turns: median seconds, requests, and the slope in round trips. Raises Failed."""
    with ExitStack() as stack:
        doors = {delay: stack.enter_context(delayed(payer.urls, delay / 1000)) for delay in DELAYS}
        all_ways = ways(payer, program)
        taken: dict[tuple[str, float], list[tuple[float, int]]] = {(n, d): [] for n in all_ways for d in DELAYS}
        for number in range(-1, rounds):  # The first round warms up and does not count.
            say(f"round {number + 1} of {rounds}")
            for delay, door in doors.items():
                for name, way in all_ways.items():
                    sample = _once(payer, way, door)
                    taken[name, delay] += [sample] if number >= 0 else []
    return [_row(name, taken) for name in all_ways]


def _once(payer: Payer, way: Way, door: Delayed) -> tuple[float, int]:
    door.take()
    took = run(way(door.urls), payer.environment(door.urls))
    return took.wall, sum(door.take().requests)


def _row(name: str, taken: Mapping[tuple[str, float], list[tuple[float, int]]]) -> dict[str, Any]:
    seconds = {delay: median(sample[0] for sample in taken[name, delay]) for delay in DELAYS}
    cast_seconds = median(sample[0] for sample in taken[_CAST, 100.0])
    return {
        "way": name,
        "seconds": {f"{delay:g}": round(value, 3) for delay, value in seconds.items()},
        "round_trips": round((seconds[200.0] - seconds[0.0]) / 0.2, 1),
        "requests": median(sample[1] for sample in taken[name, 100.0]),
        "times_cast_at_100_ms": round(seconds[100.0] / cast_seconds, 2),
    }


def measure_start(payer: Payer, rounds: int) -> list[dict[str, Any]]:
    """Processor time of starting, beside bare Python and an empty Typer app. Raises Failed."""
    commands = {
        _BARE: [sys.executable, "-c", "pass"],
        "an empty Typer app": [sys.executable, "-c", EMPTY_TYPER],
        "`l2send --version`": [L2SEND, "--version"],
        "`l2send --help`": [L2SEND, "--help"],
        "`l2send balances`": [L2SEND, "balances", "--json", "--from", payer.address],
        "`l2send`, direct": payer.direct("--yes", "--again", "--json", "--private-key", payer.key),
    }
    environment = payer.environment(payer.urls)
    samples: dict[str, list[Took]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            samples[name].append(run(command, environment))
    used = {name: median(took.processor for took in all_took) for name, all_took in samples.items()}
    return [
        {"command": name, "processor_seconds": round(took, 3), "over_bare_python": round(took - used[_BARE], 3)}
        for name, took in used.items()
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def report(found: Mapping[str, Any]) -> str:
    """The tables in Markdown."""
    sends = _table(
        ["", *(f"{delay:g} ms" for delay in DELAYS), "round trips", "requests", "times cast at 100 ms"],
        [
            [r["way"], *r["seconds"].values(), r["round_trips"], r["requests"], r["times_cast_at_100_ms"]]
            for r in found["sends"]
        ],
    )
    start = _table(["", "processor seconds", "over bare Python"], [list(row.values()) for row in found["start"]])
    many = _table(["", "0 ms: seconds", "100 ms: seconds"], [list(row.values()) for row in found["many"]])
    gas = _table(
        ["", "transactions", "gas", "the paying call alone", "ratio", "limits signed"],
        [list(row.values()) for row in found["gas"]],
    )
    three = _table(["three payments by", "transactions", "gas", "each"], [list(row.values()) for row in found["three"]])
    at_once = f"{found['many_count']} payments from one account on one chain:"
    return "\n\n".join((sends, start, gas, three, at_once, many))


def main() -> int:
    """Measure and print. The status says whether every payment was made, not how fast."""
    parser = argparse.ArgumentParser(prog="python -m bench.sends", description="Payments beside cast and web3.py.")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each way at each delay (default: 5)")
    parser.add_argument("--many", type=int, default=100, help="payments that are made at once (default: 100)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    if options.rounds < 1 or options.many < 1:
        parser.error("there is at least one round and one payment")
    return ended(lambda: _compare(options))


def _compare(options: argparse.Namespace) -> str:
    cache = cache_folder()
    program = cast.find(cache, say)
    with funded_payer(cache, say) as payer:
        found = {
            "sends": measure_sends(payer, program, options.rounds, say),
            "start": measure_start(payer, options.rounds),
            "gas": measure_gas(payer),
            "three": [*measure_three(payer), *measure_coin(payer)],
            "many_count": options.many,
            "many": many_at_once(payer, program, options.many),
        }
    return json.dumps(found, indent=2) if options.json else report(found)


if __name__ == "__main__":
    sys.exit(main())
