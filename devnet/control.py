"""Starts, examines and stops a devnet.

`home` is the folder that holds a `devnet` folder; `cache` may be shared by any number of homes.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from l2send.core.errors import ConfigError, NetworkError, UsageError
from l2send.core.paths import private_dir
from l2send.devnet import anvil, compiler, locks, packages, solver_client, state
from l2send.devnet.node import Node
from l2send.devnet.state import DevChain, Devnet
from l2send.devnet.supervisor import Config

MAX_CHAINS = 100
_READY_SECONDS = 120.0
_STOP_SECONDS = 15.0
_GUARD_SECONDS = 3.0
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV")
"""The environment the devnet's processes get: nothing that could hold a key or a password."""


@dataclass(frozen=True, slots=True)
class ChainHealth:
    """The state of one chain of a devnet, just queried."""

    chain: DevChain
    block: int | None
    """Number of the latest block; None if the chain does not answer with its own chain id."""
    time: int | None
    """Unix time of the latest block, by the chain's clock."""


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a running devnet, just queried."""

    devnet: Devnet
    chains: tuple[ChainHealth, ...]
    solver: dict[str, Any] | None
    """The solver's own report (mode, delay_seconds, orders); None if it does not answer."""

    @property
    def healthy(self) -> bool:
        """Whether every chain and the solver answer."""
        return self.solver is not None and all(c.block is not None for c in self.chains)


def up(
    home: Path,
    cache: Path,
    *,
    chains: int = 4,
    block_time: float = 1.0,
    say: Callable[[str], None] = lambda _: None,
) -> Devnet:
    """Start a devnet of `chains` chains and return when it is ready; if one runs here, return that one.

    `block_time` is in seconds; transactions are mined at once besides. `say` receives a sentence for each slow step.
    Interrupted at any moment, it leaves no process behind. Raises ConfigError, NetworkError, UsageError.
    """
    if not 1 <= chains <= MAX_CHAINS:
        raise UsageError(f"a devnet has 1 to {MAX_CHAINS} chains, not {chains}.")
    if not 0.1 <= block_time <= 3600:
        raise UsageError(f"a block time is 0.1 to 3600 seconds, not {block_time:g}.")
    private_dir(home)
    private_dir(state.folder(home))
    if locks.is_held(state.lock_path(home)):
        return _already_running(home, say)
    config = _prepare(home, cache, chains, block_time, say)
    say(f"Starting {chains} chains")
    if not _launch(config, state.folder(home)):
        return _already_running(home, say)
    return state.require(home)


def status(home: Path) -> Status | None:
    """The state of the devnet of `home`, or None if none runs. Raises ConfigError on a damaged state file."""
    devnet = state.running(home)
    if devnet is None:
        return None
    with ThreadPoolExecutor(8) as pool:
        chains = tuple(pool.map(_health, devnet.chains))
    return Status(devnet, chains, _solver_report(devnet))


def down(home: Path) -> bool:
    """Stop the devnet of `home`, wait until every process of it is gone, remove its state.

    Returns whether one was running. Calling it again does nothing. Raises ConfigError if it cannot stop it.
    """
    path = state.lock_path(home)
    if not path.exists():
        return False
    was_running = _stop_supervisor(home)
    lock = locks.try_lock(path)
    if lock is None:
        raise ConfigError("another command is starting a devnet here.", hint="Run this again when it is done.")
    try:
        _stop_orphans(home)
        _forget(home)
    finally:
        os.close(lock)
    return was_running


def _already_running(home: Path, say: Callable[[str], None]) -> Devnet:
    """The devnet that another process started here, once it is ready."""
    give_up = time.monotonic() + _READY_SECONDS
    while locks.is_held(state.lock_path(home)) and time.monotonic() < give_up:
        now = status(home)
        if now is None:
            time.sleep(0.1)
            continue
        if not now.healthy:
            raise ConfigError(
                "a devnet runs here, but parts of it do not answer.",
                hint="Run: l2send devnet down, then: l2send devnet up",
            )
        say(f"A devnet of {len(now.chains)} chains already runs here.")
        return now.devnet
    raise ConfigError("a devnet was being started here, and did not become ready.", hint="Run the command again.")


