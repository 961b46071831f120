"""How many small faults in the code would the tests notice? Plants them one at a time, in copies, and counts.

    python tools/mutate.py wallet/nonces.py wallet/journal/sqlite.py --tests tests/wallet --sample 200 --seed 1

Each mutant differs from the code in one place: a comparison or a condition turned, a number one higher, a sum
a difference, a statement left out, nothing returned. It meets the tests that run its line, the quickest first, until
one fails. Those that no test fails for are listed: some are no fault at all, the others ask for a test.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
_MOST_SECONDS, _LEAST_SECONDS, _SLACK = 1800.0, 60.0, 4.0
"""For all tests; and for those of a mutant, beside so many times what they take without it. Hanging is noticed."""
Traced = Mapping[str, tuple[float, list[str]]]
"""Test -> seconds, and the lines it runs as `file:line`."""

_TURNED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_EXCHANGED: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
}


@dataclass(frozen=True)
class Mutant:
    """One place of one file, and what stands there instead."""

    file: str
    line: int
    what: str
    source: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


def mutants(file: str) -> Iterator[Mutant]:
    """Every mutant of a file."""
    tree = ast.parse((ROOT / file).read_text())
    skipped = set(_not_code(tree))
    for place, node in enumerate(ast.walk(tree)):
        if node in skipped:
            continue
        for number, changed in enumerate(_changes(node)):
            other = copy.deepcopy(tree)
            target = list(ast.walk(other))[place]
            new = list(_changes(target))[number]
            _Exchange(target, new).visit(other)
            words = f"{_short(node)}  ->  {_short(changed)}"
            yield Mutant(file, getattr(node, "lineno", 0), words, ast.unparse(ast.fix_missing_locations(other)))


def _short(node: ast.AST) -> str:
    text = ast.unparse(node).splitlines()
    return (text[0] if text else "")[:90]


def _not_code(tree: ast.AST) -> Iterator[ast.AST]:
    """Docstrings, annotations, the bodies of protocols: what is there for readers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield from ast.walk(node)
        if isinstance(node, ast.ImportFrom | ast.Import):
            yield from ast.walk(node)
        for notes in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if notes is not None:
                yield from ast.walk(notes)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                yield from ast.walk(decorator)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node, each a small fault."""
    yield from _other_expressions(node)
    yield from _other_statements(node)


def _other_expressions(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(ops=[op]):
            yield ast.Compare(node.left, [_TURNED[type(op)]()], node.comparators)
        case ast.BoolOp(op=op):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp(op=op) if type(op) in _EXCHANGED:
            yield ast.BinOp(node.left, _EXCHANGED[type(op)](), node.right)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case _:
            pass


def _other_statements(node: ast.AST) -> Iterator[ast.stmt]:
    match node:
        case ast.If(test=test) if not isinstance(test, ast.Compare | ast.UnaryOp):  # Those are turned themselves.
            yield ast.If(ast.UnaryOp(ast.Not(), test), node.body, node.orelse)
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Expr() | ast.Continue() | ast.Break() | ast.AugAssign():
            yield ast.Pass()
        case _:
            pass


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


class _Exchange(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._old:
            return ast.copy_location(self._new, node)
        return self.generic_visit(node)


class Workshop:
    """A copy of the project in which one mutant lives at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        for name in filter(None, names.split("\0")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)

    def trace(self, files: Sequence[str], tests: Sequence[str]) -> Traced:
        """The seconds and lines of every test, the quickest first; all of them must pass."""
        result = self._folder / "trace.json"
        if self._run(tests, _MOST_SECONDS, "-p", "trace_tests", TRACED=":".join(files), TRACE=str(result)):
            raise SystemExit("the tests fail without a mutant.")
        traced = {
            test: (float(seen["seconds"]), seen["lines"]) for test, seen in json.loads(result.read_text()).items()
        }
        return dict(sorted(traced.items(), key=lambda item: item[1][0]))

    def notices(self, mutant: Mutant, tests: Sequence[str], seconds: float) -> bool:
        """Whether one of the tests fails, or hangs, with the mutant in place."""
        path = self._folder / mutant.file
        original = path.read_text()
        self._write(path, mutant.source)
        try:
            return self._run(tests, seconds) != 0
        finally:
            self._write(path, original)

    def _write(self, path: Path, source: str) -> None:
        """With nothing compiled left of what was there: a mutant may be as long, and as old to the second."""
        path.write_text(source)
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()

    def _run(self, tests: Sequence[str], seconds: float, *options: str, **environment: str) -> int:
        """The exit status of pytest, or that of its end when time was up. All that it started ends with it."""
        words = ["-q", "-x", "-n", "0", "-p", "no:cacheprovider", "-m", "not lab", *options, *tests]
        child = os.fork()
        if not child:
            self._pytest([*words, "-W", "ignore::pytest.PytestAssertRewriteWarning"], environment)
        until = time.monotonic() + seconds
        while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None and time.monotonic() < until:
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        return os.waitpid(child, 0)[1]

    def _pytest(self, words: list[str], environment: Mapping[str, str]) -> NoReturn:
        """In a process that has the slow imports behind it, and leads a session of its own."""
        os.setsid()
        os.chdir(self._folder)
        paths = [str(self._folder / place) for place in ("", "src", "tools")]
        sys.path[:0] = paths
        os.environ.update(environment, PYTHONPATH=os.pathsep.join(paths))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):
            os.dup2(nowhere, standard)
        import pytest

        os._exit(pytest.main(words))


