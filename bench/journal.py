"""`python -m bench.journal`: how lookups and commands grow with the number of payments in the journal.

See bench/README.md for what is measured and how to read it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.ending import cache_folder, ended, say
from bench.journal_rows import Template, account_of, grow, id_of, payment_to, quote_of, template_in
from bench.process import Failed
from bench.stage import Stage, set_up
from bench.svg_curves import svg
from l2send.core.address import Address
from l2send.core.chains import Chain, load_registry
from l2send.core.paths import Paths
from l2send.core.units import Nonce, Seconds
from l2send.wallet.journal.sqlite import SqliteJournal

_SIZES = (10, 1_000, 10_000, 100_000, 1_000_000)
_LOOKUPS = 15
# The most memory it held, in KiB, is the last word on stderr: wait4 would count what this process held when it forked.
_PROGRAM = """
import re, resource, sys
from l2send.cli.main import run, start_lightly
start_lightly()
status = run(sys.argv[1:])
try:
    held = re.search(r"VmHWM:\\s*([0-9]+)", open("/proc/self/status").read())[1]
except OSError:
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(held, file=sys.stderr)
sys.exit(status)
"""
_MAY_GROW = 50.0
"""Milliseconds by which a lookup or a command may be slower with the most payments than with the fewest."""
_MAY_HOLD = 120.0
"""MB of memory that a command may take."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one size of the journal gave: milliseconds by name, and the most memory of any command."""

    size: int
    lookups: dict[str, float]
    commands: dict[str, float]
    memory_mb: float
    file_mb: float


def main() -> int:
    """Run the benchmark, print the table, draw the curve. Status 1 if it grows beyond what the README promises."""
    options = _options()
    measured = list[Measured]()

    def compare() -> str:
        with set_up(2, cache_folder(), say) as stage:
            measured.extend(_measure_all(stage, options.sizes, options.rounds))
        if options.svg:
            options.svg.write_text(_curve(measured), encoding="utf-8")
        return _json(measured) if options.json else _table(measured)

    return ended(compare) or int(_too_much(measured))


def _measure_all(stage: Stage, sizes: Sequence[int], rounds: int) -> Iterator[Measured]:
    paths = Paths.under(stage.home)
    chain = load_registry(paths).chain(stage.chains[0].chain_id)  # type: ignore[arg-type]
    template, made = template_in(paths.journal, stage.account, chain), 1
    for size in sizes:
        say(f"Writing {size - made:,} payments")
        grow(paths.journal, template, made, size)
        made = size
        say(f"Measuring with {size:,}")
        yield _measure(stage, paths, chain, template, size, rounds)


