"""Two machines with one key pay from one PostgreSQL journal, while processes, sessions and the server are killed.

Every recipient is paid once: counted on the chain, in the recipients' balances and the payer's nonces.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from l2send.core.address import Address
from tests.conftest import Home, home_with_devnet, make_home
from tests.support.addresses import new_address
from tests.support.postgres import Server

pytestmark = [pytest.mark.lab, pytest.mark.postgres]

_PEOPLE = 30
_AT_ONCE = 3
_FAULT_EVERY = 2.0
_FAULTS = 6
_DEADLINE = 240.0


@dataclass
class Payroll:
    """Keeps a few commands running until every key is delivered."""

    homes: list[Home]
    account: str
    people: list[Address]
    delivered: set[int] = field(default_factory=set[int])
    running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict[int, "subprocess.Popen[bytes]"])
    statuses: list[int] = field(default_factory=list[int])

    def step(self, chance: random.Random) -> None:
        for person, process in list(self.running.items()):
            status = process.poll()
            if status is not None:
                del self.running[person]
                self.statuses.append(status)
                self.delivered |= {person} if status == 0 else set()
        waiting = [n for n in range(len(self.people)) if n not in self.delivered and n not in self.running]
        if waiting and len(self.running) < _AT_ONCE:
            person, home = chance.choice(waiting), chance.choice(self.homes)
            words = ["1", "USDC", f"dev1:{self.people[person]}", "--idempotency-key", f"salary-{person}"]
            self.running[person] = subprocess.Popen(
                [sys.executable, "-m", "l2send", *words, "--account", self.account, "--yes", "--quiet"],
                env=home.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )


def another_machine(home: Home, path: Path) -> Home:
    """A home with the same keystore and chains, and files of its own for everything else."""
    other = make_home(path)
    shutil.copytree(home.paths.config, other.paths.config)
    other.paths.state.mkdir(mode=0o700)
    shutil.copytree(home.paths.devnet, other.paths.devnet)
    return other


def test_two_machines_pay_each_recipient_once_while_everything_is_killed(
    postgres: Server, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(15)
    name = database.rpartition("/")[2]
    with home_with_devnet(tmp_path / "one", chains=1) as one:
        account, sender = one.new_account()
        one.fund(sender, "dev1", USDC="100", ETH="1")
        homes = [one, another_machine(one, tmp_path / "two")]
        for home in homes:
            home.environment["L2SEND_JOURNAL"] = database
        payroll = Payroll(homes, account, [new_address() for _ in range(_PEOPLE)])
        faults, began = dict.fromkeys(("process", "session", "server"), 0), time.monotonic()
        next_fault = began + _FAULT_EVERY
        while len(payroll.delivered) < _PEOPLE:
            assert time.monotonic() - began < _DEADLINE, payroll
            payroll.step(chance)
            if time.monotonic() > next_fault and sum(faults.values()) < _FAULTS:
                fault = min(faults, key=lambda kind: (faults[kind], chance.random()))
                faults[fault] += _fire(fault, postgres, name, payroll, chance)
                next_fault = time.monotonic() + _FAULT_EVERY
            time.sleep(0.05)
        paid = [one.holds(person, "dev1") for person in payroll.people]
        left = one.holds(sender, "dev1")
    assert all(faults.values()), "every kind of fault has to happen"
    assert paid == [1_000_000] * _PEOPLE
    assert left == (100 - _PEOPLE) * 1_000_000
    signed = postgres.sql("SELECT count(*), count(DISTINCT nonce), max(nonce) + 1 FROM l2send.transactions", name)
    assert signed == [(_PEOPLE, _PEOPLE, _PEOPLE)]
    with capsys.disabled():
        print(
            f"\n[lab] shared journal: {_PEOPLE} paid once by 2 homes; killed: {faults}; exits {payroll.statuses}; "
            f"{time.monotonic() - began:.0f} s"
        )


def _fire(fault: str, server: Server, name: str, payroll: Payroll, chance: random.Random) -> int:
    """Make the fault happen; 0 where there is nothing to kill now."""
    if fault == "process":
        alive = [process for process in payroll.running.values() if process.poll() is None]
        if alive:
            chance.choice(alive).kill()
        return int(bool(alive))
    if fault == "session":
        rows = server.sql(f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}'", "postgres")
        if rows:
            server.kill_backend(int(str(chance.choice(rows)[0])))
            server.until_up()
        return int(bool(rows))
    server.stop("immediate")
    server.start()
    return 1
