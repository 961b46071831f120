"""Passwords in a keyring: the `keyring` library, with a file of keyrings.alt as a stand-in for a desktop's keyring."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import PASSWORD, Home
from tests.support.addresses import new_address
from tests.support.secret_files import secret_file

pytestmark = pytest.mark.lab


@pytest.fixture
def desk(home: Home, tmp_path: Path) -> Home:
    """A user with a keyring of their own, and no password in a file."""
    backend = {"PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring", "XDG_DATA_HOME": str(tmp_path)}
    return Home(home.path, home.environment | backend | {"ETH_PASSWORD": ""})


def test_a_remembered_password_opens_the_keystore_until_it_is_forgotten(home: Home, desk: Home, tmp_path: Path) -> None:
    name, address = desk.new_account()
    desk.fund(address, "dev1", USDC="2", ETH="1")
    words = ("1", "USDC", f"dev1:{new_address()}", "--yes", "--json", "--account", name, "--from", address)
    asked = desk.run(*words)
    assert (asked.status, asked.error["sent"]) == (3, "no")
    kept = desk.must("wallet", "remember", name, ETH_PASSWORD=home.environment["ETH_PASSWORD"])
    assert "PlaintextKeyring" in kept.stderr
    assert PASSWORD not in kept.stderr + kept.stdout
    assert any(path.is_file() for path in tmp_path.rglob("*pass*")), "the keyring was not used"
    assert desk.must(*words).json["state"] == "delivered"
    desk.must("wallet", "forget", name)
    assert "password is needed" in desk.run("1", "USDC", f"dev1:{new_address()}", *words[3:]).error["message"]
    again = desk.run("wallet", "forget", name)
    assert (again.status, "holds no password" in again.stderr) == (3, True)


def test_a_wrong_password_is_not_remembered(desk: Home, tmp_path: Path) -> None:
    name, _ = desk.new_account()
    wrong = tmp_path / "wrong"
    secret_file(wrong, "not this one")
    done = desk.run("wallet", "remember", name, "--password-file", str(wrong))
    assert done.status == 3
    assert "does not open" in done.stderr
    assert desk.run("wallet", "forget", name).status == 3