def _measure(stage: Stage, paths: Paths, chain: Chain, template: Template, size: int, rounds: int) -> Measured:
    opened = _milliseconds(lambda _: SqliteJournal(paths.journal).close())
    journal = SqliteJournal(paths.journal)
    lookups = {"opening": opened} | {
        name: _milliseconds(ask) for name, ask in _lookups(journal, stage.account, chain, size).items()
    }
    journal.close()
    target = f"{stage.chains[0].short_name}:{account_of(3)}"
    words = {
        "status": ["status", id_of(size // 2) if size > 2 else str(template.payment["id"]), "--json"],
        "history --limit 20": ["history", "--limit", "20", "--json"],
        "send --dry-run": ["1", "USDC", target, "--from", stage.account, "--dry-run", "--json"],
    }
    commands, memory = dict[str, float](), 0.0
    for name, argv in words.items():
        runs = [_run(stage.home, argv) for _ in range(rounds)]
        commands[name] = min(seconds for seconds, _ in runs) * 1000
        memory = max(memory, *(held for _, held in runs))
    return Measured(size, lookups, commands, memory, paths.journal.stat().st_size / 1e6)


def _lookups(journal: SqliteJournal, sender: Address, chain: Chain, size: int) -> dict[str, Callable[[int], object]]:
    """What is asked of the journal in one payment; the number is that of the round."""

    def number(turn: int) -> int:
        return 1 + turn * 7919 % (size - 1)

    def begin(turn: int) -> object:
        payment = payment_to(account_of(number(turn)), sender, chain)
        record = journal.begin(payment, [quote_of(payment, chain)], f"bench {size} {turn}")
        return journal.cancel(record.id, "of the benchmark")

    return {
        "by id": lambda turn: journal.find(id_of(number(turn))),
        "by its first characters": lambda turn: journal.find(id_of(number(turn))[:8]),
        "by key": lambda turn: journal.keyed(f"invoice-{number(turn)}"),
        "key not there": lambda turn: journal.keyed(f"no-invoice-{turn}"),
        "same payment just now": lambda turn: journal.paid_recently(
            payment_to(account_of(10 * turn), sender, chain), Seconds(600)
        ),
        "paid before": lambda turn: journal.paid_before(account_of(10 * turn)),
        "look-alikes": lambda turn: journal.recipients_like(account_of(number(turn))),
        "open ones": lambda _: journal.open_payments(),
        "20 newest": lambda _: journal.history(20),
        "nonces": lambda _: (
            journal.highest_nonce(chain.chain_id, sender),
            journal.signed_from(chain.chain_id, sender, Nonce(size)),
        ),
        "begin and cancel": begin,
    }


def _milliseconds(ask: Callable[[int], object]) -> float:
    times = list[float]()
    for turn in range(_LOOKUPS):
        started = time.perf_counter()
        ask(turn)
        times.append(time.perf_counter() - started)
    return min(times) * 1000  # Other work on the machine only adds.


def _run(home: Path, words: Sequence[str]) -> tuple[float, float]:
    """Seconds of processor time and megabytes of one l2send, from its start to its end."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "L2SEND_HOME": str(home), "LC_ALL": "C.UTF-8"}
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *words], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(f"l2send {' '.join(words)} ended with {process.returncode}: {said.decode()[-500:]}")
    return used.ru_utime + used.ru_stime, int(said.split()[-1]) / 1e3


def _grown(measured: Sequence[Measured]) -> dict[str, float]:
    """Milliseconds that each thing takes longer with the most payments than with the fewest."""
    first, last = measured[0], measured[-1]
    named = (first.lookups | first.commands).items()
    after = last.lookups | last.commands
    return {name: after[name] - before for name, before in named}


def _too_much(measured: Sequence[Measured]) -> bool:
    grown = any(more > _MAY_GROW for more in _grown(measured).values())
    return grown or any(one.memory_mb > _MAY_HOLD for one in measured)


def _table(measured: Sequence[Measured]) -> str:
    grown = _grown(measured)
    head = ["milliseconds", *(f"{one.size:,}" for one in measured), "grown by"]
    lines = [head, ["-" * 12, *("-" * 6 + ":" for _ in head[1:])]]
    for name in grown:
        values = [(one.lookups | one.commands)[name] for one in measured]
        lines.append([name, *(f"{value:.1f}" for value in values), f"{grown[name]:+.1f}"])
    lines.append(["memory, MB", *(f"{one.memory_mb:.0f}" for one in measured), ""])
    lines.append(["file, MB", *(f"{one.file_mb:.1f}" for one in measured), ""])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _json(measured: Sequence[Measured]) -> str:
    sizes = [
        {
            "payments": one.size,
            "lookups_ms": one.lookups,
            "commands_ms": one.commands,
            "memory_mb": one.memory_mb,
            "file_mb": one.file_mb,
        }
        for one in measured
    ]
    return json.dumps({"sizes": sizes, "grown_by_ms": _grown(measured)}, indent=2)


def _curve(measured: Sequence[Measured]) -> str:
    names = [*measured[0].commands, "opening", "by key", "begin and cancel"]
    lines = {name: [(one.size, (one.lookups | one.commands)[name]) for one in measured] for name in names}
    return svg("Milliseconds by the number of payments in the journal", "payments in the journal", lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.journal", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(_SIZES), metavar="N", help="payments, growing")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="runs of each command at each size")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the curve into this file")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    if options.rounds < 1 or min(options.sizes) < 2 or sorted(set(options.sizes)) != options.sizes:
        parser.error("sizes grow from 2 on, and there is at least one round")
    return options


if __name__ == "__main__":
    sys.exit(main())
