"""A running devnet for the whole session, and the real command to use with it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest
from eth_account import Account

from l2send.core import redaction
from l2send.core.address import Address, checksum
from l2send.core.chains import Chain, Registry, load_registry
from l2send.core.paths import Paths
from l2send.core.private_files import write_private
from l2send.core.rpc import open_rpcs
from l2send.devnet import faucet
from l2send.resolver.balances import take_snapshot
from tests.support import postgres as postgres_server
from tests.support import schemas
from tests.support.command_server import COMMANDS
from tests.support.longest_first import longest_first
from tests.support.time_zone import in_the_morning

PASSWORD = "correct horse battery staple"
LONGEST_COMMAND = 120.0  # seconds
LONGEST_LAB_TEST = 5400 if os.environ.get("L2SEND_LAB") == "full" else 900  # seconds
_LAB = Path(__file__).parent / "lab"
_ALL_OF_IT_LAB = re.compile(r"^pytestmark = \[?\s*pytest\.mark\.lab\b", re.MULTILINE)

for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
    os.environ.pop(name, None)  # each command would read this machine's certificates, and no test asks for them

os.environ["TZ"] = in_the_morning(time.time())  # no run crosses midnight: "today" on a screen stays today
time.tzset()

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Run in the background of a script: commands would inherit that, and Ctrl-C could not be tried.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_itemcollected(item: pytest.Item) -> None:
    """A lab test is hundreds of payments: they do not end in the time of other tests."""
    if item.get_closest_marker("lab") and not item.get_closest_marker("timeout"):
        item.add_marker(pytest.mark.timeout(LONGEST_LAB_TEST))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """The tests of the lab start the real program for each command, others fork it: see support/command_server.py."""
    COMMANDS.wanted = _LAB not in item.path.parents
    for secrets_of_another_test in (redaction._of_urls, redaction._typed):
        secrets_of_another_test._windows.clear()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where no test of the lab is wanted, files with nothing else are not imported: that takes seconds a process."""
    if "not lab" not in config.option.markexpr or collection_path.suffix != ".py":
        return None
    is_lab = collection_path.parent == _LAB or _ALL_OF_IT_LAB.search(collection_path.read_text(encoding="utf-8"))
    return True if is_lab and collection_path.name.startswith("test_") else None


@pytest.hookimpl(trylast=True)  # after those that are not asked for have left
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the tests, they begin with the longest files."""
    if hasattr(config, "workerinput"):
        tests = [item for item in items if isinstance(item, pytest.Function)]
        if len(tests) == len(items):
            items[:] = [items[place] for place in longest_first(tests)]


@dataclass
class Done:
    """A finished command."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """The document on stdout, held to its schema if that is published."""
        document: dict[str, Any] = json.loads(self.stdout)
        if schemas.file_of(document) in schemas.SCHEMAS:
            schemas.check(document)
        return document

    @property
    def error(self) -> dict[str, Any]:
        """What the error envelope, the last line of stderr, holds."""
        envelope = json.loads(self.stderr.strip().splitlines()[-1])
        schemas.check(envelope)
        error: dict[str, Any] = envelope["error"]
        return error


@dataclass
class Home:
    """An `L2SEND_HOME` and the real `l2send` in it."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def paths(self) -> Paths:
        return Paths.under(self.path)

    @property
    def registry(self) -> Registry:
        return load_registry(self.paths)

    def chain(self, short_name: str) -> Chain:
        return self.registry.named(short_name)

    def run(self, *words: str, **environment: str) -> Done:
        """`l2send words…` as a process of its own, without a terminal."""
        return self.run_passing((), *words, **environment)

    def run_passing(self, fds: tuple[int, ...], *words: str, **environment: str) -> Done:
        """The same, with these file descriptors kept open in it."""
        environment = self.environment | environment
        if COMMANDS.serves(environment):
            return self._run_forked(fds, words, environment)
        done = subprocess.run(
            [sys.executable, "-m", "l2send", *words],
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=LONGEST_COMMAND,
            pass_fds=fds,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def _run_forked(self, fds: tuple[int, ...], words: tuple[str, ...], environment: dict[str, str]) -> Done:
        """The same in a fork of a process that has imported l2send: quick tests start a thousand commands."""
        with open(os.devnull) as nothing, TemporaryFile("w+") as out, TemporaryFile("w+") as err:
            passed = (nothing.fileno(), out.fileno(), err.fileno(), *fds)
            status = COMMANDS.run(words, environment, passed, LONGEST_COMMAND)
            out.seek(0)
            err.seek(0)
            return Done(status, out.read(), err.read())

    def must(self, *words: str, **environment: str) -> Done:
        done = self.run(*words, **environment)
        assert done.status == 0, done
        return done

    def new_account(self, name: str = "", key: bytes = b"") -> tuple[str, Address]:
        """A fresh encrypted key, or this one: its name and address. Its scrypt is light, so that tests are quick."""
        name, key = name or f"a{secrets.token_hex(4)}", key or secrets.token_bytes(32)
        content: dict[str, Any] = dict(Account.encrypt(key, PASSWORD, kdf="scrypt", iterations=2))
        write_private(self.paths.keystores / f"{name}.json", json.dumps(content | {"name": name}).encode())
        return name, checksum(Account.from_key(key).address)

    def fund(self, account: Address, chain: str, **amounts: str) -> None:
        for token, amount in amounts.items():
            faucet.fund(self.paths.state, account, amount, token, chain)

    def holds(self, account: Address, chain: str, token: str = "USDC") -> int:
        """Base units, read from the chain."""

        async def look() -> int:
            async with open_rpcs(self.registry) as rpcs:
                holdings = (await take_snapshot(account, rpcs)).on(self.chain(chain))
                amount = holdings.held(holdings.chain.token(token))
                assert amount is not None, holdings.error
                return amount.units

        return asyncio.run(look())


def make_home(path: Path, **extra: str) -> Home:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = path / "password"
    password.touch(mode=0o600)
    password.write_text(PASSWORD)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("L2SEND_", "ETH_"))}
    cache = os.environ.get("L2SEND_CACHE") or str(Paths.from_environment().cache)
    own = {"L2SEND_HOME": str(path), "L2SEND_CACHE": cache, "ETH_PASSWORD": str(password)}
    return Home(path, kept | own | extra)


