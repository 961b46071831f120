"""Runs the command in this process: like the real one, without the second that a new process takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from l2send.cli.main import run
from l2send.core.paths import Paths
from tests.conftest import Done


@dataclass
class Inside:
    """An `L2SEND_HOME`, and `l2send` run in it."""

    path: Path
    capture: pytest.CaptureFixture[str]
    environment: pytest.MonkeyPatch

    @property
    def paths(self) -> Paths:
        return Paths.under(self.path)

    def run(self, *words: str) -> Done:
        self.capture.readouterr()
        status = run(list(words))
        said = self.capture.readouterr()
        return Done(status, said.out, said.err)

    def must(self, *words: str) -> Done:
        done = self.run(*words)
        assert done.status == 0, done
        return done


@pytest.fixture
def inside(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Inside:
    """A home of its own, and a person's home folder of its own, with nothing in either."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("L2SEND_HOME", str(home))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ETH_FROM", "ETH_KEYSTORE", "ETH_KEYSTORE_ACCOUNT", "ETH_PASSWORD", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return Inside(home, capsys, monkeypatch)
