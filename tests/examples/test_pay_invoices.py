"""The examples: invoices, killed at random and run again until all are paid: each is paid once.

`L2SEND_LAB=full` pays 20 with each; by itself the shell script, a process an invoice, pays 6.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Home
from tests.support.addresses import new_address

pytestmark = pytest.mark.lab

EXAMPLES = Path(__file__).parents[2] / "examples"
KILLS = 3
FULL = os.environ.get("L2SEND_LAB") == "full"
COUNT = {"sh": 20 if FULL else 6, "py": 20, "payroll": 100}
KILL_AFTER = {"sh": (0.8, 3.0), "py": (0.8, 3.0), "payroll": (0.5, 1.5)}
"""Seconds: a payroll of 100 takes longer than that."""


@pytest.mark.parametrize("language", ["sh", "py", "payroll"])
def test_killed_and_run_again_every_invoice_is_paid_once(home: Home, tmp_path: Path, language: str) -> None:
    name, sender = home.new_account()
    home.fund(sender, "dev1", USDC="6000", ETH="1")
    invoices = {f"{language}-{n}": (n + 1, new_address()) for n in range(COUNT[language])}
    file = tmp_path / "invoices.csv"
    header = "ref;amount;token;to\r\n" if language == "payroll" else ""
    lines = "".join(f"{i},{amount},USDC,dev1:{to}\n" for i, (amount, to) in invoices.items())
    file.write_text(header + lines.replace(",", ";").rstrip() if header else lines)
    command = {
        "sh": ["bash", str(EXAMPLES / "pay_invoices.sh"), str(file)],
        "py": [
            sys.executable, str(EXAMPLES / "pay_invoices.py"), str(file),
            str(home.paths.keystores / f"{name}.json"), home.environment["ETH_PASSWORD"],
        ],
        "payroll": [
            sys.executable, str(EXAMPLES / "payroll.py"), str(file),
            str(home.paths.keystores / f"{name}.json"), home.environment["ETH_PASSWORD"],
        ],
    }[language]  # fmt: skip
    seeded = random.Random(7683)
    killed = 0
    for _ in range(40):
        ended = run(command, home, name, seeded.uniform(*KILL_AFTER[language]) if killed < KILLS else None)
        if ended == 0:
            break
        killed += ended is None
    assert killed == KILLS, "nothing was killed, so nothing was shown"
    paid = {to: home.holds(to, "dev1") for _, to in invoices.values()}
    assert paid == {to: amount * 10**6 for amount, to in invoices.values()}
    assert home.holds(sender, "dev1") == (6000 - sum(amount for amount, _ in invoices.values())) * 10**6


def run(command: list[str], home: Home, account: str, kill_after: float | None) -> int | None:
    """The exit status, or None if it was killed, with everything it had started."""
    path = f"{Path(sys.executable).parent}:{home.environment['PATH']}"
    environment = home.environment | {"PATH": path, "ETH_KEYSTORE_ACCOUNT": account}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        return process.wait(kill_after or 240)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if kill_after is None:
            raise
        return None
