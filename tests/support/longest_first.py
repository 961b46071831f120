"""The order of test files for several processes: those that take longest come first.

Otherwise a long file can be the last that is begun, and one process works on it while the others have nothing left.
How long a test takes is estimated by what it asks for: a devnet, a terminal, a node, a command. No time is measured.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

_SECONDS = {"terminal": 1.5, "home": 0.7, "own_home": 2.0, "devnet": 0.7, "node": 0.3, "own_node": 0.4, "inside": 0.1}
"""What a test takes that asks for this fixture."""
_OTHERS = 0.03
STARTS = {
    "lab/test_matrix.py": 300,
    "wallet/journal/test_cuts.py": 250,
    "lab/test_several.py": 250,
    "lab/test_random.py": 200,
    "lab/test_ends.py": 150,
    "lab/test_wrong_shapes.py": 100,
    "lab/test_workers_killed.py": 60,
    "lab/test_shared_journal.py": 60,
    "lab/test_operation_killed.py": 110,
    "lab/test_batch_killed.py": 50,
    "lab/test_odd_endpoints.py": 50,
    "lab/test_offline.py": 40,
    "lab/test_salaries.py": 40,
    "lab/test_secrets.py": 30,
    "lab/test_speculos.py": 30,
    "lab/test_switched.py": 30,
    "cli/commands/test_demo.py": 40,
    "devnet/test_processes.py": 40,
    "docs/test_docs.py": 40,
    "cli/test_keyring.py": 30,
    "wallet/test_crash.py": 30,
    "cli/test_keys.py": 25,
    "cli/test_schemas.py": 20,
    "packaging/test_start.py": 15,
    "packaging/test_wheel.py": 15,
    "cli/test_conversations.py": 15,
    "cli/test_devices.py": 10,
    "cli/test_sessions.py": 10,
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
