"""`l2send work`: pays lines approved with `l2send batch --queue`, on any number of machines with one journal."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated

import typer

from l2send.cli.option_groups import spread
from l2send.cli.options import KeyOptions, PayingRunOptions, SenderOptions
from l2send.cli.screen import print_json
from l2send.cli.sender import account_names, choose_sender
from l2send.cli.terminal import run_to_end
from l2send.cli.work_log import LogForm, WorkLog
from l2send.cli.work_metrics import Metrics, parse_place, serve
from l2send.client import Client, open_client
from l2send.core.errors import ExitStatus, UsageError
from l2send.wallet.journal.errors import JournalLost
from l2send.wallet.keys.signer import Signer
from l2send.worker import Worker, WorkEvent

_TO_THE_END = 600.0
"""Seconds that `--once` follows a payment."""
_RECONNECT_AFTER, _LONGEST_WAIT = 1.0, 30.0
"""Seconds until a lost journal is opened again; doubled each time."""


@dataclass(frozen=True, slots=True)
class WorkOptions:
    """How a worker works."""

    accounts: Annotated[
        str,
        typer.Option(
            "--accounts", metavar="NAMES", help="Accounts to work for, by keystore: payroll,grants. Default: one."
        ),
    ] = ""
    once: Annotated[bool, typer.Option("--once", help="Pay what can be paid now, follow it, and end.")] = False
    idle_exit: Annotated[
        float | None,
        typer.Option("--idle-exit", metavar="SECONDS", min=0, help="End after so long with nothing to do."),
    ] = None
    log: Annotated[LogForm, typer.Option("--log", help="Lines on stderr: text, or json for a collector.")] = (
        LogForm.TEXT
    )
    metrics: Annotated[
        str,
        typer.Option("--metrics", metavar="HOST:PORT", help="Serve Prometheus metrics, on loopback: 127.0.0.1:9464"),
    ] = ""


@spread
def work(options: WorkOptions, keys: KeyOptions, run_options: PayingRunOptions) -> int:
    """Pay lines that were approved with `l2send batch FILE --queue`, until it is stopped.

    Run it on as many machines as you like over one journal (docs/operators.md): an account is worked for by one of them
    at a time, and another one takes over when that ends. SIGTERM and Ctrl-C end it well: nothing new is signed, what
    was signed is followed for a minute. All keys are opened at the start.

    Example: l2send work --accounts payroll --password-file /etc/l2send/password

    Example: l2send work --once --log json --metrics 127.0.0.1:9464
    """
    place = parse_place(options.metrics) if options.metrics else None
    if options.once and options.idle_exit is not None:
        raise UsageError("--once and --idle-exit cannot be combined.", hint="Use one of them.")
    signers = _signers(options, keys, run_options)
    return run_to_end(_Work(options, run_options, signers, place).run())


def _signers(options: WorkOptions, keys: KeyOptions, run_options: PayingRunOptions) -> list[Signer]:
    """The opened keys. Raises UsageError, ConfigError: before any line is read."""
    names = account_names(options.accounts)
    if keys.password_fd is not None and len(names) > 1:
        raise UsageError("--password-fd is read once, for one account.", hint="Use --password-file.")
    return [choose_sender(run_options.paths, SenderOptions(name), keys).unlock() for name in names]


@dataclass
class _Work:
    """One run of the command: a worker for each connection to the journal, one after another."""

    options: WorkOptions
    run_options: PayingRunOptions
    signers: Sequence[Signer]
    place: tuple[str, int] | None
    _stop: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        self._log = WorkLog(self.options.log)
        self._metrics = Metrics([signer.address for signer in self.signers])

    async def run(self) -> int:
        """Run until stopped, or done."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        server = await serve(self._metrics, *self.place) if self.place else None
        try:
            return await self._connected()
        finally:
            if server:
                server.close()

    def _end(self) -> None:
        if not self._stop.is_set():
            self._log.say("stopping: nothing more is signed here; payments under way are followed for a minute")
        self._stop.set()

    async def _connected(self) -> int:
        """Work, and reconnect after the journal's connection is lost."""
        wait, first = _RECONNECT_AFTER, True
        while True:
            try:
                async with open_client(self.run_options.paths, self.run_options.registry()) as client:
                    wait, first = _RECONNECT_AFTER, False
                    return await self._work(client)
            except JournalLost as error:
                self._metrics.queue = None
                if self.options.once or first:
                    raise
                self._metrics.reconnects += 1
                self._log.say(f"{error.message} Trying again in {wait:.0f} s.", error=error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), wait)
            if self._stop.is_set():
                return ExitStatus.DELIVERED
            wait = min(2 * wait, _LONGEST_WAIT)

    async def _work(self, client: Client) -> int:
        self._metrics.queue = client.queue
        worker: Worker = client.worker(self.signers, self._tell)
        worker.stop, worker.until_done, worker.idle_exit = self._stop, self.options.once, self.options.idle_exit
        if self.options.once:
            worker.patience = _TO_THE_END
        accounts = ", ".join(signer.address for signer in self.signers)
        self._log.say(f"working for {accounts} over {client.queue.title}")
        await worker.run()
        left = [client.queue.left(signer.address) for signer in self.signers]
        waiting, unfinished = sum(one.waiting for one in left), sum(one.open for one in left)
        self._log.say(f"ended; {waiting} lines wait, {unfinished} payments are open")
        if self.run_options.as_json:
            print_json(
                {"schema": "l2send.worked/1", "waiting": waiting, "open": unfinished, "begun": self._metrics.begun}
            )
        return ExitStatus.NOT_ALL if self.options.once and (waiting or unfinished) else ExitStatus.DELIVERED

    def _tell(self, event: WorkEvent) -> None:
        self._log.event(event)
        self._metrics.event(event)
