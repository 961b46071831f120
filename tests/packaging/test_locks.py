"""The lock files: every package at one version, with its hashes, from any index that pip uses."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ("requirements.lock", "requirements-dev.lock")
LOCKED = re.compile(
    r"(?P<name>[a-z0-9]+(-[a-z0-9]+)*)==(?P<version>[0-9][0-9a-z.]*)"
    r"( ; [^#]+?)?( --hash=sha256:[0-9a-f]{64})+"
)
NPM_LOCKS = {"package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock"}
URL = re.compile(r"\w+://|\bwww\.", re.IGNORECASE)


def _lines(lock: Path) -> list[str]:
    """One line per requirement, without comments."""
    joined = re.sub(r" *\\\n *", " ", lock.read_text())
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def _versions(lock: Path) -> Mapping[str, str]:
    found = (LOCKED.fullmatch(line) for line in _lines(lock))
    return {match["name"]: match["version"] for match in found if match}


def _group(groups: Mapping[str, Sequence[Any]], name: str) -> list[Requirement]:
    """A dependency group, with the groups it includes."""
    included = (entry["include-group"] for entry in groups[name] if isinstance(entry, dict))
    own = [Requirement(entry) for entry in groups[name] if isinstance(entry, str)]
    return own + [requirement for group in included for requirement in _group(groups, group)]


def _wanted(root: Path, lock: str) -> list[Requirement]:
    config = tomllib.loads((root / "pyproject.toml").read_text())
    group = "dev" if "dev" in lock else "build"
    runtime = [Requirement(text) for text in config["project"]["dependencies"]]
    return runtime + _group(config["dependency-groups"], group)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_with_hashes(root: Path, lock: str) -> None:
    lines = _lines(root / lock)
    assert lines
    assert [line for line in lines if not LOCKED.fullmatch(line)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_is_locked_in_its_range(root: Path, lock: str) -> None:
    """If not: `make lock`."""
    versions = _versions(root / lock)
    wanted = _wanted(root, lock)
    unlocked = [need for need in wanted if canonicalize_name(need.name) not in versions]
    assert unlocked == []
    assert [need for need in wanted if versions[canonicalize_name(need.name)] not in need.specifier] == []


def test_what_is_tested_is_what_is_installed(root: Path) -> None:
    runtime, dev = (_versions(root / lock) for lock in LOCKS)
    assert runtime.items() <= dev.items()


def test_what_builds_l2send_is_locked_too(root: Path) -> None:
    """It is installed without build isolation, which would fetch a setuptools that no hash was checked of."""
    assert "setuptools" in _versions(root / "requirements.lock")


def test_no_lock_file_names_a_url(root: Path, tracked: Sequence[Path]) -> None:
    """A package is known by its hash; where it comes from is set on each machine."""
    locks = [path for path in tracked if path.suffix == ".lock" or path.name in NPM_LOCKS]
    pins = [path for path in tracked if path.name == "packages.toml"]
    assert {Path(lock) for lock in LOCKS} <= set(locks)
    assert [str(path) for path in locks + pins if URL.search((root / path).read_text())] == []
