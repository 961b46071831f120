"""Finds and starts anvil, the local node of Foundry."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from l2send.core.errors import ConfigError
from l2send.devnet import packages, state

_KEPT_STATES = "600"
"""Blocks whose state is kept: ten minutes at one block per second. More would fill memory over time."""


def find(cache: Path, say: Callable[[str], None]) -> Path:
    """The anvil to run: the one on PATH if new enough, else the pinned one. Raises ConfigError."""
    minimum = packages.minimum_anvil()
    on_path = shutil.which("anvil")
    if on_path and _version(on_path) >= _numbers(minimum):
        return Path(on_path)
    pin = packages.anvil_pin()
    if pin is None:
        raise ConfigError(
            f"the devnet needs `anvil` {minimum} or newer on PATH; no package is pinned for this platform.",
            hint="Install Foundry (https://getfoundry.sh), then run `anvil --version`.",
        )
    return packages.fetch([pin], cache, say)[0] / "bin" / "anvil"


def start(
    anvil: Path, *, chain_id: int, port: int, block_time: float, op_stack: bool, log: Path
) -> subprocess.Popen[bytes]:
    """Start one chain on 127.0.0.1. It mines at once on a transaction, and every `block_time` seconds.

    It has no funded accounts: no well-known key of this chain ever holds money.
    `op_stack` makes it charge the L1 data fee that its L1Block contract names.
    """
    arguments = [
        str(anvil), "--quiet", "--host", "127.0.0.1", "--port", str(port), "--chain-id", str(chain_id),
        "--accounts", "0", "--mixed-mining", "--block-time", f"{block_time:g}",
        "--prune-history", _KEPT_STATES, "--no-cors", "--disable-console-log", "--threads", "1",
    ]  # fmt: skip
    if op_stack:
        arguments += ["--network", "optimism"]
    with state.open_log(log) as errors:
        return subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, cwd=log.parent
        )


def free_ports(count: int) -> list[int]:
    """`count` different ports of 127.0.0.1 that are free now. Another process may take one first."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [int(s.getsockname()[1]) for s in sockets]
    finally:
        for s in sockets:
            s.close()


def _version(anvil: str) -> tuple[int, ...]:
    try:
        done = subprocess.run([anvil, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return _numbers(done.stdout)


def _numbers(text: str) -> tuple[int, ...]:
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return tuple(int(part) for part in match.groups()) if match else ()
