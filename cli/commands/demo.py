"""`l2send demo`: payments on four local chains, with real contracts and play money.

Every act runs the real command in its own process; the changes are read from the chains.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.rule import Rule

from l2send.cli.options import Json
from l2send.cli.screen import err, out, print_json, styled, table
from l2send.core.address import Address, checksum
from l2send.core.chains import load_registry
from l2send.core.errors import ExitStatus, L2sendError, NetworkError
from l2send.core.paths import Paths
from l2send.core.rpc import open_rpcs
from l2send.core.text import clean
from l2send.resolver.balances import Snapshot, take_snapshot

_ACCOUNT = "demo"
_PAST_EVERY_DEADLINE = 3 * 3600


@dataclass
class _Stage:
    """The demo's own home, and its acts so far."""

    home: Path
    quiet: bool
    environment: Mapping[str, str]
    sender: Address
    recipient: Address
    acts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def tell(self, text: str) -> None:
        """Print a sentence of the story."""
        if not self.quiet:
            out().print(text, soft_wrap=False)

    def title(self, text: str) -> None:
        """Print a chapter's title."""
        if not self.quiet:
            out().print()
            out().print(Rule(text, align="left", style="bold"))

    def perform(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `l2send` with these words visibly: its own screen, or its JSON for a script."""
        if not self.quiet:
            out().print(f"\n$ l2send {' '.join(words)}", style="bold", soft_wrap=True)
        return self._run([*words, "--json"] if self.quiet else [*words], hidden=self.quiet)

    def prepare(self, *words: str) -> str:
        """Run `l2send` silently and return its output. Raises L2sendError if it fails."""
        done = self._run([*words], hidden=True)
        if done.returncode:
            raise L2sendError(f"`l2send {' '.join(words)}` failed: {clean(done.stderr, 1000)}")
        return done.stdout

    def _run(self, words: list[str], *, hidden: bool) -> subprocess.CompletedProcess[str]:
        sys.stdout.flush()
        return subprocess.run(
            [sys.executable, "-m", "l2send", *words],
            env=self.environment,
            text=True,
            check=False,
            capture_output=hidden,
            stdin=subprocess.DEVNULL,
        )


def demo(as_json: Json = False) -> int:
    """Run the demo: real payments on local chains with play money. Needs npm, leaves nothing behind.

    Example: l2send demo
    """
    started = time.monotonic()
    with _stage(quiet=as_json) as stage:
        _prologue(stage)
        before = _look(stage)
        _acts(stage)
        after = _look(stage)
        _epilogue(stage, before, after, time.monotonic() - started)
        right = all(act["exit"] == act["expected_exit"] for act in stage.acts)
        right = right and _total(after["bob"]) - _total(before["bob"]) == 50
    return ExitStatus.DELIVERED if right else ExitStatus.UNEXPECTED


@contextmanager
def _stage(*, quiet: bool) -> Iterator[_Stage]:
    """The demo's own home with a new encrypted key; everything in it is deleted afterwards."""
    cache = Paths.from_environment().cache
    with tempfile.TemporaryDirectory(prefix="l2send-demo-") as folder:
        home = Path(folder)
        password = home / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("L2SEND_", "ETH_"))}
        own = {"L2SEND_HOME": str(home), "L2SEND_CACHE": str(cache), "ETH_PASSWORD": str(password)}
        no_account = checksum(secrets.token_bytes(20))
        stage = _Stage(home, quiet, kept | own, no_account, checksum(secrets.token_bytes(20)))
        try:
            stage.sender = checksum(stage.prepare("wallet", "new", _ACCOUNT).strip())
            yield stage
        finally:
            stage.prepare("devnet", "down")


def _prologue(stage: _Stage) -> None:
    stage.title("Four chains of your own")
    stage.tell("Starting four chains on this machine: real USDC, real bridge contracts, and a solver…")
    started = time.monotonic()
    stage.prepare("devnet", "up", "--chains", "4")
    stage.tell(f"Ready after {time.monotonic() - started:.1f} s. Nothing here is worth anything anywhere else.")
    for chain, usdc in (("dev1", "100"), ("dev2", "60")):
        stage.prepare("devnet", "fund", stage.sender, usdc, "USDC", "--chain", chain)
        stage.prepare("devnet", "fund", stage.sender, "0.5", "ETH", "--chain", chain)
    stage.tell("Alice has a fresh key, with 100 USDC on dev1 and 60 USDC on dev2. Bob has an address.")
    stage.tell(f"  Alice {stage.sender}\n  Bob   {stage.recipient}")


