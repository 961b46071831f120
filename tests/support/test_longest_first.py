"""The order of test files for several processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.support.longest_first import STARTS, TESTS, longest_first


@dataclass(frozen=True)
class Item:
    path: Path
    fixturenames: tuple[str, ...] = ()


def test_long_files_come_first_and_stay_together() -> None:
    short, devnet, node = TESTS / "core/test_a.py", TESTS / "cli/test_b.py", TESTS / "wallet/test_c.py"
    tests = [Item(short), Item(node, ("rig", "node")), Item(devnet, ("home", "tmp_path")), Item(short)]
    tests.append(Item(node, ("own_node", "tmp_path")))
    assert longest_first(tests) == [2, 1, 4, 0, 3]


def test_many_short_tests_are_longer_than_one_of_a_devnet() -> None:
    many = [Item(TESTS / "core/test_a.py")] * 100
    assert longest_first([Item(TESTS / "cli/test_b.py", ("home",)), *many])[-1] == 0


def test_a_file_that_starts_programs_is_known_by_its_name() -> None:
    named = next(iter(STARTS))
    assert all((TESTS / name).exists() for name in STARTS)
    assert longest_first([Item(TESTS / "cli/test_b.py", ("home",)), Item(TESTS / named)]) == [1, 0]
