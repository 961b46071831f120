"""Extras are installed from l2send's own folder: no message and no page uses the name on a package index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from l2send.core.optional_packages import how_to_install

ROOT = Path(__file__).parents[2]
BY_NAME = re.compile(r"install (?:-\S+ )*[\"']?l2send\b", re.IGNORECASE)
ROOMS = ("bridges", "cli", "core", "devnet", "docs", "resolver", "src/l2send", "wallet")


@pytest.mark.parametrize("words", ["pip install 'l2send[ledger]'", 'pip install "l2send[x]"', "Install l2send[socks]"])
def test_an_installation_by_name_is_recognised(words: str) -> None:
    assert BY_NAME.search(words)


def test_l2send_is_never_installed_by_its_name() -> None:
    pages = [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix in {".py", ".md", ".1"}]
    assert len(pages) > 300
    assert [str(path) for path in [*pages, ROOT / "README.md"] if BY_NAME.search(path.read_text())] == []


def test_every_extra_that_is_named_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    code = "".join(path.read_text() for room in ("core", "wallet") for path in (ROOT / room).rglob("*.py"))
    named = set(re.findall(r"how_to_install\(\"(\w+)\"\)", code))
    assert named == {"keyring", "ledger", "postgres", "socks", "trezor"}
    assert named <= set(extras)
    assert "'.[ledger]'" in how_to_install("ledger")