def _acts(stage: _Stage) -> None:
    stage.title("1. Paying where the money is")
    stage.tell("Bob wants 25 USDC on dev1. Alice has USDC there, so it is a plain transfer.")
    _act(stage, "direct", ExitStatus.DELIVERED, "25", "USDC", f"dev1:{stage.recipient}")

    stage.title("2. The same command, where the money is not")
    stage.tell("Now Bob wants 25 USDC on dev4, where Alice has nothing. She types the same thing.")
    _act(stage, "bridged", ExitStatus.DELIVERED, "25", "USDC", f"dev4:{stage.recipient}")

    stage.title("3. More than there is")
    stage.tell("5000 USDC is more than Alice has. l2send says so and sends nothing.")
    _act(stage, "refused", ExitStatus.CANNOT_PAY, "5000", "USDC", f"dev4:{stage.recipient}")

    stage.title("4. When an order is not filled")
    stage.tell("The solver is told to ignore orders. Alice pays 10 USDC to dev3, and the order stays open.")
    stage.prepare("devnet", "solver", "--mode", "ignore")
    _act(stage, "ignored", ExitStatus.NOT_FINAL, "10", "USDC", f"dev3:{stage.recipient}", "--timeout", "4")
    payment = _newest(stage)
    stage.tell("\nThe clock of every chain is moved past the order's deadline. The money can be refunded now.")
    stage.prepare("devnet", "advance", str(_PAST_EVERY_DEADLINE))
    _record(stage, "refunded", ExitStatus.MONEY_BACK, stage.perform("resume", payment))


def _act(stage: _Stage, name: str, expected: ExitStatus, *words: str) -> None:
    _record(stage, name, expected, stage.perform(*words, "--yes"))


def _record(stage: _Stage, name: str, expected: ExitStatus, done: subprocess.CompletedProcess[str]) -> None:
    act: dict[str, Any] = {"act": name, "exit": done.returncode, "expected_exit": int(expected)}
    if stage.quiet:
        act["result"] = json.loads(done.stdout) if done.stdout else None
        act["error"] = None if done.stdout else clean(done.stderr, 2000)
    stage.acts.append(act)
    wrong = "" if done.returncode == expected else f", and {expected:d} was expected"
    stage.tell(f"(exit status {done.returncode}{wrong})")


def _newest(stage: _Stage) -> str:
    return str(json.loads(stage.prepare("history", "--json"))["payments"][0]["id"])


def _look(stage: _Stage) -> dict[str, Snapshot]:
    """What Alice and Bob hold, read from the chains."""

    async def look() -> dict[str, Snapshot]:
        registry = load_registry(Paths.under(stage.home))
        async with open_rpcs(registry) as rpcs:
            return {
                "alice": await take_snapshot(stage.sender, rpcs),
                "bob": await take_snapshot(stage.recipient, rpcs),
            }

    return asyncio.run(look())


def _usdc(snapshot: Snapshot) -> dict[str, str]:
    """USDC by chain, as text. Raises NetworkError for a chain that does not answer."""
    found = dict[str, str]()
    for holdings in snapshot.chains:
        amount = holdings.held(holdings.chain.token("USDC"))
        if amount is None:
            raise NetworkError(holdings.error)
        found[holdings.chain.short_name] = amount.text
    return found


def _total(snapshot: Snapshot) -> Decimal:
    return sum((Decimal(text) for text in _usdc(snapshot).values()), Decimal(0))


def _epilogue(stage: _Stage, before: dict[str, Snapshot], after: dict[str, Snapshot], seconds: float) -> None:
    if stage.quiet:
        balances = {who: {"before": _usdc(before[who]), "after": _usdc(after[who])} for who in ("alice", "bob")}
        took = round(seconds, 1)
        print_json({"schema": "l2send.demo/1", "acts": stage.acts, "usdc": balances, "seconds": took})
        return
    stage.title("What the chains say")
    numbers = ("Alice before", "after", "Bob before", "after")
    rows = table("USDC on", *numbers, right=numbers)
    columns = [_usdc(s) for s in (before["alice"], after["alice"], before["bob"], after["bob"])]
    for chain in columns[0]:
        rows.add_row(styled(chain), *(column[chain] for column in columns))
    out().print(rows)
    got = _total(after["bob"]) - _total(before["bob"])
    gone = _total(before["alice"]) - _total(after["alice"])
    stage.tell(f"\nBob got {got} USDC: two payments of 25, each made once. Alice paid {gone}, bridge fee included.")
    stage.tell("The ten that were not delivered came back to her.")
    stage.tell(f"The chains are stopped now, and nothing is left behind. It took {seconds:.0f} s.")
    l2send = "l2send" if shutil.which("l2send") else os.path.relpath(sys.argv[0])
    err().print(f"Next: {l2send} devnet up, and try it yourself. docs/start.md shows how.", soft_wrap=True)
