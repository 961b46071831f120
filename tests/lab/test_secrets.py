"""A key, a password and an RPC's API key, searched wherever a program leaves traces: found nowhere.

argv and environment of every process, logs at DEBUG, output, tracebacks with all local variables raised at
every failpoint, the journal with its log, lock files, keystores, temporary files; also after kill -9.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from eth_account import Account as EthAccount

from l2send.core.address import Address
from l2send.core.private_files import write_private
from l2send.devnet.modes import Mode
from l2send.wallet.failpoints import Failpoint
from tests.conftest import Home, make_home
from tests.lab.faults import FAULTS
from tests.lab.proxy import Proxy
from tests.lab.scenario import steps_of
from tests.lab.wire import Fault, Rule, Wire
from tests.lab.world import World
from tests.support.addresses import new_address

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[2]
ORDER_STEPS = ("mined:1", "order_opened:1", "order_filled:1")
FAILING = {
    "reads: connection reset",
    "reads: HTML page",
    "reads: malformed JSON",
    "send: 502 after accepting",
    "node: wrong chain id from now on",
}


@dataclass
class Secrets:
    """What must be found nowhere, in every spelling it could take."""

    key: bytes
    api_key: str = field(default_factory=lambda: "apikey" + secrets.token_hex(12))
    password: str = field(default_factory=lambda: "password-" + secrets.token_hex(12))

    def spellings(self) -> dict[str, bytes]:
        number = int.from_bytes(self.key, "big")
        return {
            "key": self.key,
            "key in hex": self.key.hex().encode(),
            "key in HEX": self.key.hex().upper().encode(),
            "key in base64": base64.b64encode(self.key).rstrip(b"="),
            "key as a number": str(number).encode(),
            "key as bytes shown": repr(self.key).encode()[2:-1],
            "API key of the RPC": self.api_key.encode(),
            "password": self.password.encode(),
        }

    def found_in(self, data: bytes) -> list[str]:
        return [name for name, spelling in self.spellings().items() if spelling in data]


@dataclass
class Bugged:
    """A home whose owner's secrets are known to the test."""

    home: Home
    secret: Secrets
    address: Address
    wire: Wire
    folder: Path
    """Temporary files, logs and tracebacks."""


@pytest.fixture
def bugged(world: World, proxy: Proxy, tmp_path: Path) -> Bugged:
    (account,) = world.accounts(1)
    secret = Secrets(account.key)
    wire = Wire()
    urls = proxy.plug(wire, secret.api_key)
    rpcs = {f"L2SEND_RPC_{chain.chain_id}": url for chain, url in zip(world.chains, urls, strict=True)}
    folder = tmp_path / "traces"
    folder.mkdir(mode=0o700)
    home = make_home(tmp_path / "home", TMPDIR=str(folder), **rpcs)
    (home.path / "password").write_text(secret.password)
    home.paths.devnet.mkdir(parents=True, mode=0o700)
    for path in (home.paths.state, home.paths.devnet):
        path.chmod(0o700)
    shutil.copy(world.paths.devnet / "chains.toml", home.paths.devnet)
    content = dict(EthAccount.encrypt(account.key, secret.password, kdf="scrypt", iterations=2))
    text = json.dumps(content | {"name": "alice", "address": account.address[2:].lower()})
    write_private(home.paths.keystores / "alice.json", text.encode())
    return Bugged(home, secret, account.address, wire, folder)


