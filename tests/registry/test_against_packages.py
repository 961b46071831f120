"""chains.toml against the pinned copy of ethereum-lists, which decides the meaning of a short name."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tools.registry.facts import fetch

ROOT = Path(__file__).resolve().parents[2]
CHAINS: dict[str, dict[str, Any]] = tomllib.loads((ROOT / "chains.toml").read_text(encoding="utf-8"))["chains"]
PIN: dict[str, str] = tomllib.loads((ROOT / "tools/registry-pins.toml").read_text(encoding="utf-8"))["chains"]
PRINT = "process.stdout.write(JSON.stringify(require(process.argv[1]).chains))"

pytestmark = [
    pytest.mark.lab,
    pytest.mark.registry,
    pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed"),
]


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("npm")
    spec = f"{PIN['package']}@{PIN['version']}"
    subprocess.run(["npm", "pack", "--silent", spec], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    tarball = next(folder.glob("*.tgz"))
    digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    assert f"sha512-{digest}" == PIN["integrity"]
    subprocess.run(["tar", "-xzf", tarball.name], cwd=folder, check=True)
    script = str(folder / "package/dist/src/chains.js")
    printed = subprocess.run(["node", "-e", PRINT, script], check=True, capture_output=True, text=True).stdout
    return {int(chain_id): chain for chain_id, chain in json.loads(printed).items()}


def test_viem_names_the_address_that_follows_from_the_code_of_the_delegate() -> None:
    """A pinned fact of another source: what viem has accounts delegate to, for EntryPoint 0.8."""
    pins = tomllib.loads((ROOT / "tools/registry-pins.toml").read_text(encoding="utf-8"))
    account = fetch("viem", pins["viem"]) / "account-abstraction/accounts/implementations/toSimple7702SmartAccount.ts"
    assert pins["viem"]["version"] == "2.57.20"
    delegate = tomllib.loads((ROOT / "chains.toml").read_text(encoding="utf-8"))["accounts"]["delegate"]
    assert f"'{delegate['simple7702account']['address']}'" in account.read_text(encoding="utf-8")


@pytest.mark.parametrize("short", CHAINS)
def test_short_name_chain_id_and_native_coin(short: str, listed: dict[int, dict[str, Any]]) -> None:
    theirs = listed[CHAINS[short]["chain_id"]]
    assert theirs["shortName"] == short
    assert [c["chainId"] for c in listed.values() if c["shortName"] == short] == [CHAINS[short]["chain_id"]]
    assert theirs["nativeCurrency"]["decimals"] == CHAINS[short]["native"]["decimals"]
    assert theirs["nativeCurrency"]["symbol"] == CHAINS[short]["native"]["symbol"]
    assert theirs.get("status") != "deprecated"
