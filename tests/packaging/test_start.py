"""What a command loads before it does anything: counted in modules, since times depend on the machine."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

_SIGNING = {"eth_account", "eth_keyfile", "eth_keys", "py_ecc"}
_SLOW = {*_SIGNING, "aiohttp", "prompt_toolkit", "pydantic", "questionary", "segno", "web3"}
_NETWORK = {"anyio", "eth_abi", "httpx"}
_PROGRAM = """
import sys
from l2send.cli.main import run
status = run(sys.argv[1:])
own = sum(name.startswith("l2send") for name in sys.modules)
print(status, len(sys.modules), own, *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


@dataclass(frozen=True)
class Loaded:
    """What one command line loaded."""

    status: int
    modules: int
    own: int
    packages: frozenset[str]


def loaded(home: Path, *words: str) -> Loaded:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *words],
        env={"L2SEND_HOME": str(home), "PATH": "/usr/bin:/bin"},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    status, modules, own, *packages = done.stderr.splitlines()[-1].split()
    return Loaded(int(status), int(modules), int(own), frozenset(packages))


@pytest.mark.parametrize("words", [("--version",), ("--help",)])
def test_version_and_help_load_next_to_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    found = loaded(tmp_path, *words)
    assert found.status == 0
    assert not found.packages & {*_SLOW, *_NETWORK, "rich", "platformdirs"}
    assert (found.modules <= 200, found.own <= 14) == (True, True), found


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("send", "--help"), 0),
        (("wallet", "list"), 0),
        (("config", "show"), 0),
        (("contacts", "list"), 0),
        (("balances", "--from", "nonsense"), 2),
        (("1", "USDC", "bsae:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), 2),
        (("blance",), 2),
    ],
)
def test_what_asks_no_network_loads_nothing_slow(tmp_path: Path, words: tuple[str, ...], status: int) -> None:
    found = loaded(tmp_path, *words)
    assert found.status == status
    assert not found.packages & _SLOW