def test_no_secret_in_any_trace(bugged: Bugged, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.solver(Mode.FILL)
    lines = [*_commands(world, 0, steps_of(bridged=False)), *_commands(world, 1, ORDER_STEPS)]
    with watched(bugged.secret, bugged.home) as seen:
        cried = _cry(bugged, lines)
        failed = [_failing(bugged, world, fault) for fault in FAULTS if fault.name in FAILING]
        killed = [_killed(bugged, world, place) for place in ("journaled", "broadcast")]
    said = [cried, *failed, *killed]
    places = {line.removeprefix("cried ") for line in cried.splitlines() if line.startswith("cried ")}
    assert {place.partition(":")[0] for place in places} == set(Failpoint)

    files = [path for path in _everything(bugged) if path != bugged.home.path / "password"]
    hits = {str(path): found for path in files if (found := bugged.secret.found_in(path.read_bytes()))}
    hits |= {f"output {n}": found for n, text in enumerate(said) if (found := bugged.secret.found_in(text.encode()))}
    assert not hits
    assert not seen.hits
    assert bugged.wire.requests.total() > 100, "the RPC with the secret in its URL was not used"
    assert any(path.name.endswith("-wal") and path.stat().st_size for path in files), "no journal was left open"
    assert (bugged.folder / "dumpable").read_text() == "0 (0, 0)"
    with capsys.disabled():
        print(
            f"\n[lab] secrets: {len(bugged.secret.spellings())} spellings of key, password and API key, 0 hits in "
            f"{len(files)} files ({sum(path.stat().st_size for path in files)} bytes: journal and its log, keystores, "
            f"locks, DEBUG log, tracebacks with locals at {len(places)} failpoints), {len(said)} outputs, and argv and "
            f"environment of {len(seen.processes)} processes; the process that holds the key is not dumpable"
        )


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """A search that finds nothing proves nothing unless it can find."""
    secret = Secrets(secrets.token_bytes(32))
    for name, spelling in secret.spellings().items():
        assert name in secret.found_in(b"x" + spelling + b"y")
    with watched(secret) as seen:
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.3)", secret.api_key], check=True)
        subprocess.run(["sleep", "0.3"], env={"PATH": os.environ["PATH"], "K": secret.key.hex()}, check=True)
    assert {name for hit in seen.hits for name in hit[1]} == {"API key of the RPC", "key in hex"}


def _commands(world: World, index: int, places: Sequence[str]) -> Iterator[str]:
    for place in places:
        yield f"{place} 25 USDC {world.chains[index].short_name}:{new_address()} --yes --account alice --timeout 5"


def _cry(bugged: Bugged, lines: list[str]) -> str:
    """One process that fails at every failpoint in turn, at the top of its voice."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab.crier", str(bugged.folder)],
        input="\n".join(lines),
        env=bugged.home.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "Cry" in done.stderr
    return done.stderr + done.stdout


def _failing(bugged: Bugged, world: World, fault: Fault) -> str:
    """The real command, whose errors talk about an RPC that fails."""
    bugged.wire.rules[:] = [Rule(fault, armed=True, times=4)]
    words = ("25", "USDC", f"{world.chains[0].short_name}:{new_address()}", "--yes", "--account", "alice")
    done = bugged.home.run(*words, "--timeout", "1")
    assert bugged.wire.fired
    bugged.wire.rules.clear()
    return done.stdout + done.stderr


def _killed(bugged: Bugged, world: World, place: str) -> str:
    """The real command, killed, so that the journal's log stays."""
    chain = world.chains[0].short_name
    words = ("25", "USDC", f"{chain}:{new_address()}", "--yes", "--account", "alice")
    done = bugged.home.run(*words, L2SEND_FAILPOINT=place)
    assert done.status == -9
    return done.stdout + done.stderr


def _everything(bugged: Bugged) -> list[Path]:
    return [path for folder in (bugged.home.path, bugged.folder) for path in folder.rglob("*") if path.is_file()]


@dataclass
class Seen:
    """What other processes of this user can see of processes."""

    processes: set[str] = field(default_factory=set[str])
    hits: list[tuple[str, list[str]]] = field(default_factory=list[tuple[str, list[str]]])


@contextmanager
def watched(secret: Secrets, home: Home | None = None) -> Iterator[Seen]:
    """Read argv and environment of every process, over and over, until the context ends."""
    seen, over = Seen(), threading.Event()
    # A user who puts the URL of an RPC into a variable has it in the environment of what they start.
    own = {f"{k}={v}".encode() for k, v in home.environment.items() if k.startswith("L2SEND_RPC_")} if home else set()

    def watch() -> None:
        while not over.wait(0.05):
            for process in Path("/proc").iterdir():
                if process.name.isdecimal():
                    _look_at(process, secret, own, seen)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _look_at(process: Path, secret: Secrets, own: set[bytes], seen: Seen) -> None:
    for name in ("cmdline", "environ"):
        try:
            entries = (process / name).read_bytes().split(b"\0")
        except OSError:
            continue
        seen.processes.add(process.name)
        found = secret.found_in(b"\0".join(entry for entry in entries if entry not in own))
        if found:
            seen.hits.append((f"{process}/{name}", found))
