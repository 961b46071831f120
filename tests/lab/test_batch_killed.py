"""A batch killed at random and run again until it is done: no line is paid twice, none is lost.

`L2SEND_LAB=full` pays 500 lines under 20 kills; else it is 60 under 6.
"""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from l2send.core.address import Address
from l2send.devnet.node import Node
from tests.conftest import Home
from tests.support.addresses import new_address

pytestmark = pytest.mark.lab

FULL = os.environ.get("L2SEND_LAB") == "full"
LINES, KILLS = (500, 20) if FULL else (60, 6)
CHAINS = ("dev1", "dev2")


def test_killed_at_random_and_run_again_every_line_is_paid_once(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    name, sender = home.new_account()
    for chain in CHAINS:
        home.fund(sender, chain, USDC="100000", ETH="10")
    people = [(f"p-{n}", n % 9 + 1, CHAINS[n % 2], new_address()) for n in range(LINES)]
    file, result = tmp_path / "payroll.csv", tmp_path / "result.csv"
    rows = "".join(f"{ref},{amount},USDC,{chain}:{to}\n" for ref, amount, chain, to in people)
    file.write_text("ref,amount,token,to\n" + rows)
    command = [sys.executable, "-m", "l2send", "batch", str(file), "--yes", "--result", str(result)]
    seeded, kills, amid, status = random.Random(7683), 0, 0, None
    while status is None:
        sent = _sent(home, sender)
        kill_at = sent + seeded.randint(1, LINES // KILLS) if kills < KILLS else None
        status = _run(command, home, name, sender, kill_at)
        if status is None:
            kills += 1
            amid += sent < _sent(home, sender) < LINES
    assert status == 0, status
    assert (kills, amid) == (KILLS, KILLS), "not every kill came while payments were made"
    assert {to: home.holds(to, chain) for _, _, chain, to in people} == {to: a * 10**6 for _, a, _, to in people}
    assert _sent(home, sender) == LINES
    with result.open(newline="") as written:
        assert [(row["ref"], row["state"]) for row in csv.DictReader(written)] == [(p[0], "delivered") for p in people]
    with capsys.disabled():
        print(
            f"\n[lab] batch: {LINES} lines on two chains, {kills} kills by SIGKILL, {amid} of them amid payments: "
            f"0 twice, 0 lost, in {time.monotonic() - started:.0f} s"
        )


def _run(command: list[str], home: Home, account: str, sender: Address, kill_at: int | None) -> int | None:
    """The exit status; None if it was killed, once the account's transactions were `kill_at`."""
    environment = home.environment | {"ETH_KEYSTORE_ACCOUNT": account}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if kill_at is None:
        return process.wait(600)
    while process.poll() is None:
        if _sent(home, sender) >= kill_at:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return None if process.returncode == -signal.SIGKILL else process.returncode
        time.sleep(0.02)
    return process.returncode


def _sent(home: Home, sender: Address) -> int:
    """Transactions of the account in the blocks of both chains."""
    nodes = [Node(home.chain(chain).rpcs[0]) for chain in CHAINS]
    return sum(node.quantity("eth_getTransactionCount", sender, "latest") for node in nodes)