_shops: list[Workshop] = []
"""The one of this process."""


def open_shop(folder: Path) -> None:
    """Make this process ready for mutants: with a copy of the project, and with the slow imports done."""
    _shops.append(Workshop(folder / str(os.getpid())))
    for name in ("pytest", "hypothesis", "eth_account", "eth_abi", "rlp", "httpx", "httpcore", "h11"):
        importlib.import_module(name)


def trace(files: Sequence[str], tests: Sequence[str]) -> Traced:
    """See Workshop.trace."""
    return _shops[0].trace(files, tests)


def is_noticed(mutant: Mutant, tests: Sequence[str], seconds: float) -> bool:
    """Whether one of the tests fails, or hangs, with the mutant in place."""
    return _shops[0].notices(mutant, tests, seconds)


def tests_of(mutant: Mutant, traced: Traced) -> list[str]:
    """The tests that run its line, the quickest first; all of them for a line that runs at import."""
    place = f"{mutant.file}:{mutant.line}"
    return [test for test, (_, lines) in traced.items() if place in lines] or list(traced)


def main() -> None:
    """Plant, test, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--tests", nargs="+", default=["tests/wallet"])
    parser.add_argument("--sample", type=int, help="this many mutants, drawn by --seed; all of them if not given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    said = parser.parse_args()
    every = [mutant for file in said.files for mutant in mutants(file)]
    dice = random.Random(said.seed)  # noqa: S311 - to draw the same again
    drawn = every if said.sample is None else dice.sample(every, min(said.sample, len(every)))
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(said.workers, get_context("spawn"), open_shop, (Path(folder),)) as pool,
    ):
        print(f"{len(drawn)} of {len(every)} mutants, seed {said.seed}; tracing the tests", flush=True)
        traced = pool.submit(trace, said.files, said.tests).result()
        meetings = list[tuple[Mutant, int, Future[bool]]]()
        for mutant in drawn:
            tests = tests_of(mutant, traced)
            seconds = _LEAST_SECONDS + _SLACK * sum(traced[test][0] for test in tests)
            meetings.append((mutant, len(tests), pool.submit(is_noticed, mutant, tests, seconds)))
        noticed = list[bool]()
        for mutant, count, meeting in meetings:
            noticed.append(meeting.result())
            print(f"{'noticed' if noticed[-1] else 'SURVIVED'}, {count} tests run its line: {mutant}", flush=True)
    print(f"{sum(noticed)} of {len(noticed)} mutants noticed, {100 * sum(noticed) / len(noticed):.1f} %")
    for file in said.files:
        of_file = [was for mutant, was in zip(drawn, noticed, strict=True) if mutant.file == file]
        print(f"  {file}: {sum(of_file)} of {len(of_file)}")


if __name__ == "__main__":
    main()
