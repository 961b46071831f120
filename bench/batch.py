"""`python -m bench.batch`: a file of payments on two chains, with one `l2send batch` and with a loop of `cast send`.

See bench/README.md for what is measured and how to read it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench import cast
from bench.ending import cache_folder, ended, say
from bench.latency_client import delayed
from bench.payer import L2SEND, Payer, funded_payer, new_address
from bench.process import Failed, run
from l2send.core.calldata import BALANCE_OF
from l2send.devnet import faucet
from l2send.devnet.node import Node

_CAST_SAMPLE = 50
"""Payments by `cast send`, of which the time for all is computed."""
_CHAINS = 2

Person = tuple[str, int, int, str]
"""Reference, whole USDC, index of the chain, recipient."""


def measure(
    payer: Payer, program: Path, counts: Sequence[int], delays: Sequence[float], say: Callable[[str], None]
) -> list[Any]:
    """For each delay in seconds and each number of lines: both ways, and what l2send needed. Raises Failed."""
    return [_measure_one(payer, program, count, delay, say) for delay in delays for count in counts]


def _measure_one(payer: Payer, program: Path, count: int, delay: float, say: Callable[[str], None]) -> Any:
    say(f"{count} lines, {delay * 1000:g} ms")
    with delayed(payer.urls, delay) as door:
        people = [(f"{count}-{delay:g}-{n}", n % 9 + 1, n % _CHAINS, new_address()) for n in range(count)]
        took = pay_file(payer, people, door.urls)
        must_have_got(payer, people)
        requests = sum(door.take().requests)
        sample = min(count, _CAST_SAMPLE)
        looped = [run(payer.cast(program, door.urls[0]), payer.environment(door.urls)).wall for _ in range(sample)]
    cast_seconds = sum(looped) / sample * count
    return {
        "delay_ms": delay * 1000,
        "lines": count,
        "seconds": round(took.wall, 1),
        "processor_ms_a_line": round(took.processor / count * 1000, 1),
        "requests_a_line": round(requests / count, 1),
        "most_memory_mb": round(took.memory / 2**20),
        "cast_seconds": round(cast_seconds, 1),
        "times_as_fast_as_cast": round(cast_seconds / took.wall, 1),
    }


def pay_file(payer: Payer, people: Sequence[Person], urls: Sequence[str]) -> Any:
    """What one `l2send batch` took from its start to its end. Raises Failed unless every line is delivered."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"bench-{people[0][0]}.csv"
        file.write_text(text_of(payer, people))
        words = ("--yes", "--devnet", "--quiet", "--private-key", payer.key)
        return run([L2SEND, "batch", str(file), *words], payer.environment(urls))


def text_of(payer: Payer, people: Sequence[Person]) -> str:
    """The file that pays these people."""
    names = [chain.short_name for chain in payer.chains]
    rows = (f"{ref},{amount},USDC,{names[at]}:{to}\n" for ref, amount, at, to in people)
    return "ref,amount,token,to\n" + "".join(rows)


def must_have_got(payer: Payer, people: Sequence[Person]) -> None:
    """Every recipient has the amount, once. Raises Failed."""
    nodes = [Node(chain.rpc_url) for chain in payer.chains]
    for ref, amount, at, to in people:
        held = int.from_bytes(nodes[at].eth_call(payer.chains[at].token("USDC").address, BALANCE_OF.encode(to)), "big")
        if held != amount * 10**6:
            raise Failed(f"{ref} got {held} base units, not {amount} USDC")


def report(rows: Sequence[Any]) -> str:
    """The table in Markdown."""
    head = (
        "delay, ms",
        "lines",
        "seconds",
        "processor, ms a line",
        "requests a line",
        "memory, MB",
        "`cast send` loop, s",
        "ratio",
    )
    lines = [head, ["---:"] * len(head), *([*row.values()] for row in rows)]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def main() -> int:
    """Measure and print. The status says whether every line was paid once, not how fast."""
    parser = argparse.ArgumentParser(prog="python -m bench.batch", description="A file of payments beside cast.")
    parser.add_argument(
        "--lines", type=int, nargs="+", default=[1000], metavar="N", help="payments in the file (default: 1000)"
    )
    parser.add_argument("--latency", type=float, nargs="+", default=[0.0, 100.0], metavar="MS", help="added delays")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    if min(options.lines) < 1:
        parser.error("there is at least one line")
    return ended(lambda: _compare(options))


def _compare(options: argparse.Namespace) -> str:
    cache = cache_folder()
    program = cast.find(cache, say)
    with funded_payer(cache, say) as payer:
        for token, amount in (("USDC", "1000000"), ("ETH", "100")):
            faucet.fund(payer.home / "state", payer.address, amount, token, payer.chains[1].short_name)
        rows = measure(payer, program, options.lines, [delay / 1000 for delay in options.latency], say)
    return json.dumps(rows, indent=2) if options.json else report(rows)


if __name__ == "__main__":
    sys.exit(main())
