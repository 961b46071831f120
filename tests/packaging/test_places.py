"""Each test file is named after the file that it tests, or listed in the tables of tests/README.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

SOURCES_OF = {"client": "src/l2send"}
"""Folders of tests that have another name than what they test."""


def file_tested_by(test: Path) -> Path:
    """What tests/ROOM/test_FILE.py is the test of, by its name."""
    room, *folders = test.parts[1:-1]
    return Path(SOURCES_OF.get(room, room), *folders, test.name.removeprefix("test_"))


@pytest.fixture(scope="module")
def tests(tracked: Sequence[Path]) -> list[Path]:
    """Every file of tests, relative to the root."""
    return [path for path in tracked if path.match("tests/**/test_*.py") or path.match("tests/*/test_*.py")]


@pytest.fixture(scope="module")
def listed(root: Path) -> list[str]:
    """The files in the tables of tests/README.md, as written there."""
    return re.findall(r"`([\w/]*test_\w+\.py)`", (root / "tests/README.md").read_text().partition("## Behaviour")[2])


def test_every_test_names_its_file_or_is_in_the_table(root: Path, tests: Sequence[Path], listed: list[str]) -> None:
    assert len(tests) > 150
    lost = [str(test) for test in tests if not (root / file_tested_by(test)).is_file()]
    assert [test for test in lost if test.removeprefix("tests/") not in listed] == []


def test_the_table_names_tests_that_exist_once(root: Path, listed: list[str]) -> None:
    assert [name for name in listed if not (root / "tests" / name).is_file()] == []
    assert sorted(set(listed)) == sorted(listed)
