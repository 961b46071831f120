"""Answers of wrong types: no traceback, no wrong end state, and no more memory than a payment needs.

2,000 answers are spoilt by default; `L2SEND_SHAPES` says another number. `L2SEND_SEED=S` plays a seed again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.lab.world import World

pytestmark = pytest.mark.lab

SEED = int(os.environ.get("L2SEND_SEED", "0")) or int(time.time()) % 10**6
COUNT = int(os.environ.get("L2SEND_SHAPES", "2000"))
MEGABYTES = 300
ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(900)
def test_wrong_shapes_of_answers(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = time.monotonic()
    home = world.paths.state.parent
    words = [sys.executable, "-m", "tests.lab.wrong_shapes", str(home), str(SEED), str(COUNT)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    with capsys.disabled():
        ends = ", ".join(f"{end} {number}" for end, number in sorted(report["ends"].items()))
        print(
            f"\n[lab] wrong shapes: seed {SEED} (L2SEND_SEED={SEED} plays it again), {sum(report['spoilt'].values())} "
            f"answers of {report['payments']} payments in {time.monotonic() - before:.0f} s, "
            f"{len(report['wrong'])} wrong, {report['megabytes']} MB\n[lab]   ends: {ends}"
        )
    assert not report["wrong"], "\n".join(report["wrong"])
    assert sum(report["spoilt"].values()) >= COUNT
    assert len(report["spoilt"]) >= 5
    assert report["megabytes"] < MEGABYTES
