"""The devnet's own two contracts, compiled by the pinned solc (a JavaScript build, run by node)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

from l2send.core.errors import ConfigError
from l2send.devnet.locks import held
from l2send.devnet.packages import private_cache

_CONTRACTS = ("DevnetPriceFeed", "DevnetProver")
_RUN = """
const solc = require(process.argv[1]);
const compile = solc.cwrap('solidity_compile', 'string', ['string', 'number', 'number']);
process.stdout.write(compile(require('fs').readFileSync(0, 'utf8'), 0, 0));
"""


def compiled(solc: Path, cache: Path) -> Path:
    """A JSON file of contract name -> {abi, bytecode (hex)}, compiled now or on an earlier start.

    `solc` is the folder of the unpacked package. Raises ConfigError: node is missing, a contract is wrong.
    """
    request = json.dumps(_request())
    key = hashlib.sha256(f"{solc.name}\n{request}".encode()).hexdigest()[:16]
    path = private_cache(cache) / f"contracts-{key}.json"
    if not path.exists():
        with held(path.parent / "lock"):  # several that start for the first time compile once
            if not path.exists():
                _write(path, json.dumps(_compile(solc / "soljson.js", request)))
    return path


def _request() -> dict[str, Any]:
    folder = files("l2send.devnet") / "contracts"
    sources = {f"{name}.sol": {"content": (folder / f"{name}.sol").read_text(encoding="utf-8")} for name in _CONTRACTS}
    settings = {
        "optimizer": {"enabled": True, "runs": 200},
        "evmVersion": "cancun",
        "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
    }
    return {"language": "Solidity", "sources": sources, "settings": settings}


def _compile(soljson: Path, request: str) -> dict[str, Any]:
    node = shutil.which("node")
    if not node:
        raise ConfigError("the devnet needs `node`, and it is not on PATH.", hint="Install Node.js 20 or newer.")
    done = subprocess.run([node, "-e", _RUN, str(soljson)], input=request, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ConfigError(f"solc did not run: {done.stderr.strip()[:500]}")
    answer = json.loads(done.stdout)
    errors = [e["formattedMessage"] for e in answer.get("errors", []) if e["severity"] == "error"]
    if errors:
        raise ConfigError(f"solc refused the devnet's contracts: {errors[0]}")
    made = {name: answer["contracts"][f"{name}.sol"][name] for name in _CONTRACTS}
    return {name: {"abi": c["abi"], "bytecode": "0x" + c["evm"]["bytecode"]["object"]} for name, c in made.items()}


def _write(path: Path, text: str) -> None:
    """In one step: a start that is killed half way leaves no half file."""
    fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(fd, "w", encoding="utf-8") as out:
        out.write(text)
    os.replace(temporary, path)