def _prepare(home: Path, cache: Path, chains: int, block_time: float, say: Callable[[str], None]) -> Config:
    """Fetch and compile what the cache lacks."""
    pins = packages.contract_pins()
    folders = dict(zip(pins, packages.fetch(list(pins.values()), cache, say), strict=True))
    return Config(
        home=str(home),
        anvil=str(anvil.find(cache, say)),
        packages={key: str(path) for key, path in folders.items()},
        compiled=str(compiler.compiled(folders["solc"], cache)),
        chains=chains,
        block_time=block_time,
    )


def _launch(config: Config, folder: Path) -> bool:
    """Start the supervisor and wait until it is ready; False if another one was faster.

    The supervisor stops by itself when this process closes its pipe too early, for any reason;
    on an exception this waits for that, so that Ctrl-C returns to a prompt with nothing left running.
    """
    with state.open_log(folder / "supervisor.log") as log:
        launcher = subprocess.Popen(
            [sys.executable, "-P", "-m", "l2send.devnet.supervisor"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        )
    assert launcher.stdin
    assert launcher.stdout
    with launcher, launcher.stdin as to_it, launcher.stdout as from_it:
        try:
            to_it.write(json.dumps(asdict(config)).encode() + b"\n")
            to_it.flush()
            answer = json.loads(from_it.readline() or b'{"error": "the devnet did not start."}')
            if answer.get("ready"):
                to_it.write(b"keep\n")
                to_it.flush()
        except BaseException:
            with contextlib.suppress(OSError):
                to_it.close()
            from_it.read()
            raise
    if "error" in answer:
        raise ConfigError(answer["error"], hint=answer.get("hint") or f"See the logs in {folder}")
    return bool(answer.get("ready"))


def _stop_supervisor(home: Path) -> bool:
    """Stop the supervisor, and with it everything it owns. Returns whether there was one."""
    pid = _supervisor_pid(home)
    if pid is None:
        return False
    for wanted in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, wanted)
        if _wait(lambda: not locks.is_held(state.lock_path(home)), _STOP_SECONDS):
            return True
    raise ConfigError(f"the devnet's supervisor, process {pid}, does not end.")


def _supervisor_pid(home: Path) -> int | None:
    """The supervisor's process id; briefly missing after it has taken the lock."""
    path = state.lock_path(home)
    _wait(lambda: not locks.is_held(path) or state.supervisor_pid(home) is not None, 2.0)
    return state.supervisor_pid(home)


def _stop_orphans(home: Path) -> None:
    """After a supervisor was killed: wait until its guard has killed the rest, and kill what remains.

    A process is killed only if it proves to be ours by answering as the recorded chain or solver.
    """
    try:
        devnet = state.read(home)
    except ConfigError:
        return
    if devnet is None or _wait(lambda: not _orphans(devnet), _GUARD_SECONDS):
        return
    for pid in _orphans(devnet):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _wait(lambda: not _orphans(devnet), _GUARD_SECONDS)


def _orphans(devnet: Devnet) -> list[int]:
    chains = [c.pid for c in devnet.chains if _health(c).block is not None]
    report = _solver_report(devnet)
    return [*chains, devnet.solver_pid] if report and report.get("pid") == devnet.solver_pid else chains


def _forget(home: Path) -> None:
    """Remove everything except the lock file: others may be waiting on its inode."""
    for path in state.folder(home).iterdir():
        if path != state.lock_path(home) and path.is_file():
            path.unlink()


def _health(chain: DevChain) -> ChainHealth:
    node = Node(chain.rpc_url, timeout=5)
    try:
        if node.quantity("eth_chainId") != chain.chain_id:
            return ChainHealth(chain, None, None)
        block = node.call("eth_getBlockByNumber", "latest", False)
        return ChainHealth(chain, int(block["number"], 16), int(block["timestamp"], 16))
    except NetworkError:
        return ChainHealth(chain, None, None)


def _solver_report(devnet: Devnet) -> dict[str, Any] | None:
    try:
        return solver_client.report(devnet)
    except NetworkError:
        return None


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True
