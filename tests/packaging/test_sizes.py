"""Limits on the size of files and functions: larger ones are split by task."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

LONGEST_FILE, LONGEST_FUNCTION, MEDIAN_FILE = 400, 45, 120
MOST_PARAMETERS = 10
"""Of a command: options that belong together are one dataclass."""


@pytest.fixture(scope="module")
def sources(root: Path, tracked: Sequence[Path]) -> list[Path]:
    """Every Python file, tests too."""
    return [path for path in tracked if path.suffix == ".py" and not (root / path).is_symlink()]


class _Function(NamedTuple):
    """Where a function is, and its size."""

    path: Path
    line: int
    name: str
    lines: int
    parameters: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.name}"


@pytest.fixture(scope="module")
def functions(root: Path, sources: Sequence[Path]) -> list[_Function]:
    """Every function. No tree is kept: that takes three times as long."""
    return [
        _Function(path, f.lineno, f.name, (f.end_lineno or 0) - f.lineno + 1, len(f.args.args) + len(f.args.kwonlyargs))
        for path in sources
        for f in _functions(ast.parse((root / path).read_text()))
    ]


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions in a tree, by its statements alone: no expression has one, and most of a tree is expressions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        if isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _functions(node)


def test_no_file_is_too_long(root: Path, sources: Sequence[Path]) -> None:
    lengths = {str(path): len((root / path).read_text().splitlines()) for path in sources}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}
    assert median(lengths.values()) <= MEDIAN_FILE


def test_no_function_is_too_long(functions: Sequence[_Function]) -> None:
    assert len(functions) > 5_000
    assert {str(each): each.lines for each in functions if each.lines > LONGEST_FUNCTION} == {}


def test_functions_are_found_wherever_they_are() -> None:
    code = """
class A:
    def a(self):
        match self:
            case 1:
                async def b(): ...
        try:
            x = 1
        except ValueError:
            with open(x):
                def c(): ...
"""
    assert [node.name for node in _functions(ast.parse(code))] == ["a", "b", "c"]


def test_no_command_takes_too_many_parameters(functions: Sequence[_Function]) -> None:
    commands = [each for each in functions if each.path.parts[:2] == ("cli", "commands")]
    assert len(commands) > 100
    assert {str(each): each.parameters for each in commands if each.parameters > MOST_PARAMETERS} == {}
