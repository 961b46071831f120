"""The process that owns a devnet: starts the chains and the solver, and takes them all down with it.

    up ──config──▶ supervisor ──▶ every anvil, solver, guard
       ◀──ready──                 holds the lock on devnet/lock for life
       ───keep──▶                 from here on, `up` may go

Until `keep` has arrived, the end of its standard input means that `up` was interrupted or killed, and the supervisor
stops. SIGTERM stops it at any time, and so does the removal of its folder, since `down` could no longer find it. If the
supervisor itself is killed with kill -9, the guard stops everything: a shell that waits for the end of a pipe which
only the supervisor holds open, then kills its process group. (PR_SET_PDEATHSIG would do that on Linux alone.)

Run as `python -m l2send.devnet.supervisor`; the configuration is one line of JSON on standard input.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from l2send.core.errors import ConfigError, L2sendError, NetworkError
from l2send.devnet import anvil, artifacts, deploy, locks, registry, state
from l2send.devnet.node import Node

_START_ATTEMPTS = 3
"""A port that was free a moment ago may be taken when anvil opens it."""
_START_SECONDS = 20.0
_WORKERS = 4
_GUARD = 'read -r _; kill -s KILL -- "-$1"'


@dataclass(frozen=True, slots=True)
class Config:
    """The decisions and downloads of `up`."""

    home: str
    anvil: str
    packages: dict[str, str]
    """Key in packages.toml -> folder."""
    compiled: str
    chains: int
    block_time: float


class _Stop(BaseException):
    """SIGTERM has arrived."""


class _Termination:
    """SIGTERM, handled only while waiting, so that a process that was just started is always recorded."""

    def __init__(self) -> None:
        self._asked = False
        self._waiting = False
        signal.signal(signal.SIGTERM, self._handle)

    @contextmanager
    def may_interrupt(self) -> Iterator[None]:
        """In the context, SIGTERM raises _Stop; one that came before raises it at once."""
        self._waiting = True
        try:
            if self._asked:
                raise _Stop
            yield
        finally:
            self._waiting = False

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        self._asked = True
        if self._waiting:
            raise _Stop


def main() -> None:
    """Detach from the process that started this, then run until told to stop."""
    if os.fork():
        os._exit(0)
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = sys.stdin.readline()
    if line:
        with contextlib.suppress(_Stop):
            _supervise(Config(**json.loads(line)))


def kind_of(index: int) -> str:
    """The kind of chain number `index`: dev1 is an L1, dev3 charges the OP stack's L1 fee."""
    return {0: "l1", 2: "op-stack"}.get(index, "other")


