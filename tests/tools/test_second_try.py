"""`.ci/run` runs failed tests again, names them, and fails if one does not pass twice in a row."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[2]
FLAKY = """
import pathlib, pytest
@pytest.mark.parametrize("case", ["a b", "[c]"])
def test_flaky(case):
    count = pathlib.Path("count" + case)
    count.write_text(count.read_text() + "." if count.exists() else ".")
    assert len(count.read_text()) in {passing}
def test_green(): pass
"""


def ci_run(folder: Path, passing: str) -> subprocess.CompletedProcess[str]:
    """`.ci/run`'s second try, in a project whose one target runs a test that passes at the tries `passing`."""
    (folder / "test_it.py").write_text(FLAKY.replace("{passing}", passing))
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "Makefile").write_text(f"test:\n\t{sys.executable} -m pytest -q $(ARGS)\n")
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").symlink_to(sys.executable)
    (folder / "tools").symlink_to(ROOT / "tools")
    text = (ROOT / ".ci/run").read_text()
    start, end = text.index("second_tries="), text.index('say "tests: make test"')
    tail = text[text.index('say "all passed"') :]
    script = f'set -euo pipefail\nsay() {{ echo "== $*"; }}\n{text[start:end]}pass test\n{tail}'
    environment = os.environ | {"PYTEST_ADDOPTS": "-p no:xdist", "NO_COLOR": "1"}
    script = script.replace("-n 0", "")
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_green_at_once(tmp_path: Path) -> None:
    done = ci_run(tmp_path, "{1}")
    assert done.returncode == 0, done
    assert done.stdout.splitlines()[-1] == "every test passed at the first try"


def test_passed_only_at_the_second_try_is_named_last(tmp_path: Path) -> None:
    done = ci_run(tmp_path, "{2, 3}")
    assert done.returncode == 0, done
    assert done.stdout.splitlines()[-2:] == [
        "passed only at the second try: test_it.py::test_flaky[[c]]",
        "passed only at the second try: test_it.py::test_flaky[a b]",
    ]


@pytest.mark.parametrize("passing", ["{2}", "{3}", "set()"])
def test_failing_twice_fails(tmp_path: Path, passing: str) -> None:
    done = ci_run(tmp_path, passing)
    assert done.returncode != 0
    assert "all passed" not in done.stdout
