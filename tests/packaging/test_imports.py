"""Which room may import which, and what a start of the program must not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOMS = ("bridges", "cli", "core", "devnet", "resolver", "wallet")
# A room may always import itself. Names of rooms aside, these are files of src/l2send.
MAY_IMPORT = {
    "__init__": {"api"},
    "__main__": {"cli"},
    "api": {
        "batch_record",
        "batch_review",
        "client",
        "core",
        "resolver",
        "review",
        "progress_events",
        "wallet",
        "worker",
    },
    "batch_record": {"batch_review", "batch_shared_tx", "core", "resolver", "wallet"},
    "batch_costs": {"batch_review", "core", "fee_caps", "resolver", "wallet"},
    "batch_review": {"batch_shared_tx", "core", "guard", "resolver", "review", "wallet"},
    "batch_shared_tx": {"bridges", "core", "guard", "resolver"},
    "batches": {
        "batch_record",
        "batch_costs",
        "batch_review",
        "batch_shared_tx",
        "core",
        "resolver",
        "safes",
        "shared_payments",
        "progress_events",
        "wallet",
    },
    "bridges": {"core"},
    "cli": {
        "batch_record",
        "batch_review",
        "batches",
        "bridges",
        "client",
        "core",
        "delegating",
        "devnet",
        "fee_caps",
        "offline_lookups",
        "queue_caps",
        "queueing",
        "journal_recovery",
        "recovery_coin",
        "recovery_safes",
        "recovery_transfers",
        "resolver",
        "review",
        "progress_events",
        "wallet",
        "worker",
    },
    "client": {
        "batches",
        "bridges",
        "core",
        "fee_caps",
        "guard",
        "client_closing",
        "client_queue",
        "planning",
        "delegating",
        "preparing",
        "read_web3",
        "resume_many",
        "refunding",
        "quote_renewal",
        "resolver",
        "review",
        "safes",
        "client_safes",
        "shared_payments",
        "progress_events",
        "wallet",
    },
    "core": set[str](),
    "devnet": {"core"},
    "fee_caps": {"core", "resolver", "wallet"},
    "guard": {"bridges", "core", "fee_caps", "wallet"},
    "resume_many": {"core", "wallet"},
    "client_closing": {"client_lookups", "core", "wallet"},
    "client_lookups": {"core", "wallet"},
    "client_queue": {"batches", "core", "queueing", "wallet", "worker"},
    "offline_lookups": {"core", "wallet"},
    "client_safes": {"core", "planning", "review", "safes", "wallet"},
    "safes": {"bridges", "core", "review", "wallet"},
    "refunding": {"core", "progress_events", "wallet"},
    "delegating": {"core", "wallet"},
    "quote_renewal": {"core", "guard", "wallet"},
    "planning": {"bridges", "core", "fee_caps", "resolver", "review"},
    "preparing": {"core", "review", "progress_events", "wallet"},
    "queue_caps": {"batch_review", "core", "fee_caps", "resolver"},
    "queueing": {"batch_record", "batch_review", "core", "queue_caps", "resolver", "wallet"},
    "read_web3": {"core", "wallet"},
    "journal_recovery": {"bridges", "core", "recovery_coin", "recovery_together", "recovery_transfers", "wallet"},
    "recovery_coin": {"core", "recovery_transfers", "wallet"},
    "recovery_safes": {
        "bridges",
        "core",
        "journal_recovery",
        "recovery_coin",
        "recovery_together",
        "recovery_transfers",
        "wallet",
    },
    "recovery_together": {"bridges", "core", "wallet"},
    "recovery_transfers": {"core", "wallet"},
    "resolver": {"bridges", "core"},
    "review": {"bridges", "core", "fee_caps", "guard", "resolver", "wallet"},
    "shared_payments": {"bridges", "core", "wallet"},
    "progress_events": {"wallet"},
    "wallet": {"core"},
    "worker": {
        "batch_review",
        "batches",
        "core",
        "queue_caps",
        "journal_recovery",
        "resolver",
        "progress_events",
        "wallet",
    },
}
DEVNET_COMMANDS = {"devnet", "demo"}
SLOW = {"aiohttp", "eth_account", "questionary", "segno", "web3"}


@dataclass(frozen=True)
class Import:
    """One import of a part of l2send, by a part of l2send."""

    path: Path
    line: int
    target: str

    @property
    def part(self) -> str:
        return self.path.parts[0].removesuffix(".py")

    @property
    def allowed(self) -> bool:
        if self.target == "devnet" and self.part == "cli":
            return bool(DEVNET_COMMANDS & {part.removesuffix(".py") for part in self.path.parts[1:]})
        return self.target == self.part or self.target in MAY_IMPORT[self.part]

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports l2send.{self.target}"


def _modules(root: Path) -> Iterator[tuple[Path, ast.Module]]:
    """Every file of l2send, by its path inside the package."""
    paths = {Path(room, path.relative_to(root / room)): path for room in ROOMS for path in (root / room).rglob("*.py")}
    paths |= {Path(path.name): path for path in (root / "src" / "l2send").glob("*.py")}
    for inside, path in sorted(paths.items()):
        yield inside, ast.parse(path.read_text(), filename=str(path))


def _imported(inside: Path, node: ast.AST) -> list[str]:
    """The full names a statement imports, or the one that an `import_module("...")` does."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=module, names=names, level=level):
            base = [*_package(inside, level), *(module.split(".") if module else [])]
            return [".".join([*base, alias.name]) for alias in names]
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[ast.Constant(value=str(module)), *_]):
            return [module] if name in {"import_module", "__import__"} else []
        case _:
            return []