class _Processes:
    """All processes that the supervisor started. `stop` leaves none running."""

    def __init__(self) -> None:
        self.children: list[subprocess.Popen[bytes]] = []
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", str(os.getpgrp())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def add(self, process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        """Take ownership of `process`."""
        self.children.append(process)
        return process

    def stop(self) -> None:
        """Kill and reap all. Chains keep nothing on disk, so nothing is lost; the guard is last."""
        for process in self.children:
            process.kill()
        for process in self.children:
            process.wait()
        self._guard.kill()
        self._guard.wait()


def _supervise(config: Config) -> None:
    home = Path(config.home)
    lock = locks.try_lock(state.lock_path(home))
    if lock is None:
        _tell({"busy": True})
        return
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    termination = _Termination()
    processes = _Processes()
    try:
        threading.Thread(target=_stop_unless_kept, daemon=True).start()
        devnet, contracts = _start(config, processes, termination)
        state.write_private(state.registry_path(home), registry.text(devnet, contracts.accounts))
        state.write_private(state.state_path(home), state.encode(devnet))
        _tell({"ready": True})
        with termination.may_interrupt():
            while os.fstat(lock).st_nlink:
                time.sleep(1)
    except L2sendError as error:
        _tell({"error": error.message, "hint": error.hint})
    finally:
        processes.stop()


def _start(
    config: Config, processes: _Processes, termination: _Termination
) -> tuple[state.Devnet, artifacts.Artifacts]:
    """Start the solver first (its imports take as long as the chains), and send it the chains last."""
    folder = state.folder(Path(config.home))
    solver = processes.add(_start_solver(folder, config))
    nodes = _start_chains(config, processes, termination)
    packages = {key: Path(path) for key, path in config.packages.items()}
    with termination.may_interrupt():
        contracts = artifacts.load(packages, Path(config.compiled))
        devnet = state.Devnet(
            home=config.home,
            pid=os.getpid(),
            solver_url=_line_from(solver),
            solver_address=deploy.SOLVER,
            solver_pid=solver.pid,
            chains=_deploy(nodes, contracts),
        )
        assert solver.stdin
        solver.stdin.write(state.encode(devnet).encode() + b"\n")
        solver.stdin.flush()
        _line_from(solver)
    return devnet, contracts


def _start_chains(config: Config, processes: _Processes, termination: _Termination) -> list[tuple[Node, int]]:
    """Start every chain and wait until it answers with its own id. Returns clients and process ids."""
    running: dict[int, tuple[Node, subprocess.Popen[bytes]]] = {}
    missing = list(range(config.chains))
    for _ in range(_START_ATTEMPTS):
        for index, port in zip(missing, anvil.free_ports(len(missing)), strict=True):
            process = processes.add(_start_chain(config, index, port))
            running[index] = Node(f"http://127.0.0.1:{port}"), process
        with termination.may_interrupt():
            missing = [i for i in missing if not _answers(*running[i], state.FIRST_CHAIN_ID + i)]
        if not missing:
            return [(node, process.pid) for _, (node, process) in sorted(running.items())]
    log = state.folder(Path(config.home)) / "anvil.log"
    raise ConfigError(f"{len(missing)} of {config.chains} chains did not start.", hint=f"See {log}")


def _start_chain(config: Config, index: int, port: int) -> subprocess.Popen[bytes]:
    return anvil.start(
        Path(config.anvil),
        chain_id=state.FIRST_CHAIN_ID + index,
        port=port,
        block_time=config.block_time,
        op_stack=kind_of(index) == "op-stack",
        log=state.folder(Path(config.home)) / "anvil.log",
    )


def _answers(node: Node, process: subprocess.Popen[bytes], chain_id: int) -> bool:
    """Whether the process lives until its endpoint answers with the right chain id."""
    give_up = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < give_up:
        try:
            return node.quantity("eth_chainId") == chain_id
        except NetworkError:
            time.sleep(0.02)
    return False


def _deploy(nodes: list[tuple[Node, int]], contracts: artifacts.Artifacts) -> tuple[state.DevChain, ...]:
    pool = ThreadPoolExecutor(_WORKERS)
    try:
        jobs = [
            pool.submit(deploy.deploy, node, contracts, i, len(nodes), kind=kind_of(i), pid=pid)
            for i, (node, pid) in enumerate(nodes)
        ]
        return tuple(job.result() for job in jobs)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _start_solver(folder: Path, config: Config) -> subprocess.Popen[bytes]:
    packages = json.dumps([config.packages, config.compiled])
    with state.open_log(folder / "solver.log") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "l2send.devnet.solver_process", packages],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
        )


def _line_from(solver: subprocess.Popen[bytes]) -> str:
    assert solver.stdout
    line = solver.stdout.readline().decode().strip()
    if not line:
        raise ConfigError("the devnet's solver did not start.", hint="See solver.log in the devnet's folder.")
    return line


def _stop_unless_kept() -> None:
    if sys.stdin.readline().strip() != "keep":
        os.kill(os.getpid(), signal.SIGTERM)


def _tell(message: dict[str, Any]) -> None:
    """Send a line to `up`, which may be gone."""
    try:
        print(json.dumps(message), flush=True)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - so that the exit does not flush into the pipe


if __name__ == "__main__":
    main()
