"""Random faults, kills, clocks and solvers, from seeds that are printed when they fail.

`L2SEND_SEEDS=N` plays N seeds, `L2SEND_SEED=S` begins at S; `python -m tests.lab.chance S 1` plays one again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.lab.chance import REAL_KILL_EVERY, TOGETHER

pytestmark = pytest.mark.lab

SEEDS = int(os.environ.get("L2SEND_SEEDS", "240"))
FIRST = int(os.environ.get("L2SEND_SEED", "0"))
WORKERS = 2
ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(120 + SEEDS)
def test_it_is_paid_once_or_not_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    before = time.monotonic()
    reports = played()
    seconds = time.monotonic() - before
    with capsys.disabled():
        print_summary(reports, seconds)
    wrong = [report for report in reports if report["wrong"] or not (report["once"] or report["never"])]
    assert not wrong, "\n".join(f"python -m tests.lab.chance {r['seed']} 1: {r}" for r in wrong)
    assert sorted(report["seed"] for report in reports) == list(range(FIRST, FIRST + SEEDS))
    if SEEDS >= 100:
        assert sum(report["kills"] for report in reports) > SEEDS / 4, "too few kills to mean anything"
        assert sum(report["kills"] for report in reports if report["real"]) > 0
        assert sum(report["fired"] > 0 for report in reports) > SEEDS / 3, "too few faults to mean anything"


def played() -> list[dict[str, Any]]:
    """The seeds, shared out in whole groups among processes with a devnet each."""
    groups = range(FIRST // TOGETHER, (FIRST + SEEDS - 1) // TOGETHER + 1)
    running = list[subprocess.Popen[str]]()
    for worker in range(min(WORKERS, len(groups))):
        share = groups[worker * len(groups) // WORKERS : (worker + 1) * len(groups) // WORKERS]
        if len(groups) == 1:
            share = groups
        first = max(FIRST, share[0] * TOGETHER)
        after = min(FIRST + SEEDS, (share[-1] + 1) * TOGETHER)
        words = [sys.executable, "-m", "tests.lab.chance", str(first), str(after - first)]
        running.append(subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    reports = list[dict[str, Any]]()
    for process in running:
        out, errors = process.communicate()
        reports += [json.loads(line) for line in out.splitlines()]
        assert process.returncode == 0, errors
    return reports


def print_summary(reports: list[dict[str, Any]], seconds: float) -> None:
    real = [report for report in reports if report["real"]]
    states = Counter(str(report["state"]) for report in reports)
    print(
        f"\n[lab] random: seeds {FIRST} to {FIRST + SEEDS - 1} in {seconds:.0f} s: "
        f"{sum(r['once'] for r in reports)} exactly once, {sum(r['never'] for r in reports)} provably not at all, "
        f"{sum(bool(r['wrong']) for r in reports)} wrong; "
        f"{sum(r['kills'] for r in reports if not r['real'])} kills simulated, "
        f"{sum(r['kills'] for r in real)} by SIGKILL (every {REAL_KILL_EVERY}th seed is made of real processes), "
        f"{sum(r['fired'] for r in reports)} broken requests, {sum(r['runs'] for r in reports)} runs\n"
        f"[lab]   ends: {', '.join(f'{state} {number}' for state, number in states.most_common())}"
    )
