"""Four workers on two machines pay from one PostgreSQL queue, while workers, sessions, the server and the network die.

Every line is paid once: counted on the chain, in the recipients' balances and the payers' nonces. Workers that end are
started again, as a service manager does. `L2SEND_LAB=full` pays 500 lines under 20 faults; else it is 60 under 6 at
most.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from l2send.core.address import Address
from l2send.devnet.node import Node
from tests.conftest import Home, home_with_devnet
from tests.lab.test_shared_journal import another_machine
from tests.support.addresses import new_address
from tests.support.postgres import Server
from tests.support.tcp_proxy import TcpProxy

pytestmark = [pytest.mark.lab, pytest.mark.postgres]

FULL = os.environ.get("L2SEND_LAB") == "full"
LINES, FAULTS = (500, 20) if FULL else (60, 6)
KINDS = ("worker", "session", "server", "network")
WORKERS = 4
_BETWEEN = 1.5 if FULL else 0.5
"""Seconds between two faults."""
_DEADLINE = 600.0 if FULL else 180.0


@dataclass
class Crew:
    """Keeps workers running, each with the accounts of its machine."""

    homes: list[tuple[Home, str]]
    """Where each worker runs, and for which accounts."""
    running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict[int, "subprocess.Popen[bytes]"])
    statuses: list[int] = field(default_factory=list[int])

    def keep(self) -> None:
        for place, (home, accounts) in enumerate(self.homes):
            process = self.running.get(place)
            if process and (status := process.poll()) is not None:
                self.statuses.append(status)
                process = None
            if process is None:
                self.running[place] = subprocess.Popen(
                    [sys.executable, "-m", "l2send", "work", "--accounts", accounts, "--quiet"],
                    env=home.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )

    def kill(self) -> None:
        for process in self.running.values():
            process.kill()

    def end(self) -> list[int]:
        """SIGTERM to all; their exit statuses."""
        for process in self.running.values():
            process.terminate()
        return [process.wait(90) for process in self.running.values()]


@dataclass
class Faults:
    """Makes one fault after the other happen, each kind as often as the others."""

    server: Server
    proxy: TcpProxy
    database: str
    crew: Crew
    chance: random.Random
    happened: Counter[str] = field(default_factory=Counter[str])

    def fire(self) -> None:
        kind = min(KINDS, key=lambda one: (self.happened[one], self.chance.random()))
        if getattr(self, f"_{kind}")():
            self.happened[kind] += 1

    def _worker(self) -> bool:
        alive = [process for process in self.crew.running.values() if process.poll() is None]
        if alive:
            self.chance.choice(alive).kill()
        return bool(alive)

    def _session(self) -> bool:
        query = (
            f"SELECT pid FROM pg_stat_activity WHERE datname = '{self.database}' AND application_name LIKE 'l2send%'"
        )
        rows = self.server.sql(query)
        if rows:
            self.server.kill_backend(int(str(self.chance.choice(rows)[0])))
        return bool(rows)

    def _server(self) -> bool:
        self.server.stop("immediate")
        self.server.start()
        return True

    def _network(self) -> bool:
        before = self.proxy.cuts
        self.proxy.cut()
        return self.proxy.cuts > before


@pytest.mark.parametrize("keys", ["shared", "own"])
def test_every_line_is_paid_once_while_everything_dies(
    postgres: Server, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], keys: str
) -> None:
    chance, name = random.Random(7683), database.rpartition("/")[2]
    proxy = TcpProxy(postgres.port)
    with home_with_devnet(tmp_path / "one", chains=2) as one:
        accounts = [one.new_account() for _ in range(2)]
        for _, address in accounts:
            for chain in ("dev1", "dev2"):
                one.fund(address, chain, USDC="10000", ETH="10")
        two = another_machine(one, tmp_path / "two")
        for home in (one, two):
            home.environment["L2SEND_JOURNAL"] = postgres.url(name, port=proxy.port)
        both = ",".join(account for account, _ in accounts)
        of = {"shared": (both, both), "own": (accounts[0][0], accounts[1][0])}[keys]
        people = _approved(one, accounts, tmp_path)
        crew = Crew([((one, two)[place % 2], of[place % 2]) for place in range(WORKERS)])
        faults, began = Faults(postgres, proxy, name, crew, chance), time.monotonic()
        try:
            _work_under_faults(crew, faults, postgres, name)
        except BaseException:
            crew.kill()
            proxy.close()
            raise
        took = time.monotonic() - began
        assert crew.end() == [0] * WORKERS, "workers end well by SIGTERM"
        paid = {to: one.holds(to, chain) for _, chain, to, _ in people}
        sent = [_sent(one, address) for _, address in accounts]
    proxy.close()
    assert paid == {to: units * 10**6 for _, _, to, units in people}
    assert sum(sent) == LINES
    assert {kind for kind, count in faults.happened.items() if count} == set(KINDS), faults.happened
    signed = postgres.sql("SELECT count(*), count(DISTINCT (chain_id, sender, nonce)) FROM l2send.transactions", name)
    assert signed == [(LINES, LINES)]
    with capsys.disabled():
        print(
            f"\n[lab] workers: {LINES} lines on two chains by {WORKERS} workers with {keys} keys; "
            f"{dict(faults.happened)}; "
            f"exits {crew.statuses}: 0 twice, 0 lost, in {took:.0f} s"
        )


def _approved(home: Home, accounts: list[tuple[str, Address]], folder: Path) -> list[tuple[str, str, Address, int]]:
    """One batch for each account, in the queue."""
    people = [(f"r-{n}", ("dev1", "dev2")[n % 2], new_address(), n % 9 + 1) for n in range(LINES)]
    for place, (account, _) in enumerate(accounts):
        mine = people[place :: len(accounts)]
        file = folder / f"batch{place}.csv"
        rows = "".join(f"{ref},{units},USDC,{chain}:{to}\n" for ref, chain, to, units in mine)
        file.write_text("ref,amount,token,to\n" + rows)
        home.must("batch", str(file), "--queue", "--yes", ETH_KEYSTORE_ACCOUNT=account)
    return people


def _work_under_faults(crew: Crew, faults: Faults, server: Server, database: str) -> None:
    """One fault after the other from the first delivery on, until all lines are delivered."""
    import psycopg

    began, done, next_at = time.monotonic(), 0, 0.0
    while done < LINES:
        assert time.monotonic() - began < _DEADLINE, (done, faults.happened, crew.statuses)
        crew.keep()
        with suppress(psycopg.Error):
            query = "SELECT count(*) FROM l2send.payments WHERE state = 'delivered'"
            done = int(str(server.sql(query, database)[0][0]))
        if 0 < done < LINES and time.monotonic() > next_at and sum(faults.happened.values()) < FAULTS:
            faults.fire()
            next_at = time.monotonic() + _BETWEEN
        time.sleep(0.05)


def _sent(home: Home, account: Address) -> int:
    nodes = [Node(home.chain(chain).rpcs[0]) for chain in ("dev1", "dev2")]
    return sum(node.quantity("eth_getTransactionCount", account, "latest") for node in nodes)
