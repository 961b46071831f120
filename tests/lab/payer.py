"""A payer in the lab: the real Client with shorter waits, in this process or its own.

A run is what a person does: `l2send send …`, or `l2send resume` where the journal knows the payment.
Processes are forked from a clean server that has the slow imports behind it, and are killed by SIGKILL at
a failpoint. Inside a process a kill is simulated: see `Crash`.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import shutil
import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from unittest.mock import patch
from urllib.request import urlopen

import httpx

import l2send.client
from l2send.client import Client, open_client
from l2send.core import http
from l2send.core.address import Address
from l2send.core.chains import Registry
from l2send.core.errors import ExitStatus, L2sendError
from l2send.core.paths import Paths
from l2send.core.rpc import client as rpc_client
from l2send.core.rpc import failover
from l2send.resolver.way_limits import Limits
from l2send.wallet import before_signing, broadcasting, executor, nonces, signing, sponsored, watch
from l2send.wallet.executor import Executor
from l2send.wallet.failpoints import Failpoint
from l2send.wallet.failpoints import failpoint as real_failpoint
from l2send.wallet.journal.records import Record
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.keys.signer import LocalSigner, SecretKey
from l2send.wallet.sponsored import SponsoredExecutor
from l2send.wallet.watch import follow
from tests.lab.faults import TIMEOUT
from tests.lab.world import TOKEN, Account

AMOUNT = "25"
UNITS = 25_000_000
OF_SEVERAL = "100"
UNITS_OF_SEVERAL = 100_000_000

_context = multiprocessing.get_context("forkserver")
_SLOW_IMPORTS = (
    "eth_account",
    "rlp",
    "eth_abi",
    "httpx",
    "httpcore",
    "h11",
    "certifi",
    "anyio._backends._asyncio",
)
_context.set_forkserver_preload(["tests.lab.payer", *_SLOW_IMPORTS])


class Killed(BaseException):
    """The process is gone, as far as this payer knows: no handler for errors sees it."""


Hook = Callable[[str], None]
"""Told each failpoint, as `name:count`."""
_hook: ContextVar[Hook | None] = ContextVar("hook", default=None)
_passed: ContextVar[dict[str, int]] = ContextVar("passed")


@dataclass(frozen=True)
class Errand:
    """All that a payer is told."""

    home: Path
    registry: Registry
    account: Account
    index: int
    """The chain the recipient is on."""
    recipient: Address
    amount: str = AMOUNT
    via: str = ""
    """The bridge it has to go through, if through one alone."""
    patience: float = 3.0
    poll: float = 0.03
    key: str | None = None
    begun: str = ""
    """A URL that is told when the payment is in the journal."""
    environment: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def destination(self) -> str:
        return f"{tuple(self.registry)[self.index].short_name}:{self.recipient}"

    @property
    def paths(self) -> Paths:
        return Paths.under(self.home)


async def _silent() -> None:
    pass


async def pay(errand: Errand, begun: Callable[[], Awaitable[None]] = _silent) -> Record:
    """Send, or resume what the journal knows. Raises what the Client raises."""
    async with open_client(errand.paths, errand.registry) as client:
        record = _known(client, errand)
        if record is None:
            to = client.destination(errand.destination)
            payment = client.payment(errand.account.address, errand.amount, TOKEN, to)
            record = client.begin(await client.plan(payment, Limits(via=errand.via)), key=errand.key)
        await begun()
        if not record.meaning.open:
            return await client.status(record.id)
        signer = LocalSigner(SecretKey(errand.account.key))
        return await client.resume(record.id, signer, patience=errand.patience, progress=lambda _: None)


async def give_up(errand: Errand) -> None:
    """`l2send cancel`: what of the payment is not signed never will be."""
    async with open_client(errand.paths, errand.registry) as client:
        record = _known(client, errand)
        if record is None or not record.meaning.open:
            return
        with contextlib.suppress(L2sendError):
            await client.cancel(record.id, await client.cancel_bids(record.id), None)


def _known(client: Client, errand: Errand) -> Record | None:
    return _with_key(client.history(), errand.key)


def _with_key(records: Iterable[Record], key: str | None) -> Record | None:
    return next((record for record in records if record.key == key), None)


def journaled(errand: Errand) -> Record | None:
    """The payment as the journal has it."""
    if not errand.paths.journal.exists():
        return None
    journal = SqliteJournal(errand.paths.journal)
    try:
        return _with_key(journal.history(), errand.key)
    finally:
        journal.close()


@contextmanager
def quickened(poll: float, transport: httpx.AsyncBaseTransport | None = None) -> Iterator[None]:
    """The same program with shorter waits, and with requests through `transport` where one is given."""

    def quick_executor(self: Client, *arguments: object) -> Executor:
        made: Executor = original(self, *arguments)  # type: ignore[arg-type]
        made.poll = poll
        return made

    def quick_sponsored(self: Client, *arguments: object) -> SponsoredExecutor:
        made: SponsoredExecutor = original_sponsored(self, *arguments)  # type: ignore[arg-type]
        made.poll = poll
        return made

    original, original_sponsored = Client.executor, Client._sponsored
    with (
        patch.object(Client, "executor", quick_executor),
        patch.object(Client, "_sponsored", quick_sponsored),
        patch.object(l2send.client, "open_rpcs", partial(rpc_client.open_rpcs, timeout=TIMEOUT)),
        patch.object(l2send.client, "follow", partial(follow, poll=poll)),
        patch.object(http, "Connections", lambda _: transport) if transport else nullcontext(),
        patch.object(failover, "_FIRST_PAUSE", 0.01),
        patch.object(failover, "_MAX_PAUSE", 0.05),
        patch.object(nonces, "_PAUSE", 0.02),
        patch.object(before_signing, "_LAGGING_PAUSE", 0.05),
        patch.object(executor, "failpoint", _failpoint),
        patch.object(signing, "failpoint", _failpoint),
        patch.object(broadcasting, "failpoint", _failpoint),
        patch.object(sponsored, "failpoint", _failpoint),
        patch.object(watch, "failpoint", _failpoint),
    ):
        yield


def _failpoint(place: Failpoint) -> None:
    real_failpoint(place)
    hook = _hook.get()
    if hook:
        passed = _passed.get()
        passed[place] = passed.get(place, 0) + 1
        hook(f"{place.value}:{passed[place]}")


def hooked(hook: Hook | None) -> None:
    """From now on, failpoints of this task tell `hook`."""
    _hook.set(hook)
    _passed.set({})


class Crash:
    """A simulated kill -9 at one failpoint.

    The journal's files are copied as they lie on disk at that moment, which is what a kill leaves, and the
    payer goes on from the copy. What the dying run still does to its own files while it unwinds is lost.
    """

    def __init__(self, errand: Errand, place: str) -> None:
        self.errand = errand
        self.place = place
        self.after: Errand | None = None
        """The errand over what was left, once it happened."""

    def __call__(self, place: str) -> None:
        if place != self.place or self.after:
            return
        left = self.errand.home.with_name(self.errand.home.name + "'")
        folder = Paths.under(left).state
        folder.mkdir(mode=0o700, parents=True)
        for file in self.errand.paths.state.iterdir():
            if file.is_file() and not file.name.endswith("-shm"):
                shutil.copy2(file, folder / file.name)
        self.after = replace(self.errand, home=left)
        raise Killed(place)


def start(errand: Errand) -> BaseProcess:
    """A process that does the errand once."""
    process = _context.Process(target=_in_process, args=(errand,))
    process.start()
    return process


def run(errand: Errand, meanwhile: Callable[[], None] | None = None) -> int:
    """The exit code of a process that does the errand once; -9 is SIGKILL."""
    process = start(errand)
    while meanwhile and process.is_alive():
        meanwhile()
    process.join(60)
    code = process.exitcode
    assert code is not None, "the process did not end"
    process.close()
    return code


def _in_process(errand: Errand) -> None:
    os.environ.update(errand.environment)
    status: int = ExitStatus.UNEXPECTED
    try:
        with quickened(errand.poll):
            status = asyncio.run(pay(errand, partial(_tell, errand.begun))).meaning.exit_status
    except L2sendError as error:
        status = error.exit_status
        _leave_word(errand, f"{error.code}: {error.message}")
    except BaseException:  # noqa: BLE001 - of any kind: the parent must be told
        _leave_word(errand, traceback.format_exc())
    os._exit(status)


async def _tell(url: str) -> None:
    if url:
        urlopen(url, timeout=5).close()  # noqa: ASYNC210 - nothing else runs in this process


def _leave_word(errand: Errand, words: str) -> None:
    with open(errand.home / "said", "a", encoding="utf-8") as file:
        file.write(words + "\n")


def last_word(errand: Errand) -> str:
    """What the last process that failed said."""
    said = errand.home / "said"
    return said.read_text().strip().splitlines()[-1] if said.exists() else ""
