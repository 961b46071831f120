"""`python -m bench.batch_growth`: payments a second by the size of a file and by workers, and the gas of a payment.

See bench/README.md for what is measured and how to read it.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import cast
from bench.batch import Person, must_have_got, pay_file, text_of
from bench.ending import cache_folder, ended, say
from bench.gas import payments_of
from bench.payer import L2SEND, Payer, funded_payer, new_address
from bench.postgres import Server
from bench.process import PASSED_ON, Failed, run
from bench.svg_curves import svg
from l2send.core.chains import load_registry
from l2send.core.delegation import named_delegate
from l2send.core.paths import Paths
from l2send.devnet import faucet
from l2send.devnet.node import Node

_CAST_SAMPLE = 30
_CHAINS = 2
_PICTURES = Path("docs/pictures")
_PLENTY = (("USDC", "1000000"), ("ETH", "10000"))


@dataclass(frozen=True, slots=True)
class Rate:
    """How long a number of payments took, in seconds, and by which way."""

    way: str
    lines: int
    seconds: float

    @property
    def a_second(self) -> float:
        """Payments a second, the start and the end of the processes included."""
        return round(self.lines / self.seconds, 1)

    def document(self) -> dict[str, Any]:
        """Its fields, for JSON."""
        return {"way": self.way, "lines": self.lines, "seconds": round(self.seconds, 2), "a_second": self.a_second}


def one_process(payer: Payer, counts: Sequence[int]) -> list[Rate]:
    """One `l2send batch` over a journal in SQLite, for each number of lines. Raises Failed."""
    rates = list[Rate]()
    for count in counts:
        say(f"{count} lines, one process")
        people = _people(count, f"one-{count}")
        rates.append(Rate("one process, SQLite", count, pay_file(payer, people, payer.urls).wall))
        must_have_got(payer, people)
    return rates


def by_cast(payer: Payer, program: Path) -> Rate:
    """`cast send`, one after another. Raises Failed."""
    say(f"{_CAST_SAMPLE} payments by cast")
    took = [run(payer.cast(program, payer.urls[0]), payer.environment(payer.urls)).wall for _ in range(_CAST_SAMPLE)]
    return Rate("cast send, one by one", _CAST_SAMPLE, sum(took))


def by_workers(payer: Payer, counts: Sequence[int], workers: Sequence[int]) -> list[Rate]:
    """`l2send work` over a journal in PostgreSQL, for each number of lines and of workers. Raises Failed."""
    server = Server()
    try:
        return [_workers(payer, server, count, number) for count in counts for number in workers]
    finally:
        server.remove()


def _workers(payer: Payer, server: Server, count: int, number: int) -> Rate:
    """Each worker has an account of its own, and an equal part of the lines, approved before the clock starts."""
    say(f"{count} lines, {number} workers")
    payers = [replace(payer, key="0x" + secrets.token_hex(32)) for _ in range(number)]
    parts = [_people(count // number + (place < count % number), f"w{place}") for place in range(number)]
    _fund(payers)
    with _home_without_journal(payer) as home:
        environment = payer.environment(payer.urls) | {"L2SEND_HOME": str(home)}
        environment["L2SEND_JOURNAL"] = server.url(server.new_database())
        for place, (one, people) in enumerate(zip(payers, parts, strict=True)):
            file = home / f"part-{place}.csv"
            file.write_text(text_of(payer, people))
            run([L2SEND, "batch", str(file), "--queue", "--yes", "--quiet", "--private-key", one.key], environment)
        seconds = _until_all_ended(payers, environment)
    for people in parts:
        must_have_got(payer, people)
    return Rate(f"{number} {'worker' if number == 1 else 'workers'}, PostgreSQL", count, seconds)


def _until_all_ended(payers: Sequence[Payer], environment: dict[str, str]) -> float:
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | environment
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        processes = [
            subprocess.Popen(
                [L2SEND, "work", "--once", "--quiet", "--private-key", one.key],
                env=kept,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            for one in payers
        ]
        statuses = [process.wait() for process in processes]
        took = time.perf_counter() - began
        if any(statuses):
            output.seek(0)
            raise Failed(f"workers ended with status {statuses}: {output.read()[-800:].decode()}")
    return took


@contextmanager
def _home_without_journal(payer: Payer) -> Iterator[Path]:
    """A home with the same chains and no journal: workers of another machine."""
    with tempfile.TemporaryDirectory(prefix="l2send-bench-") as folder:
        own, other = Paths.under(payer.home), Paths.under(Path(folder))
        other.state.mkdir(mode=0o700, parents=True)
        shutil.copytree(own.devnet, other.devnet)
        yield Path(folder)


def _fund(payers: Sequence[Payer]) -> None:
    for payer in payers:
        for chain in payer.chains[:_CHAINS]:
            for token, amount in _PLENTY:
                faucet.fund(payer.home / "state", payer.address, amount, token, chain.short_name)


def _people(count: int, name: str) -> list[Person]:
    return [(f"{name}-{n}", n % 9 + 1, n % _CHAINS, new_address()) for n in range(count)]


def gas(payer: Payer, counts: Sequence[int]) -> list[dict[str, Any]]:
    """The gas of a payment to an account that holds coin, in each way, for each number of lines. Raises Failed."""
    chain, node = payer.chains[0], Node(payer.urls[0])
    delegate = named_delegate("simple7702account", load_registry(Paths.under(payer.home)).named(chain.short_name))
    ways: dict[str, tuple[str, str, list[str]]] = {
        "USDC, one by one": ("USDC", "0x", ["--no-batching"]),
        "USDC, together, a delegated account": ("USDC", "0xef0100" + delegate.code.address[2:], []),
        "coin, one by one": ("ETH", "0x", ["--no-batching"]),
        "coin, together, through Multicall3": ("ETH", "0x", []),
    }
    rows = list[dict[str, Any]]()
    for way, (token, code, words) in ways.items():
        for count in counts:
            say(f"gas: {way}, {count} lines")
            node.call("anvil_setCode", payer.address, code)
            rows.append({"lines": count} | payments_of(way, payer, node, count, token, *words))
    node.call("anvil_setCode", payer.address, "0x")
    return rows


def draw(rates: Sequence[Rate], costs: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write both pictures into `folder`."""
    speed = dict[str, list[tuple[float, float]]]()
    for rate in rates:
        speed.setdefault(rate.way, []).append((rate.lines, rate.a_second))
    label = "lines of a file, half of them on each of two chains"
    (folder / "batch-growth.svg").write_text(svg("Payments a second", label, speed), encoding="utf-8")
    each = dict[str, list[tuple[float, float]]]()
    for row in costs:
        each.setdefault(row["way"], []).append((row["lines"], row["each"]))
    (folder / "batch-gas.svg").write_text(
        svg("Gas of a payment", "lines of a file, on one chain", each), encoding="utf-8"
    )