def _package(inside: Path, level: int) -> list[str]:
    """The package that `level` leading dots stand for in this file."""
    if not level:
        return []
    parents = ["l2send", *inside.parent.parts]
    return parents[: len(parents) - level + 1]


@cache
def _all_imports(root: Path) -> tuple[tuple[Path, int, str], ...]:
    return tuple(
        (inside, getattr(node, "lineno", 0), name)
        for inside, tree in _modules(root)
        for node in ast.walk(tree)
        for name in _imported(inside, node)
    )


def _inner_imports(root: Path) -> Iterator[Import]:
    for inside, line, name in _all_imports(root):
        match name.split("."):
            case ["l2send", target, *_] if target in MAY_IMPORT:
                yield Import(inside, line, target)


def test_rooms_import_only_what_stands_below_them(root: Path) -> None:
    assert [str(found) for found in _inner_imports(root) if not found.allowed] == []


def _file_of(root: Path, name: str) -> str | None:
    """The file that a name of l2send is imported from, by its path inside the package."""
    parts = name.split(".")[1:]
    while parts:
        stem = Path(*parts) if parts[0] in ROOMS else Path("src/l2send", *parts)
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if (root / path).is_file():
                return str(path.relative_to("src/l2send") if path.parts[0] == "src" else path)
        parts = parts[:-1]
    return None


def test_no_files_import_each_other_in_a_circle(root: Path) -> None:
    """Imports inside functions and for types count too: they make a circle run, not readable."""
    wanted = dict[str, set[str]]()
    for inside, _, name in _all_imports(root):
        target = _file_of(root, name) if name.startswith("l2send.") else None
        wanted.setdefault(str(inside), set()).update({target} - {None, str(inside)} if target else ())
    assert len(wanted) > 200
    TopologicalSorter(wanted).prepare()


def test_keys_and_journal_do_not_know_each_other(root: Path) -> None:
    """What signs cannot write the journal, and the journal cannot sign."""
    apart = {"keys": "l2send.wallet.journal", "journal": "l2send.wallet.keys"}
    imports = [(path, line, name) for path, line, name in _all_imports(root) if path.parts[0] == "wallet"]
    assert {path.parts[1] for path, _, _ in imports} >= apart.keys()
    wrong = [f"{path}:{line} {name}" for path, line, name in imports if name.startswith(apart.get(path.parts[1], "?"))]
    assert wrong == []


def test_the_imports_are_seen_at_all(root: Path) -> None:
    seen = {(found.part, found.target) for found in _inner_imports(root)}
    assert {("bridges", "core"), ("cli", "core"), ("resolver", "core"), ("wallet", "core")} <= seen


def test_rooms_are_never_imported_by_their_plain_name(root: Path) -> None:
    """It would work in a clone, where the folders stand at the top, and nowhere else."""
    plain = [f"{path}:{line} {name}" for path, line, name in _all_imports(root) if name.split(".")[0] in ROOMS]
    assert plain == []


@pytest.mark.parametrize(
    "statement", ["from l2send import wallet", "from ..wallet import keys", "import l2send.wallet"]
)
def test_every_way_to_import_is_understood(statement: str) -> None:
    (node,) = ast.parse(statement).body
    (name,) = _imported(Path("core", "units.py"), node)
    assert name.split(".")[:2] == ["l2send", "wallet"]


@pytest.mark.parametrize("module", ["l2send", "l2send.api", "l2send.cli", "l2send.cli.main"])
def test_starting_loads_nothing_slow(module: str, tmp_path: Path) -> None:
    """These take most of a second: `--help`, a typing mistake or a completion must not wait for them."""
    code = f"import sys, {module}; print(*({SLOW} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_public_api_is_loaded_when_it_is_used(tmp_path: Path) -> None:
    code = (
        "import sys, l2send; print('l2send.client' in sys.modules, hasattr(l2send, 'nothing'));"
        "l2send.open_client; print('l2send.client' in sys.modules, all(hasattr(l2send, n) for n in dir(l2send)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False", "True", "True"]


def test_commands_reach_the_journal_through_the_client_alone(root: Path) -> None:
    texts = {path: path.read_text() for path in (root / "cli").rglob("*.py")}
    assert [str(path) for path, text in texts.items() if "client.journal" in text or "SqliteJournal" in text] == []
