"""Limits on the size of files and functions: larger ones are split by task."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import pytest

LONGEST_FILE, LONGEST_FUNCTION, MEDIAN_FILE = 400, 45, 120
MOST_PARAMETERS = 10
"""Of a command: options that belong together are one dataclass."""


@pytest.fixture(scope="module")
def sources(root: Path, tracked: Sequence[Path]) -> list[Path]:
    """Every Python file, tests too."""
    return [path for path in tracked if path.suffix == ".py" and not (root / path).is_symlink()]


def _functions(root: Path, path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse((root / path).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_file_is_too_long(root: Path, sources: Sequence[Path]) -> None:
    lengths = {str(path): len((root / path).read_text().splitlines()) for path in sources}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}
    assert median(lengths.values()) <= MEDIAN_FILE


def test_no_function_is_too_long(root: Path, sources: Sequence[Path]) -> None:
    found = {
        f"{path}:{node.lineno} {node.name}": lines
        for path in sources
        for node in _functions(root, path)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert found == {}


def test_no_command_takes_too_many_parameters(root: Path, sources: Sequence[Path]) -> None:
    found = {
        f"{path}:{node.lineno} {node.name}": count
        for path in sources
        if path.parts[:2] == ("cli", "commands")
        for node in _functions(root, path)
        if (count := len(node.args.args) + len(node.args.kwonlyargs)) > MOST_PARAMETERS
    }
    assert found == {}
