"""An operation for a sponsor, and its taking back, killed at every step: paid once or never, one signature a nonce."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from l2send.core.address import Address
from l2send.core.delegation import named_delegate
from l2send.core.operation import OPERATION_TOPIC
from l2send.devnet.modes import Mode
from l2send.devnet.node import Node
from l2send.wallet.failpoints import Failpoint
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.gasless import USDC, mode
from tests.support.operations import FEE

pytestmark = pytest.mark.lab

PAYING = (
    Failpoint.PLANNED,
    Failpoint.LOCKED,
    Failpoint.SIGNED,
    Failpoint.JOURNALED,
    Failpoint.BEFORE_BROADCAST,
    Failpoint.AFTER_BROADCAST,
    Failpoint.BROADCAST,
    Failpoint.MINED,
)
"""All that a payment by an operation passes."""
TAKING_BACK = (
    Failpoint.LOCKED,
    Failpoint.NONCE_CHOSEN,
    Failpoint.SIGNED,
    Failpoint.JOURNALED,
    Failpoint.BEFORE_BROADCAST,
    Failpoint.AFTER_BROADCAST,
    Failpoint.BROADCAST,
)
"""All that its cancelling transaction passes until a node has it."""


@dataclass(frozen=True)
class Account:
    """An account that delegates on dev1, and holds no coin."""

    home: Home
    name: str
    address: Address

    @property
    def node(self) -> Node:
        return Node(self.home.chain("dev1").rpcs[0])

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        known = self.home.environment | {"ETH_KEYSTORE_ACCOUNT": self.name} | environment
        command = [sys.executable, "-m", "l2send", *words]
        return subprocess.Popen(command, env=known, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def killed(self, place: Failpoint, proof: Path, *words: str) -> None:
        """Run the command, which has to die at `place`."""
        dying = self.start(*words, L2SEND_FAILPOINT=place.value, L2SEND_FAILPOINT_PROOF=str(proof))
        _, told = dying.communicate(timeout=60)
        assert (dying.returncode, proof.exists()) == (-signal.SIGKILL, True), told

    def payment_to(self, to: Address) -> str:
        """The id of the only payment to that account."""
        known = self.home.must("history", "--json").json["payments"]
        (payment,) = [one["id"] for one in known if one["destination"] == f"dev1:{to}"]
        return str(payment)

    def ran(self) -> int:
        """How many operations of the account were ever run."""
        topics = [OPERATION_TOPIC, None, "0x" + bytes(12).hex() + self.address[2:].lower()]
        return len(self.node.call("eth_getLogs", {"topics": topics, "fromBlock": "0x0", "toBlock": "latest"}))


@pytest.fixture
def account(home: Home) -> Account:
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="1000")
    made = Account(home, name, address)
    delegate = named_delegate("simple7702account", home.chain("dev1")).code.address
    made.node.call("anvil_setCode", address, "0xef0100" + delegate[2:])
    return made


def ended(processes: Sequence[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    """The documents of commands, all at their end."""
    told = [process.communicate(timeout=60) for process in processes]
    return [json.loads(out) if out.strip() else {"stderr": err} for out, err in told]


def test_killed_at_every_step_it_pays_once(
    account: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then two processes carry it on at the same time."""
    for number, place in enumerate(PAYING, 1):
        to = new_address()
        account.killed(place, tmp_path / place, "20", "USDC", f"dev1:{to}", "--yes")
        payment = account.payment_to(to)
        first, second = ended([account.start("resume", payment, "--json") for _ in range(2)])
        assert (first["state"], second["state"]) == ("delivered", "delivered"), (place, first, second)
        assert (account.home.holds(to, "dev1"), account.ran()) == (20 * USDC, number), place
    left = 1000 * USDC - len(PAYING) * (20 * USDC + FEE)
    assert account.home.holds(account.address, "dev1") == left
    with capsys.disabled():
        print(f"\n[lab] operation: killed at {len(PAYING)} of {len(PAYING)} places, resumed by two: once each")


def test_killed_while_it_is_taken_back_it_never_pays(
    account: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sponsor has it and does nothing meanwhile; afterwards it would bring all, and the EntryPoint takes none."""
    account.home.fund(account.address, "dev1", USDC="1000")
    people, coin = [new_address() for _ in TAKING_BACK], account.node
    with mode(account.home, Mode.IGNORE):
        for place, to in zip(TAKING_BACK, people, strict=True):
            coin.call("anvil_setBalance", account.address, "0x0")
            account.killed(Failpoint.BROADCAST, tmp_path / f"{place}-paid", "20", "USDC", f"dev1:{to}", "--yes")
            payment = account.payment_to(to)
            coin.call("anvil_setBalance", account.address, hex(10**18))
            account.killed(place, tmp_path / place, "cancel", payment, "--yes")
            (document,) = ended([account.start("resume", payment, "--json")])
            assert document["state"] == "cancelled", (place, document)
            assert document["legs"][0]["sponsored"]["state"] == "taken_back"
    assert [account.home.holds(to, "dev1") for to in people] == [0] * len(people)
    assert account.ran() == 0
    with capsys.disabled():
        print(f"\n[lab] operation: taking back killed at {len(TAKING_BACK)} of {len(TAKING_BACK)} places: never paid")
