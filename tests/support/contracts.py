"""The devnet's contracts, and those of the tests, for tests that deploy or call them themselves."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from l2send.devnet import artifacts, compiler, packages
from l2send.devnet.artifacts import Artifacts
from l2send.devnet.node import Node
from tests.conftest import Home


def devnet_artifacts(home: Home) -> Artifacts:
    """What the devnet of that home deploys."""
    return _load(Path(home.environment["L2SEND_CACHE"]))


@cache
def _load(cache_folder: Path) -> Artifacts:
    pins = packages.contract_pins()
    folders = dict(zip(pins, packages.fetch(list(pins.values()), cache_folder, lambda _: None), strict=True))
    return artifacts.load(folders, compiler.compiled(folders["solc"], cache_folder))


def init_codes(folder: Path, cache_folder: Path, **settings: Any) -> dict[str, bytes]:
    """Init code of every contract in a folder, by name, by the devnet's pinned solc with these further settings."""
    (solc,) = packages.fetch([packages.contract_pins()["solc"]], cache_folder, lambda _: None)
    request = {
        "language": "Solidity",
        "sources": {path.name: {"content": path.read_text()} for path in folder.glob("*.sol")},
        "settings": {"evmVersion": "cancun", "outputSelection": {"*": {"*": ["evm.bytecode.object"]}}, **settings},
    }
    command = ["node", "-e", compiler._RUN, str(solc / "soljson.js")]
    done = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    errors = [e["formattedMessage"] for e in answer.get("errors", []) if e["severity"] == "error"]
    assert not errors, errors
    found = {name: c["evm"]["bytecode"]["object"] for file in answer["contracts"].values() for name, c in file.items()}
    return {name: bytes.fromhex(code) for name, code in found.items()}


def send_unlocked(node: Node, sender: str, to: str, data: bytes, value: int = 0) -> dict[str, Any]:
    """The receipt of a transaction from an unlocked account, which has succeeded."""
    message = {"from": sender, "to": to, "data": "0x" + data.hex(), "value": hex(value), "gas": hex(2_000_000)}
    receipt: dict[str, Any] = node.call("eth_sendTransactionSync", message)
    assert receipt["status"] == "0x1", receipt
    return receipt
