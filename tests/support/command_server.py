"""`l2send` without its start-up time: a process that has imported it forks for each command.

A command runs in a process of its own, with its own arguments, environment, descriptors and end, as `python -m l2send`
does; what it leaves out is the second that Python takes to import the libraries. The tests of the lab, and commands in
an environment that differs in what Python or a library reads at its start, start the real program: see `Home.run`.
In a terminal the server is reached through `pty_relay.py`.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import json
import os
import pkgutil
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
_ROOMS = ("core", "wallet", "bridges", "resolver", "cli")
_IMPORTED_WHERE_USED = (
    *("eth_account", "eth_account.messages", "eth_abi.abi", "rich.console", "rich.table", "rich.text"),
    *("prompt_toolkit.shortcuts", "questionary"),
    *("anyio._backends._asyncio", "anyio.streams.tls", "anyio.to_thread", "certifi"),  # of every request
    *("coincurve", "Crypto.Cipher._mode_ctr", "encodings.utf_8_sig", "typer._click.decorators"),
)
"""Libraries that commands import inside functions: once here, not once in each of the forked processes."""
_OWN = ("L2SEND_", "ETH_")
IMPORTS = "L2SEND_TEST_IMPORTS"
"""A variable with the path of a file that gets the name of each module that a command imports."""
_READ_LATE = {"HOME", "NO_COLOR", "PYTEST_CURRENT_TEST", "TERM"}
"""What no library reads at its import."""
_MOST_FDS = 16
_RELAY = Path(__file__).with_name("pty_relay.py")
_Request = tuple[list[int], list[str], dict[str, str], str, list[int], bool]
"""Descriptors, words, environment, folder, the descriptors' numbers, and whether 0 is a terminal of its own."""


class CommandServer:
    """The server of one pytest process, started when it is first needed."""

    def __init__(self) -> None:
        self.wanted = False
        """Whether tests may use it: not those in the lab's folder."""
        self._folder = tempfile.TemporaryDirectory(prefix="l2send-commands-")
        self._place = str(Path(self._folder.name) / "socket")
        self._process: subprocess.Popen[bytes] | None = None

    def serves(self, environment: Mapping[str, str]) -> bool:
        """Whether a command with this environment differs from this process in what is read after the imports alone."""
        changed = {k for k, v in environment.items() if os.environ.get(k) != v} | (os.environ.keys() - environment)
        return self.wanted and all(name.startswith(_OWN) or name in _READ_LATE for name in changed)

    def run(self, words: Sequence[str], environment: Mapping[str, str], fds: Sequence[int], timeout: float) -> int:
        """Run `l2send words`, with `fds` as its descriptors 0, 1, 2 and the others under their own numbers.

        Its exit status; minus the signal that killed it. Raises TimeoutError, after killing it.
        """
        self._start()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(self._place)
            numbers = [0, 1, 2, *fds[3:]]
            request = json.dumps([list(words), dict(environment), os.getcwd(), numbers, False]).encode()
            socket.send_fds(connection, [len(request).to_bytes(4, "big")], list(fds))
            connection.sendall(request)
            pid = int.from_bytes(_exactly(connection, 4), "big")
            if not select.select([connection], [], [], timeout)[0]:
                os.kill(pid, signal.SIGKILL)
                raise TimeoutError(f"l2send {' '.join(words)} did not end within {timeout:g} s")
            return int.from_bytes(_exactly(connection, 4), "big", signed=True)

    def in_terminal(self, command: Sequence[str]) -> Sequence[str]:
        """What is to be typed for `command`: where it is l2send, the relay to a fork that has a terminal of its own."""
        starts = ((sys.executable, "-m", "l2send"), (str(Path(sys.executable).with_name("l2send")),))
        own = next((start for start in starts if tuple(command[: len(start)]) == start), None)
        if not own or not self.wanted:
            return command
        self._start()
        return [sys.executable, "-I", "-S", str(_RELAY), self._place, *command[len(own) :]]

    def _start(self) -> None:
        if self._process and self._process.poll() is None:
            return
        Path(self._place).unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, __file__, self._place], stdin=subprocess.PIPE, cwd=ROOT, start_new_session=True
        )
        while not Path(self._place).exists():
            assert self._process.poll() is None, "the command server did not start"
            time.sleep(0.01)


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        part = connection.recv(count - len(received))
        if not part:
            raise ConnectionError("the command server hung up")
        received += part
    return received


