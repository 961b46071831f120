"""A batch killed at random and run again until it is done: no line is paid twice, none is lost.

`L2SEND_LAB=full` pays 500 lines under 20 kills; else it is 60 under 6.
"""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from l2send.core.address import Address
from l2send.core.delegation import named_delegate
from l2send.devnet.node import Node
from l2send.wallet.failpoints import Failpoint
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.kills import Kills

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
    file, result = tmp_path / "killed-at-random.csv", tmp_path / "result.csv"
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
    assert status == 0, Path(home.environment["HOME"], "batch.stderr").read_text()[-2000:]
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


PLACES = (
    Failpoint.PLANNED,
    Failpoint.NONCE_CHOSEN,
    Failpoint.SIGNED,
    Failpoint.JOURNALED,
    Failpoint.BEFORE_BROADCAST,
    Failpoint.AFTER_BROADCAST,
    Failpoint.BROADCAST,
)
"""All that a shared transaction passes until a node has it."""


@dataclass(frozen=True)
class Together:
    """How several lines are paid by one transaction."""

    token: str
    delegated: bool = False
    """Whether the account delegates before."""
    options: tuple[str, ...] = ()
    nonces: int = 1
    """How many nonces one transaction uses."""

    def account(self, home: Home) -> tuple[str, Address]:
        name, sender = home.new_account()
        home.fund(sender, "dev1", USDC="100", ETH="100")
        if self.delegated:
            delegate = named_delegate("simple7702account", home.chain("dev1")).code.address
            Node(home.chain("dev1").rpcs[0]).call("anvil_setCode", sender, "0xef0100" + delegate[2:])
        return name, sender

    def killed_and_run_again(self, home: Home, tmp_path: Path, place: Failpoint, kills: Kills) -> None:
        """Four lines of an account of their own: killed at `place`, then the same command once more."""
        (name, sender), people = self.account(home), [(f"{place}-{n}", new_address()) for n in range(4)]
        node, units = Node(home.chain("dev1").rpcs[0]), 10 ** home.chain("dev1").token(self.token).decimals
        for _, to in people:
            node.call("anvil_setBalance", to, "0x1")
        file, proof = tmp_path / f"{place}-{sender[2:8]}.csv", tmp_path / f"{place}.proof"
        file.write_text("ref,amount,token,to\n" + "".join(f"{ref},1,{self.token},dev1:{to}\n" for ref, to in people))
        command = [sys.executable, "-m", "l2send", "batch", str(file), *self.options, "--yes"]
        environment = home.environment | {"ETH_KEYSTORE_ACCOUNT": name}
        dies = environment | {"L2SEND_FAILPOINT": place.value, "L2SEND_FAILPOINT_PROOF": str(proof)}
        with kills.of(proof):
            killed = subprocess.run(command, env=dies, check=False, capture_output=True)
            assert killed.returncode == -signal.SIGKILL, killed.stderr
            again = subprocess.run(command, env=environment, check=False, capture_output=True)
            assert again.returncode == 0, again.stderr
            assert [home.holds(to, "dev1", self.token) // units for _, to in people] == [1] * 4, place
            assert _sent(home, sender) == self.nonces, place


TOGETHER = {
    "tokens of a delegated account": Together("USDC", delegated=True),
    "coin through Multicall3": Together("ETH"),
    "tokens by --batch": Together("USDC", options=("--batch",), nonces=2),
}


@pytest.mark.parametrize("how", TOGETHER)
def test_one_transaction_of_several_lines_killed_at_every_place(
    how: str, home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kills = Kills()
    for place in PLACES:
        TOGETHER[how].killed_and_run_again(home, tmp_path, place, kills)
    with capsys.disabled():
        print(f"\n[lab] batch, {how}: {kills}")


@pytest.mark.postgres
def test_lines_by_batch_are_paid_once_from_a_journal_in_postgresql(
    fresh_home: Home, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh_home.environment["L2SEND_JOURNAL"] = database
    kills = Kills()
    for place in (Failpoint.PLANNED, Failpoint.JOURNALED, Failpoint.AFTER_BROADCAST):
        TOGETHER["tokens by --batch"].killed_and_run_again(fresh_home, tmp_path, place, kills)
    with capsys.disabled():
        print(f"\n[lab] batch, tokens by --batch, PostgreSQL: {kills}")


def test_ctrl_c_says_how_it_stands_and_the_same_command_carries_on(home: Home, tmp_path: Path) -> None:
    name, sender = home.new_account()
    home.fund(sender, "dev1", USDC="1000", ETH="1")
    people = [(f"c-{n}", new_address()) for n in range(40)]
    file, result = tmp_path / "stopped.csv", tmp_path / "result.json"
    file.write_text("ref,amount,token,to\n" + "".join(f"{ref},1,USDC,dev1:{to}\n" for ref, to in people))
    command = [sys.executable, "-m", "l2send", "batch", str(file), "--yes", "--result", str(result)]
    environment = home.environment | {"ETH_KEYSTORE_ACCOUNT": name}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    while _sent(home, sender) < 3:
        assert process.poll() is None, "it ended before it was stopped"
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "interrupted; stopped: " in told
    assert "l2send batch resume stopped" in told
    written = json.loads(result.read_text())
    assert len(written["lines"]) == len(people)
    assert 0 < written["counts"].get("delivered", 0) + written["counts"].get("sending", 0) < len(people)
    assert _sent(home, sender) < len(people), "Ctrl-C signs nothing more"
    assert subprocess.run(command, env=environment, check=False, capture_output=True).returncode == 0
    assert [home.holds(to, "dev1") for _, to in people] == [10**6] * len(people)
    assert _sent(home, sender) == len(people)


def _run(command: list[str], home: Home, account: str, sender: Address, kill_at: int | None) -> int | None:
    """The exit status; None if it was killed, once the account's transactions were `kill_at`."""
    environment = home.environment | {"ETH_KEYSTORE_ACCOUNT": account}
    with Path(home.environment["HOME"], "batch.stderr").open("wb") as stderr:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=stderr)
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
