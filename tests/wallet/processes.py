"""A separate process that continues a payment, and may be killed meanwhile.

Processes are forked from a clean server that has the slow imports behind it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from l2send.core.errors import L2sendError, Refused
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.transitions import JournalMoves
from tests.wallet.rig import ETHER, Node, Rig

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.wallet.rig", "eth_account", "rlp", "eth_abi.abi"])


@dataclass(frozen=True)
class Job:
    """All that a process is told."""

    home: Path
    urls: tuple[str, ...]
    key: bytes
    payment_id: str
    patience: float = 20.0
    environment: tuple[tuple[str, str], ...] = ()
    confirmations: int = 1


def job(
    rig: Rig,
    payment_id: str,
    failpoint: str = "",
    proof: Path | None = None,
    patience: float = 20,
    confirmations: int = 1,
) -> Job:
    environment = (("L2SEND_FAILPOINT", failpoint), ("L2SEND_FAILPOINT_PROOF", str(proof))) if failpoint else ()
    return Job(rig.home, rig.urls, rig.key, payment_id, patience, environment, confirmations)


def start(work: Job) -> BaseProcess:
    process = _context.Process(target=_carry_on, args=(work,))
    process.start()
    return process


def run(work: Job) -> int:
    """The exit code; -9 is SIGKILL."""
    process = start(work)
    process.join(60)
    assert process.exitcode is not None, "the process did not end"
    return process.exitcode


def open_journal(path: Path) -> BaseProcess:
    """A process that opens the journal, maybe as the first."""
    process = _context.Process(target=_open, args=(path,))
    process.start()
    return process


def open_postgres(url: str, path: Path) -> BaseProcess:
    """The same with a journal in PostgreSQL."""
    process = _context.Process(target=_open_postgres, args=(url, path))
    process.start()
    return process


def approve_until_refused(path: Path, url: str, tries: int) -> BaseProcess:
    """A process that approves lines of 1 ETH for workers under the journal's own limit; its exit code is how many."""
    process = _context.Process(target=_approve_until_refused, args=(path, url, tries))
    process.start()
    return process


def move_until(home: Path, url: str, to: str, stage: str) -> int:
    """The exit code of a process that moves the journal of `home`, and kills itself at `stage`."""
    process = _context.Process(target=_move_until, args=(home, url, to, stage))
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def begin_until_refused(path: Path, url: str, tries: int) -> BaseProcess:
    """A process that begins payments of 1 ETH under a limit of 20 a day; its exit code is how many began."""
    process = _context.Process(target=_begin_until_refused, args=(path, url, tries))
    process.start()
    return process


def opened(path: Path, url: str) -> JournalMoves:
    """The journal at `path`, or that of the database `url`."""
    if not url:
        return SqliteJournal(path)
    from l2send.wallet.journal.postgres import PostgresJournal

    return PostgresJournal(url, path)


def _begin_until_refused(path: Path, url: str, tries: int) -> None:
    from l2send.core.spending_limits import parse_limits
    from tests.wallet.journal.writing import a_payment, begin

    journal, began = opened(path, url), 0
    journal.read_limits = lambda: [parse_limits({"per_day": ["20 ETH"]}, "", "policy.toml")]
    for _ in range(tries):
        try:
            begin(journal, a_payment(ETHER))
        except Refused:
            break
        began += 1
    journal.close()
    os._exit(began)


def _approve_until_refused(path: Path, url: str, tries: int) -> None:
    from l2send.core.limit_files import read_policy
    from l2send.wallet.journal.queue_lines import QueuedLine
    from tests.wallet.journal.writing import a_payment

    journal, approved = opened(path, url), 0
    journal.parse_shared = lambda text: read_policy(text, "the shared journal")
    for number in range(tries):
        try:
            approved += journal.enqueue(
                [QueuedLine(f"b{os.getpid()}/{number}", f"b{os.getpid()}", a_payment(ETHER), "{}")]
            )
        except Refused:
            break
    journal.close()
    os._exit(approved)


def _move_until(home: Path, url: str, to: str, stage: str) -> None:
    from l2send.core.paths import Paths
    from l2send.wallet.journal.journal_move import move
    from l2send.wallet.journal.location import open_for_move

    os.environ["L2SEND_JOURNAL"] = url

    def tell(reached: str, _: str) -> None:
        if reached == stage:
            os.kill(os.getpid(), signal.SIGKILL)

    with open_for_move(Paths.under(home), to) as (source, target):
        move(source, target, tell)
    os._exit(0)


def _open_postgres(url: str, path: Path) -> None:
    from l2send.wallet.journal.postgres import PostgresJournal

    PostgresJournal(url, path).close()


def _open(path: Path) -> None:
    SqliteJournal(path).close()


def _carry_on(work: Job) -> None:
    os.environ.update(work.environment)
    rig = Rig(work.home, Node(work.urls[0]), work.urls, work.confirmations, key=work.key)
    try:
        status = rig.resume(work.payment_id, work.patience).meaning.exit_status
    except L2sendError as error:
        status = error.exit_status
    os._exit(status)