def report(rates: Sequence[Rate], costs: Sequence[dict[str, Any]]) -> str:
    """Both tables in Markdown."""
    speed = [("way", "lines", "seconds", "payments a second"), ("---", "---:", "---:", "---:")]
    speed += [(rate.way, str(rate.lines), f"{rate.seconds:.1f}", f"{rate.a_second:g}") for rate in rates]
    gas = [("way", "lines", "transactions", "gas of a payment"), ("---", "---:", "---:", "---:")]
    gas += [(row["way"], str(row["lines"]), str(row["transactions"]), str(row["each"])) for row in costs]
    return "\n\n".join("\n".join(f"| {' | '.join(line)} |" for line in lines) for lines in (speed, gas))


def main() -> int:
    """Measure, print and draw. The status says whether every line was paid once, not how fast."""
    parser = argparse.ArgumentParser(prog="python -m bench.batch_growth", description="Files of payments, by size.")
    number = {"type": int, "nargs": "+", "metavar": "N"}
    parser.add_argument("--lines", default=[10, 100, 1000, 5000], help="lines for one process", **number)
    parser.add_argument("--workers", default=[1, 2, 4, 8], help="numbers of workers", **number)
    parser.add_argument("--worker-lines", default=[200], help="lines for all workers together", **number)
    parser.add_argument("--gas-lines", default=[10, 100, 500], help="lines of which the gas is measured", **number)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--pictures", type=Path, default=_PICTURES, metavar="FOLDER", help=f"default: {_PICTURES}")
    options = parser.parse_args()
    if min([*options.lines, *options.worker_lines, *options.gas_lines, *options.workers]) < 1:
        parser.error("every number is at least one")
    if min(options.worker_lines) < max(options.workers):
        parser.error("every worker needs a line")
    return ended(lambda: _compare(options))


def _compare(options: argparse.Namespace) -> str:
    cache = cache_folder()
    program = cast.find(cache, say)
    with funded_payer(cache, say) as payer:
        _fund([payer])
        rates = [
            by_cast(payer, program),
            *one_process(payer, options.lines),
            *by_workers(payer, options.worker_lines, options.workers),
        ]
        costs = gas(payer, options.gas_lines)
    draw(rates, costs, options.pictures)
    if options.json:
        return json.dumps({"rates": [rate.document() for rate in rates], "gas": costs}, indent=2)
    return report(rates, costs)


if __name__ == "__main__":
    sys.exit(main())
