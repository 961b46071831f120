"""The demo: four acts that end as they should, with balances read from the chains, and nothing left behind."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import make_home

pytestmark = pytest.mark.lab


def test_the_demo_tells_its_story_and_tears_down(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    told = make_home(tmp_path / "home", TMPDIR=str(scratch)).must("demo", "--json").json
    assert told["schema"] == "l2send.demo/1"
    ends = {act["act"]: act["exit"] for act in told["acts"]}
    assert ends == {"direct": 0, "bridged": 0, "refused": 6, "ignored": 8, "refunded": 9}
    alice, bob = told["usdc"]["alice"], told["usdc"]["bob"]
    assert alice["before"] == {"dev1": "100", "dev2": "60", "dev3": "0", "dev4": "0"}
    assert alice["after"]["dev1"] == "75"
    assert bob["after"] == {"dev1": "25", "dev2": "0", "dev3": "0", "dev4": "25"}
    assert not list(scratch.iterdir())
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(scratch) not in processes
