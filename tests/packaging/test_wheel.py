"""What is installed: all of l2send under its own name, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

ROOMS = ("bridges", "cli", "core", "devnet", "resolver", "wallet")
PACKAGE = Path("src", "l2send")
NOT_SHIPPED = {".md"}
# Prints where each module named after the first argument was found, the first argument leading the path.
LOCATE = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    print(importlib.import_module(name).__file__)
"""


@pytest.fixture(scope="module")
def source(root: Path, tracked: Sequence[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone holds, in a folder that building may litter."""
    copy = tmp_path_factory.mktemp("source")
    for path in tracked:
        target = copy / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / path, target, follow_symlinks=False)
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `pip install .` does it, but without the network."""
    return _build_wheel(source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds l2send and nothing else."""
    target = tmp_path_factory.mktemp("installed")
    _pip("install", "--target", str(target), str(wheel))
    return target


def _build_wheel(source: Path, out: Path) -> Path:
    _pip("wheel", "--no-build-isolation", "--wheel-dir", str(out), str(source))
    (built,) = out.glob("*.whl")
    return built


def _pip(command: str, *arguments: str) -> None:
    _python("-m", "pip", "--disable-pip-version-check", command, "--no-index", "--no-deps", *arguments)


def _python(*arguments: str, cwd: Path | None = None) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _shipped(tracked: Sequence[Path]) -> set[str]:
    """What the wheel must hold of l2send: every file of the rooms, and of src/l2send."""
    rooms = {Path("l2send", path) for path in tracked if path.parts[0] in {*ROOMS, "chains.toml"}}
    own = {path.relative_to("src") for path in tracked if path.is_relative_to(PACKAGE) and not path.is_symlink()}
    return {path.as_posix() for path in rooms | own if path.suffix not in NOT_SHIPPED}


def test_the_wheel_holds_every_file_of_the_package(wheel: Path, tracked: Sequence[Path]) -> None:
    assert {name for name in _names(wheel) if name.startswith("l2send/")} == _shipped(tracked)


def test_the_wheel_holds_the_data(wheel: Path) -> None:
    names = _names(wheel)
    assert {"l2send/py.typed", "l2send/chains.toml", "l2send/devnet/packages.toml"} <= names
    assert any(name.startswith("l2send/devnet/contracts/") and name.endswith(".sol") for name in names)


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    """A top-level `cli` or `core` would overwrite another package's files."""
    tops = {name.split("/")[0] for name in _names(wheel)}
    info = next(top for top in tops if top.endswith(".dist-info"))
    data = info.replace(".dist-info", ".data")
    assert tops == {"l2send", info, data}
    assert {name for name in _names(wheel) if name.startswith(data)} == {f"{data}/data/share/man/man1/l2send.1"}


def test_the_wheel_brings_the_command_and_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        texts = {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist() if ".dist-info/" in name}
    assert b"l2send = l2send.cli.main:main" in texts["entry_points.txt"]
    assert texts["licenses/LICENSE"]


def test_a_source_archive_builds_the_same_wheel(source: Path, wheel: Path, tmp_path: Path) -> None:
    build = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    _python("-c", build, str(tmp_path), cwd=source)
    (archive,) = tmp_path.glob("*.tar.gz")
    assert _names(_build_wheel(archive, tmp_path)) == _names(wheel)


def test_what_is_installed_can_be_imported(installed: Path, tmp_path: Path) -> None:
    modules = ["l2send", *(f"l2send.{room}" for room in ROOMS), "l2send.cli.main", "l2send.client"]
    found = _python("-c", LOCATE, str(installed), *modules, cwd=tmp_path).split()
    assert len(found) == len(modules)
    assert all(Path(path).is_relative_to(installed) for path in found)


def test_no_room_is_installed_under_its_plain_name(installed: Path) -> None:
    beside = {path.name for path in installed.iterdir()}
    assert not beside & {*ROOMS, "chains.toml", "tests", "bench"}
