"""No process outlives its devnet, however it ends. Each test first sees the processes it expects to go."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from l2send.core.errors import ConfigError
from l2send.devnet import control, state
from l2send.devnet.node import Node

pytestmark = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="reads Linux's /proc")

UP = """
import signal, sys
from pathlib import Path
from l2send.devnet import control
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has background jobs ignore it
control.up(Path(sys.argv[1]), Path(sys.argv[2]), chains=int(sys.argv[3]))
"""


def processes(home: Path) -> list[int]:
    """Every living process that works in the devnet's folder: supervisor, guard, solver, chains."""
    found = list[int]()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            works_in = os.readlink(entry / "cwd")
            dead = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
        except OSError:
            continue
        if works_in.removesuffix(" (deleted)") == str(state.folder(home)) and not dead:
            found.append(int(entry.name))
    return found


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> bool:
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.005)
    return True


def start_up(home: Path, cache: Path, chains: int) -> subprocess.Popen[bytes]:
    """`up` in a process of its own, in a session of its own like a command of a shell."""
    return subprocess.Popen(
        [sys.executable, "-c", UP, str(home), str(cache), str(chains)],
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def own_home(tmp_path: Path, devnet: state.Devnet) -> Iterator[Path]:
    """A home of the test's own; `devnet` is asked for so that all packages are there."""
    home = tmp_path / "home"
    yield home
    control.down(home)
    for pid in processes(home):
        os.kill(pid, signal.SIGKILL)


def test_down_leaves_nothing_and_may_be_repeated(own_home: Path, cache: Path) -> None:
    running = control.up(own_home, cache, chains=3)
    assert len(processes(own_home)) == 3 + len(["supervisor", "guard", "solver"])
    assert {running.pid, *running.pids} <= set(processes(own_home))
    assert control.down(own_home) is True
    assert processes(own_home) == []
    assert control.status(own_home) is None
    assert [p.name for p in state.folder(own_home).iterdir()] == ["lock"]
    assert control.down(own_home) is False


@pytest.mark.lab
def test_devnet_outlives_the_process_that_started_it(own_home: Path, cache: Path) -> None:
    assert start_up(own_home, cache, 2).wait(30) == 0
    now = control.status(own_home)
    assert now
    assert now.healthy


@pytest.mark.parametrize(
    ("how", "how_many"),
    [
        (signal.SIGINT, 3),
        (signal.SIGKILL, 12),
        *(pytest.param(signal.SIGINT, count, marks=pytest.mark.lab) for count in (1, 12, 23)),
        *(pytest.param(signal.SIGKILL, count, marks=pytest.mark.lab) for count in (1, 3, 23)),
    ],
)
def test_up_that_is_stopped_half_way_leaves_nothing(
    own_home: Path, cache: Path, how: signal.Signals, how_many: int
) -> None:
    up = start_up(own_home, cache, 20)
    assert wait_for(lambda: len(processes(own_home)) >= how_many)
    os.killpg(up.pid, how)
    assert up.wait(15) != 0
    assert not state.state_path(own_home).exists()
    if how == signal.SIGKILL:
        wait_for(lambda: not processes(own_home))
    assert processes(own_home) == []


@pytest.mark.lab
def test_killed_supervisor_takes_everything_along(own_home: Path, cache: Path) -> None:
    running = control.up(own_home, cache, chains=3)
    assert len(processes(own_home)) == 6
    os.kill(running.pid, signal.SIGKILL)
    assert wait_for(lambda: not processes(own_home), 5)
    assert state.read(own_home) == running
    assert control.status(own_home) is None


@pytest.mark.lab
def test_stale_state_is_no_devnet(own_home: Path, cache: Path) -> None:
    running = control.up(own_home, cache, chains=1)
    os.kill(running.pid, signal.SIGKILL)
    assert wait_for(lambda: not processes(own_home), 5)
    # The process id now belongs to another process, as it may after a reboot.
    stale = json.loads(state.state_path(own_home).read_text())
    state.state_path(own_home).write_text(json.dumps({**stale, "pid": os.getpid()}))
    state.lock_path(own_home).write_text(str(os.getpid()))
    assert control.status(own_home) is None
    again = control.up(own_home, cache, chains=1)
    assert again.pid != running.pid
    assert Node(again.chains[0].rpc_url).quantity("eth_chainId") == state.FIRST_CHAIN_ID


@pytest.mark.lab
def test_down_after_a_kill_removes_what_is_left(own_home: Path, cache: Path) -> None:
    running = control.up(own_home, cache, chains=2)
    guard = set(processes(own_home)) - {running.pid, *running.pids}
    assert len(guard) == 1
    for pid in (*guard, running.pid):
        os.kill(pid, signal.SIGKILL)
    assert wait_for(lambda: len(processes(own_home)) == 3)
    assert control.down(own_home) is False
    assert wait_for(lambda: not processes(own_home), 2)
    assert not state.registry_path(own_home).exists()


@pytest.mark.lab
def test_devnet_whose_folder_is_removed_ends(own_home: Path, cache: Path) -> None:
    control.up(own_home, cache, chains=2)
    assert len(processes(own_home)) == 5
    shutil.rmtree(own_home)
    assert wait_for(lambda: not processes(own_home), 5)


@pytest.mark.lab
def test_up_at_the_same_time_gives_one_devnet(own_home: Path, cache: Path) -> None:
    rivals = [start_up(own_home, cache, 2) for _ in range(3)]
    assert [rival.wait(30) for rival in rivals] == [0, 0, 0]
    assert len(processes(own_home)) == 2 + len(["supervisor", "guard", "solver"])


@pytest.mark.lab
def test_dead_chain_is_reported(own_home: Path, cache: Path) -> None:
    running = control.up(own_home, cache, chains=2)
    os.kill(running.chains[1].pid, signal.SIGKILL)
    assert wait_for(lambda: (now := control.status(own_home)) is not None and not now.healthy)
    with pytest.raises(ConfigError, match="do not answer"):
        control.up(own_home, cache, chains=2)