@pytest.fixture
def empty_home(tmp_path: Path) -> Home:
    """A home in which no devnet runs."""
    return make_home(tmp_path / "home")


def home_on(chains: Home, path: Path) -> Home:
    """A home with a journal, accounts and contacts of its own, on the chains of another one."""
    made = make_home(path)
    made.paths.state.mkdir(mode=0o700)
    made.paths.devnet.symlink_to(chains.paths.devnet)
    return made


@contextmanager
def home_with_devnet(path: Path, chains: int = 4) -> Iterator[Home]:
    """A home in which a devnet runs, with a solver that fills at once."""
    made = make_home(path)
    made.must("devnet", "up", "--chains", str(chains))
    try:
        yield made
    finally:
        made.run("devnet", "down")


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A devnet takes seconds to start: the tests of a process share one, each with accounts of its own."""
    with home_with_devnet(tmp_path_factory.mktemp("l2send")) as made:
        yield made


@pytest.fixture(scope="session")
def home(shared_home: Home) -> Home:
    """The home that most tests share. What lists or resumes everything in a home needs `fresh_home`."""
    return shared_home


@pytest.fixture(scope="module")
def fresh_home(shared_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A journal, accounts and contacts that one module has for itself, on the chains that all share."""
    return home_on(shared_home, tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="module")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The same with chains of its own, whose blocks it may take back: they take seconds to start."""
    with home_with_devnet(tmp_path_factory.mktemp("own")) as made:
        yield made


@pytest.fixture
def no_solver(home: Home) -> Iterator[None]:
    """No solver fills orders during the test."""
    home.must("devnet", "solver", "--mode", "ignore")
    yield
    home.must("devnet", "solver", "--mode", "fill")


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_server.Server]:
    """A PostgreSQL server of this process's own; skipped where none is installed, which fails on CI."""
    postgres_server.required()
    server = postgres_server.Server()
    yield server
    server.remove()


@pytest.fixture
def shared_database(postgres: postgres_server.Server) -> str:
    """The URL of a database that holds no journal: a test after the other has it, which is faster than one for each."""
    postgres.sql("DROP SCHEMA IF EXISTS l2send CASCADE")
    return postgres.url()


@pytest.fixture
def database(postgres: postgres_server.Server) -> str:
    """The URL of an empty database."""
    return postgres.url(postgres.new_database())
