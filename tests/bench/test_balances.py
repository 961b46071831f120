"""The balances benchmark runs, and never compares the times of differing answers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.latency_client import Traffic
from bench.measure import Sample, WrongAnswer, compare
from bench.report import table

pytestmark = pytest.mark.lab

ROOT = Path(__file__).resolve().parents[2]
TRUE = {(1, "ETH"): 5, (1, "USDC"): 7}


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ETH_")}
    command = [sys.executable, "-m", "bench.balances", *words]
    return subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.registry
def test_all_ways_find_the_same_balances() -> None:
    done = bench("--chains", "3", "--rounds", "1", "--latency", "0")
    assert done.returncode == 0, done.stderr
    assert "found the same 15 balances" in done.stdout
    rows = [[cell.strip() for cell in line.split("|")] for line in done.stdout.splitlines() if line.startswith("|")]
    requests = {row[1]: row[2] for row in rows[2:]}
    assert len(requests) == 5
    assert requests["`l2send balances`"] == requests["bare asyncio"] == "3"


@pytest.mark.parametrize("words", [("--rounds", "0"), ("--latency", "-1"), ("--chains", "0")])
def test_nonsense_is_refused_in_words(words: tuple[str, str]) -> None:
    done = bench(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_equal_balances_pass_in_any_order() -> None:
    compare("a way", dict(reversed(TRUE.items())), TRUE)


@pytest.mark.parametrize(
    "found",
    [
        {(1, "ETH"): 5},
        {(1, "ETH"): 5, (1, "USDC"): 8},
        {(1, "ETH"): 7, (1, "USDC"): 5},
        {**TRUE, (2, "ETH"): 0},
        {},
    ],
)
def test_any_other_balance_is_an_error(found: dict[tuple[int, str], int]) -> None:
    with pytest.raises(WrongAnswer, match="a way is wrong about"):
        compare("a way", found, TRUE)


def test_table_has_medians_as_ratios_to_the_first_way() -> None:
    def runs(*seconds: float, requests: tuple[int, ...]) -> list[Sample]:
        return [Sample(s, Traffic(requests, 2, 0.01)) for s in seconds]

    text = table(
        {
            "first": {0.0: runs(1, 2, 90, requests=(1, 1))},
            "second": {0.0: [*runs(3, requests=(4, 4)), *runs(5, requests=(4, 5))]},
        }
    )
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert cells[0] == ["", "HTTP requests", "at once", "proxy seconds", "+0 ms: ratio", "seconds", "runs"]
    assert cells[2] == ["first", "2", "2", "0.01", "1.00", "2.00", "3"]
    assert cells[3] == ["second", "8 to 9", "2", "0.01", "2.00", "4.00", "2"]
