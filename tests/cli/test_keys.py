"""Keystores made by Foundry's `cast` and by geth are opened where they are, and `cast` opens l2send's."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from bench import cast as pinned
from l2send.core.address import Address, checksum
from l2send.core.errors import ConfigError
from l2send.core.paths import Paths
from tests.conftest import PASSWORD, Done, Home
from tests.support.addresses import new_address
from tests.support.secret_files import secret_file

pytestmark = pytest.mark.lab


@pytest.fixture(scope="session")
def cast() -> Path:
    """The pinned `cast`, or the one on PATH."""
    try:
        return pinned.find(Paths.from_environment().cache, lambda _: None)
    except ConfigError as error:
        pytest.skip(error.message)


@pytest.fixture
def user(home: Home, tmp_path: Path) -> Home:
    """The devnet's home, for a user whose own home folder is fresh: Foundry and geth keep their keys there."""
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text(PASSWORD)
    return Home(home.path, home.environment | {"HOME": str(tmp_path), "ETH_PASSWORD": str(password)})


def run_cast(cast: Path, user: Home, *words: str) -> str:
    done = subprocess.run([cast, *words], env=user.environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done
    return done.stdout


def folder(user: Home, name: str) -> Path:
    return Path(user.environment["HOME"], name)


def imported(cast: Path, user: Home, name: str) -> Address:
    """An account that `cast wallet import` keeps in Foundry's folder."""
    key = secrets.token_bytes(32)
    words = ("--private-key", "0x" + key.hex(), "--unsafe-password", PASSWORD)
    run_cast(cast, user, "wallet", "import", name, *words)
    assert (folder(user, ".foundry/keystores") / name).is_file()
    return checksum(Account.from_key(key).address)


def pays(user: Home, sender: Address, *words: str) -> Done:
    """One USDC, directly."""
    user.fund(sender, "dev1", USDC="1", ETH="1")
    to = new_address()
    done = user.must("1", "USDC", f"dev1:{to}", "--yes", "--json", *words)
    assert done.json["sender"] == sender
    assert user.holds(to, "dev1") == 1_000_000
    return done


def test_what_cast_imported_is_opened_by_name(cast: Path, user: Home) -> None:
    sender = imported(cast, user, "foundling")
    before = files(user)
    pays(user, sender, "--account", "foundling")
    listed = user.must("wallet", "list").stdout
    assert "foundling" in listed
    assert "foundry" in listed
    assert files(user) == before, "Foundry's folder was written to"


def files(user: Home) -> dict[str, bytes]:
    keystores = folder(user, ".foundry/keystores")
    return {path.name: path.read_bytes() for path in keystores.iterdir()}


def test_what_cast_made_is_opened_by_path(cast: Path, user: Home) -> None:
    keystores = folder(user, "elsewhere")
    keystores.mkdir()
    said = run_cast(cast, user, "wallet", "new", str(keystores), "--unsafe-password", PASSWORD)
    (path,) = keystores.iterdir()
    sender = next(checksum(word) for word in said.split() if word.startswith("0x") and len(word) == 42)
    pays(user, sender, "--keystore", str(path))
    by_variable = Home(user.path, user.environment | {"ETH_KEYSTORE": str(path)})
    pays(by_variable, sender)


def test_a_wrong_password_for_it_sends_nothing(cast: Path, user: Home) -> None:
    sender = imported(cast, user, "foundling")
    user.fund(sender, "dev1", USDC="1", ETH="1")
    wrong = folder(user, "wrong")
    secret_file(wrong, "not this one")
    words = ("1", "USDC", f"dev1:{new_address()}", "--yes", "--json", "--account", "foundling", "--from", sender)
    done = user.run(*words, ETH_PASSWORD=str(wrong))
    assert (done.status, done.error["code"], done.error["sent"]) == (3, "config_error", "no")
    assert "not this one" not in done.stderr


@pytest.mark.parametrize("made_by", ["import", "new"])
def test_cast_opens_what_l2send_made(cast: Path, user: Home, made_by: str) -> None:
    name = f"k{secrets.token_hex(4)}"
    if made_by == "new":
        user.must("wallet", "new", name)
    else:
        words = [sys.executable, "-m", "l2send", "wallet", "import", name]
        subprocess.run(words, env=user.environment, input=secrets.token_hex(32), text=True, timeout=60, check=True)
    address = user.must("wallet", "show", name).stdout.strip()
    keystore = str(user.paths.keystores / f"{name}.json")
    opened = run_cast(cast, user, "wallet", "address", "--keystore", keystore, "--password", PASSWORD)
    assert opened.strip() == address


def test_geths_keystores_are_found_by_address_and_name(user: Home) -> None:
    key = secrets.token_bytes(32)
    sender = checksum(Account.from_key(key).address)
    content: dict[str, Any] = dict(Account.encrypt(key, PASSWORD, kdf="scrypt", iterations=2))
    name = f"UTC--2026-01-02T03-04-05.678901234Z--{sender[2:].lower()}"
    keystores = folder(user, ".ethereum/keystore")
    keystores.mkdir(parents=True)
    (keystores / name).write_text(json.dumps(content | {"address": sender[2:].lower()}))
    pays(user, sender, "--account", name)
    pays(user, sender, "--from", sender)
    assert "geth" in user.must("wallet", "list").stdout


def test_the_address_alone_is_enough_to_plan(cast: Path, user: Home) -> None:
    """Watch-only: no keystore, no password; and signing is refused in words."""
    sender = new_address()
    user.fund(sender, "dev1", USDC="1", ETH="1")
    words = ("1", "USDC", f"dev1:{new_address()}", "--json", "--from", sender)
    assert user.must(*words, "--dry-run", ETH_PASSWORD="").json["sender"] == sender
    assert user.must("balances", "--json", "--from", sender, ETH_PASSWORD="").stdout
    done = user.run(*words, "--yes", ETH_PASSWORD="")
    assert (done.status, done.error["code"], done.error["sent"]) == (3, "config_error", "no")
    assert "no keystore" in done.error["message"]


def test_the_variables_of_cast_mean_the_same_here(cast: Path, user: Home) -> None:
    """ETH_KEYSTORE_ACCOUNT, ETH_FROM and ETH_PASSWORD, which is a path."""
    sender = imported(cast, user, "foundling")
    pays(Home(user.path, user.environment | {"ETH_KEYSTORE_ACCOUNT": "foundling"}), sender)
    pays(Home(user.path, user.environment | {"ETH_KEYSTORE_ACCOUNT": "foundling", "ETH_FROM": sender}), sender)