def _serve(place: str) -> None:
    """Until the pytest process, which holds the other end of stdin, is gone; returns in each command's process."""
    from l2send.cli.main import root, start_lightly
    from l2send.core.chains import load_registry
    from l2send.core.connections import load_httpcore
    from l2send.core.paths import Paths

    start_lightly()
    for room in _ROOMS:
        package = import_module(f"l2send.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    for name in (*_IMPORTED_WHERE_USED, "l2send.client"):
        import_module(name)
    load_httpcore()
    load_registry(Paths.under(Path(place).parent))  # what takes long in it is remembered
    for _ in root().commands.values():  # the parser of each command
        pass
    gc.collect()
    gc.freeze()  # no command looks through what was imported, which copies it
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(f"{place}.new")
    listener.listen(16)
    Path(f"{place}.new").rename(place)
    connection, request = _next_command(listener)
    listener.close()
    _become_command(connection, *request)


def _next_command(listener: socket.socket) -> tuple[socket.socket, _Request]:
    """Fork for each command, and tell how each ended. Returns in the process of a command."""
    running = dict[int, socket.socket]()
    ended, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wakeup)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([listener, ended, 0], [], [])
        if 0 in ready:
            os._exit(0)
        if ended in ready:
            os.read(ended, 4096)
            _tell_ends(running)
        if listener not in ready:
            continue
        connection, _ = listener.accept()
        with contextlib.suppress(OSError, ValueError):  # its test was stopped meanwhile
            size, fds, _, _ = socket.recv_fds(connection, 4, _MOST_FDS)
            asked = json.loads(_exactly(connection, int.from_bytes(size, "big")))
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                return connection, (fds, *asked)
            running[pid] = connection
            for fd in fds:
                os.close(fd)
            connection.sendall(pid.to_bytes(4, "big"))


def _tell_ends(running: dict[int, socket.socket]) -> None:
    """Send the exit status of each command that has ended."""
    for pid in tuple(running):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            with running.pop(pid) as connection, contextlib.suppress(OSError):
                connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))


def _become_command(
    connection: socket.socket,
    fds: Sequence[int],
    words: Sequence[str],
    environment: Mapping[str, str],
    folder: str,
    numbers: Sequence[int],
    is_terminal: bool,
) -> None:
    """Take over the command's descriptors, folder, environment and arguments."""
    connection.close()
    above = [os.dup2(fd, 200 + place) for place, fd in enumerate(fds)]
    os.closerange(3, 200)
    for fd, number in zip(above, numbers, strict=True):
        os.dup2(fd, number, inheritable=True)
    for fd in above:
        os.close(fd)
    if is_terminal:
        _own_terminal()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    random.seed()
    sys.argv = [str(ROOT / "src/l2send/__main__.py"), *words]
    if IMPORTS in environment:
        _write_imports(Path(environment[IMPORTS]))


def _write_imports(file: Path) -> None:
    """Add the name of each module that is imported from here on to `file`, a line each."""
    names = open(file, "a", buffering=1)  # noqa: SIM115 - for as long as the command lives

    def hear(event: str, about: tuple[object, ...]) -> None:
        if event == "import":
            print(about[0], file=names)

    sys.addaudithook(hear)


def _own_terminal() -> None:
    """As a shell has it: the terminal at descriptor 0 sends this process its Ctrl-C, and lines are shown at once."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # Python decides at its start by the terminal whether lines are shown at once.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for as long as the command lives
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115


def _main() -> NoReturn:
    from l2send.cli.main import main

    _serve(sys.argv[1])
    status: object = 0
    try:
        main()
    except SystemExit as ended:
        status = ended.code
    _exit(status)


def _exit(status: object) -> NoReturn:
    """As Python ends, but for taking apart all that was imported: that is most of what a short command costs."""
    if status is not None and not isinstance(status, int):
        print(status, file=sys.stderr)
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are no daemons
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        os._exit(120)
    os._exit((status or 0) & 0xFF)


COMMANDS = CommandServer()

if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    _main()
