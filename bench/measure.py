"""Measures one run of one way: the time of the whole process, its traffic, and whether its answer is right."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass

from bench.latency_client import Delayed, Traffic
from bench.process import Failed
from bench.stage import Balances, Stage
from bench.ways import Run, Way

_PASSED_ON = ("PATH", "TMPDIR", "LANG", "LC_ALL")
"""No settings and no HTTP proxy of the user: those would be measured too."""


class WrongAnswer(Failed):
    """A way failed, or found other balances than there are: its time means nothing."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one way."""

    seconds: float
    traffic: Traffic


def measure(way: Way, stage: Stage, chains: Delayed) -> Sample:
    """Run `way` in a new process. Raises WrongAnswer."""
    run = way.prepare(stage, chains.urls)
    chains.take()
    started = time.perf_counter()
    done = _start(run, stage)
    seconds = time.perf_counter() - started
    traffic = chains.take()
    if done.returncode != 0:
        raise WrongAnswer(f"{way.name} ended with status {done.returncode}: {done.stderr.strip()[-2000:]}")
    compare(way.name, way.read(done.stdout, stage), stage.funded)
    return Sample(seconds, traffic)


def compare(name: str, found: Balances, true: Balances) -> None:
    """Every balance, no more and no less. Raises WrongAnswer."""
    wrong = sorted(key for key in true.keys() | found.keys() if true.get(key) != found.get(key))
    if wrong:
        first = wrong[0]
        raise WrongAnswer(
            f"{name} is wrong about {len(wrong)} of {len(true)} balances; "
            f"the first is {first}: {found.get(first)} instead of {true.get(first)}."
        )


def _start(run: Run, stage: Stage) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return subprocess.run(
        run.command,
        input=run.stdin,
        env=kept | {"HOME": str(stage.home)} | run.environment,
        cwd=stage.home,
        capture_output=True,
        text=True,
        check=False,
    )
