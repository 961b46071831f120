"""An offline machine, and payments on their way to it and back: fixtures of the tests of `l2send sign`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_hash.auto import keccak

from l2send.core.address import Address
from l2send.core.private_files import write_private
from tests.conftest import Done, Home, make_home

Prepare = Callable[..., Path]


class Vault(Home):
    """A machine without a network: a home of its own with the key and the registry, and nothing else."""

    def run(self, *words: str, **environment: str) -> Done:
        command = ["unshare", "--map-root-user", "--net", sys.executable, "-m", "l2send", *words]
        done = subprocess.run(
            command,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def vault(home: Home, tmp_path: Path) -> Vault:
    if subprocess.run(["unshare", "--map-root-user", "--net", "true"], check=False).returncode:
        pytest.skip("no network namespace can be made here")
    made = make_home(tmp_path / "vault")
    made.paths.devnet.mkdir(parents=True, mode=0o700)
    for folder in (made.path, made.paths.state, made.paths.devnet):
        folder.chmod(0o700)
    shutil.copy(home.paths.devnet / "chains.toml", made.paths.devnet)
    return Vault(made.path, made.environment)


@pytest.fixture
def payer(home: Home, vault: Vault) -> tuple[str, Address]:
    """An account with money whose key is in the vault alone."""
    name, address = vault.new_account()
    home.fund(address, "dev1", USDC="100", ETH="1")
    return name, address


@pytest.fixture
def prepare(home: Home, payer: tuple[str, Address], tmp_path: Path) -> Prepare:
    def prepare(*words: str, name: str = "unsigned") -> Path:
        path = tmp_path / f"{name}.json"
        home.must("prepare", *words, "--from", payer[1], "--yes", "-o", str(path), ETH_PASSWORD="")
        return path

    return prepare


def signed(vault: Vault, payer: tuple[str, Address], unsigned: Path) -> Path:
    path = unsigned.with_name(f"{unsigned.stem}.signed.json")
    vault.must("sign", str(unsigned), "--account", payer[0], "--yes", "-o", str(path))
    return path


def bring_key(vault: Vault, payer: tuple[str, Address], home: Home) -> None:
    path = home.paths.keystores / f"{payer[0]}.json"
    write_private(path, (vault.paths.keystores / path.name).read_bytes())


def changed(path: Path, change: Callable[[Any], None]) -> Path:
    """The file with something else in it."""
    content = json.loads(path.read_text())
    change(content)
    other = path.with_name("changed.json")
    other.write_text(json.dumps(content))
    return other


def hash_of(raw: str) -> str:
    return "0x" + keccak(bytes.fromhex(raw[2:])).hex()
