"""The order of test files for several processes: those that take longest come first.

Otherwise a long file can be the last that is begun, and one process works on it while the others have nothing left.
How long a test takes is estimated by what it asks for: a devnet, a terminal, a node, a command. No time is measured.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

_SECONDS = {"terminal": 1.5, "home": 0.7, "devnet": 0.7, "node": 0.3, "own_node": 0.4, "inside": 0.1}
"""What a test takes that asks for this fixture."""
_OTHERS = 0.03
STARTS = {
    "devnet/test_processes.py": 40,
    "docs/test_docs.py": 40,
    "cli/test_sessions.py": 30,
    "packaging/test_wheel.py": 20,
    "packaging/test_start.py": 20,
    "cli/test_devices.py": 15,
    "cli/test_keyring.py": 15,
    "wallet/test_crash.py": 15,
}
"""Seconds of files whose tests start programs that no fixture of `_SECONDS` tells of."""
TESTS = Path(__file__).resolve().parents[1]


class Test(Protocol):
    """What is used of a pytest.Item."""

    @property
    def path(self) -> Path: ...
    @property
    def fixturenames(self) -> Iterable[str]: ...


def longest_first(tests: Sequence[Test]) -> list[int]:
    """The places of `tests` in their new order: file after file, each file's tests in the order they have."""
    seconds = defaultdict[Path, float](float, {TESTS / name: float(known) for name, known in STARTS.items()})
    for test in tests:
        seconds[test.path] += max((_SECONDS.get(name, _OTHERS) for name in test.fixturenames), default=_OTHERS)
    return sorted(range(len(tests)), key=lambda place: (-seconds[tests[place].path], str(tests[place].path)))
