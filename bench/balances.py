"""`python -m bench.balances`: the same balances on many chains, with l2send and in four other ways.

See bench/README.md for what is measured and how to read it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from platform import python_version

from bench import cast
from bench.ending import cache_folder, ended, say
from bench.latency_client import Delayed, delayed
from bench.measure import Sample, measure
from bench.report import figures, table
from bench.stage import TOKENS, Stage, set_up
from bench.ways import Way, all_ways

_SELDOM = 5
"""The slow ways run in every so many-th round."""


def main() -> int:
    """Run the benchmark and print the table. The status says whether all answers were true, not how fast."""
    options = _options()
    return ended(lambda: _compare(options.chains, options.rounds, options.latency, as_json=options.json))


def _compare(chains: int, rounds: int, latencies: Sequence[float], *, as_json: bool) -> str:
    cache = cache_folder()
    program = cast.find(cache, say)
    ways = all_ways(program, chains)
    with ExitStack() as stack:
        stage = stack.enter_context(set_up(chains, cache, say))
        doors = {delay: stack.enter_context(delayed(stage.urls, delay / 1000)) for delay in latencies}
        samples = _rounds(ways, stage, doors, rounds)
    if as_json:
        return json.dumps(figures(samples), indent=2)
    return (
        f"{len(TOKENS)} tokens on {chains} chains, a new process every time, medians of one interleaved run.\n"
        f"All ways found the same {len(stage.funded)} balances in every run. {_machine(program)}\n\n"
        f"{table(samples)}"
    )


def _rounds(
    ways: Sequence[Way], stage: Stage, doors: dict[float, Delayed], rounds: int
) -> dict[str, dict[float, list[Sample]]]:
    """All ways in turns, so that other work of the machine meets all of them alike."""
    samples = {way.name: {delay: list[Sample]() for delay in doors} for way in ways}
    say("Warming up")
    for way in ways:
        if not way.seldom:
            measure(way, stage, next(iter(doors.values())))
    for number in range(rounds):
        first = number % len(ways)
        for delay, door in doors.items():
            say(f"Round {number + 1} of {rounds}, +{delay:g} ms")
            for way in [*ways[first:], *ways[:first]]:
                if not way.seldom or number % _SELDOM == 0:
                    samples[way.name][delay].append(measure(way, stage, door))
    return samples


def _machine(program: Path) -> str:
    versions = f"Python {python_version()}, web3 {version('web3')}, cast {cast.version(program)}"
    return f"The seconds are of this machine and this run: {os.cpu_count()} cores, {versions}."


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.balances", description="Balances by l2send and by other ways, side by side."
    )
    parser.add_argument("--chains", type=int, default=42, help="how many chains (default: 42)")
    parser.add_argument(
        "--rounds",
        type=int,
        default=7,
        help=f"how often each way runs (default: 7; a slow one only in every {_SELDOM}th round)",
    )
    parser.add_argument(
        "--latency",
        type=float,
        nargs="+",
        default=[0, 100],
        metavar="MS",
        help="milliseconds added to every request (default: 0 100)",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    if options.rounds < 1 or min(options.latency) < 0:
        parser.error("there is at least one round, and no latency below 0")
    return options


if __name__ == "__main__":
    sys.exit(main())
