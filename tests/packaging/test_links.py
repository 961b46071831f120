"""The rooms are top-level folders, linked into the package: without its link, a room is not installed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

PACKAGE = Path("src", "l2send")
ROOMS = ("bridges", "cli", "core", "devnet", "resolver", "wallet")
NOT_INSTALLED = {"bench", "tests"}


@pytest.mark.parametrize("name", [*ROOMS, "chains.toml"])
def test_is_linked_into_the_package(root: Path, name: str) -> None:
    link = root / PACKAGE / name
    assert link.is_symlink()
    assert link.readlink() == Path("..", "..", name)
    assert link.resolve(strict=True) == root / name


def test_nothing_else_is_linked(root: Path) -> None:
    links = {path.name for path in (root / PACKAGE).iterdir() if path.is_symlink()}
    assert links == {*ROOMS, "chains.toml"}


def test_every_package_is_a_room(root: Path) -> None:
    packages = {path.parent.name for path in root.glob("*/__init__.py")}
    assert packages - NOT_INSTALLED == set(ROOMS)


def test_pyright_is_told_of_every_room(root: Path) -> None:
    """It does not follow the links by itself: it would check nothing there and say that all is well."""
    config = tomllib.loads((root / "pyproject.toml").read_text())
    assert {f"src/l2send/{room}" for room in ROOMS} <= set(config["tool"]["pyright"]["include"])
