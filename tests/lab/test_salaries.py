"""Eight processes with one key pay fifty people: every salary lands once, none is lost, whichever process is killed."""

from __future__ import annotations

import fcntl
import os
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from queue import Empty, Queue

import pytest

from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.states import PaymentState
from tests.lab import payer
from tests.lab.faults import late
from tests.lab.payer import Errand
from tests.lab.proxy import Proxy
from tests.lab.verdict import two_signatures
from tests.lab.wire import Fault, Rule, Wire
from tests.lab.world import MONEY, World
from tests.support.addresses import new_address

pytestmark = pytest.mark.lab

PEOPLE = 50
PROCESSES = 8
SALARY, UNITS = "2", 2_000_000
# Asked between the lock and the signature: whose answer is held back holds the lock.
HELD_BACK = Fault("held back", frozenset({"eth_estimateGas"}), late(8), 99)


def test_fifty_salaries_from_eight_processes(
    world: World, proxy: Proxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = time.monotonic()
    tmp_path.chmod(0o700)
    (account,) = world.accounts(1)
    slow, wire = Wire([Rule(HELD_BACK)], arms_when_begun=True), Wire()
    urls = proxy.plug(slow)
    base = Errand(tmp_path, world.seen_through(proxy.plug(wire), 1), account, 0, new_address(), SALARY, patience=60)
    errands = [replace(base, key=f"salary {n}", recipient=new_address()) for n in range(PEOPLE)]
    held_up = replace(errands[0], registry=world.seen_through(urls, 1), begun=f"{urls[0].rpartition('/')[0]}/begun")

    holder = payer.start(held_up)
    _until(lambda: slow.fired > 0)
    (lock,) = (base.paths.state / "locks").iterdir()
    assert f"process {holder.pid}" in lock.read_text()
    queue = Queue[Errand]()
    for errand in errands[1:]:
        queue.put(errand)
    with ThreadPoolExecutor(PROCESSES - 1) as pool:
        clerks = [pool.submit(_clerk, queue) for _ in range(PROCESSES - 1)]
        _until(lambda: wire.requests["eth_simulateV1"] > 0)
        assert _is_held(lock)
        assert not wire.sent, "a process signed without the lock"
        holder.kill()
        holder.join(20)
        assert holder.exitcode == -9
        queue.put(errands[0])
        codes = sum((clerk.result() for clerk in clerks), Counter[int]())

    assert codes == {0: PEOPLE}
    assert [world.received(errand.recipient, 0) for errand in errands] == [[UNITS]] * PEOPLE
    assert MONEY - world.holds(account.address, 0) == PEOPLE * UNITS
    assert world.sent_by(account.address) == PEOPLE
    assert not two_signatures([*slow.sent, *wire.sent])
    assert _states(base) == {PaymentState.DELIVERED: PEOPLE}
    with capsys.disabled():
        print(
            f"\n[lab] salaries: {PEOPLE} of {PEOPLE} landed once, from {PROCESSES} processes with one key in "
            f"{time.monotonic() - before:.0f} s; 1 killed by SIGKILL while it was proven to hold the lock, 0 lost"
        )


def _clerk(queue: Queue[Errand]) -> Counter[int]:
    """Pays one after the other, each from a process of its own."""
    codes = Counter[int]()
    while True:
        try:
            errand = queue.get(timeout=1)
        except Empty:
            return codes
        codes[payer.run(errand)] += 1


def _is_held(lock: Path) -> bool:
    """Whether the kernel says that it is held."""
    descriptor = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _states(errand: Errand) -> Counter[PaymentState]:
    journal = SqliteJournal(errand.paths.journal)
    try:
        return Counter(record.state for record in journal.history())
    finally:
        journal.close()


def _until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not come to that"
        time.sleep(0.01)
