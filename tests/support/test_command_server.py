"""Forked commands: each ends on its own, and none imports what the server can import once for all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.command_server import COMMANDS, IMPORTS


def test_commands_at_the_same_time_have_each_their_own_end(empty_home: Home) -> None:
    empty_home.must("version")  # starts the server
    with ThreadPoolExecutor(4) as pool:
        known, unknown, version, broken = pool.map(empty_home.run, ("chains", "chian", "version", "-9"))
    assert [done.status for done in (known, unknown, version, broken)] == [0, 2, 0, 2]
    assert "Base" in known.stdout
    assert "chian" in unknown.stderr
    assert version.stdout.startswith("l2send ")


def test_a_command_that_does_not_end_in_time_is_killed(home: Home) -> None:
    name, _ = home.new_account()
    words = ("receive", "--chain", "dev1", "--token", "USDC", "--amount", "1", "--wait", "--account", name, "--devnet")
    with open("/dev/null", "r+") as nothing, pytest.raises(TimeoutError, match="did not end"):
        COMMANDS.run(words, home.environment, [nothing.fileno()] * 3, 0.2)


def test_a_payment_imports_nothing_in_its_fork(home: Home, tmp_path: Path) -> None:
    """What one imports, a thousand import: 80 modules for HTTP and signing took a tenth of a second each time."""
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="20", ETH="1")
    imports = tmp_path / "imports"
    for chain in ("dev1", "dev2"):
        words = ("5", "USDC", f"{chain}:{new_address()}", "--account", name, "--yes", "--max-fee", "90%")
        home.must(*words, **{IMPORTS: str(imports)})
    assert imports.read_text() == ""
