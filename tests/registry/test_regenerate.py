"""The tool itself, with the pinned packages: pins and overlay reproduce chains.toml to the byte."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.registry
@pytest.mark.skipif(not (shutil.which("npm") and shutil.which("node")), reason="npm and node are not installed")
def test_the_refresh_gives_the_same_bytes_again() -> None:
    tool = [sys.executable, "-m", "tools.refresh_chains", "--check"]
    done = subprocess.run(tool, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or "chains.toml is not what tools/refresh_chains.py writes"
