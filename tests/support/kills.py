"""Counts the kills of a module's tests, and prints their sum at its end: `[lab] a Safe: killed 7 of 7, 0 wrong`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.capture import CaptureManager


@dataclass
class Kills:
    """How many kills were tried, happened, and were followed by the right end."""

    tried: int = 0
    killed: int = 0
    right: int = 0

    @contextmanager
    def of(self, proof: Path) -> Iterator[None]:
        """A process that is killed, and all that has to be right afterwards. `proof`: the file that a kill leaves."""
        self.tried += 1
        try:
            yield
            assert proof.exists(), "nothing was killed, so this showed nothing"
            self.right += 1
        finally:
            self.killed += proof.exists()

    def __str__(self) -> str:
        return f"killed {self.killed} of {self.tried}, {self.killed - self.right} wrong"


@pytest.fixture(scope="module")
def kills(request: pytest.FixtureRequest) -> Iterator[Kills]:
    """One count for the tests of a module, whose `KILLED` says what was killed."""
    counted = Kills()
    yield counted
    capture = request.config.pluginmanager.getplugin("capturemanager")
    assert isinstance(capture, CaptureManager)
    with capture.global_and_fixture_disabled():
        print(f"\n[lab] {request.module.KILLED}: {counted}")
