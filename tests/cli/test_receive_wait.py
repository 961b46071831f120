"""`receive --wait`: exit 0 once all of it has arrived, and not before; events for a shop's program."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from l2send.cli.payment_request import payment_request
from l2send.cli.receive_wait import Reporter, what_to_do
from l2send.cli.times import clock
from l2send.core.chains import load_registry
from l2send.core.paths import Paths
from l2send.core.rpc import open_rpcs
from l2send.core.units import Amount, BlockNumber, Wei
from l2send.resolver.destination import parse_destination
from l2send.wallet.incoming import Arrivals, Expected, Incoming, Place
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.schemas import check

EXAMPLE = Path(__file__).parents[2] / "examples" / "till.sh"


@contextmanager
def waiting(home: Home, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The command, running."""
    command = [sys.executable, "-m", "l2send", "receive", *words, "--wait", "--json"]
    with subprocess.Popen(
        command, env=home.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def event(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout
    document: dict[str, Any] = json.loads(process.stdout.readline())
    check(document)
    return document


def test_it_ends_when_all_of_it_has_arrived(home: Home) -> None:
    to = new_address()
    asked = ("--from", to, "--chain", "dev1", "--token", "USDC", "--amount", "25", "--reference", "order 7")
    home.fund(to, "dev1", USDC="100")  # Before: it does not count.
    with waiting(home, *asked, "--timeout", "120", "--expires", "5m") as process:
        first = event(process)
        assert (first["event"], first["reference"], first["arrived"]["human"]) == ("waiting", "order 7", "0")
        assert first["request"]["reference"] == "order 7"
        assert first["request"]["expires"] > first["at"]
        home.fund(to, "dev1", USDC="24.99")
        second = event(process)
        assert (second["event"], second["seen"]["human"]) == ("seen", "24.99")
        home.fund(to, "dev1", USDC="0.01")
        last = event(process)
        assert (last["event"], last["arrived"]["human"], len(last["transactions"])) == ("arrived", "25", 2)
        assert process.wait(30) == 0


def test_parts_that_arrive_on_several_chains_add_up(home: Home) -> None:
    to = new_address()
    asked = ("--from", to, "--chain", "dev1", "--chain", "dev2", "--token", "USDC", "--amount", "25")
    with waiting(home, *asked, "--timeout", "120") as process:
        first = event(process)
        assert (first["event"], first["chain"], [r["chain"] for r in first["requests"]]) == (
            "waiting",
            None,
            ["dev1", "dev2"],
        )
        home.fund(to, "dev1", USDC="20")
        second = event(process)
        assert (second["seen"]["human"], [c["seen"]["human"] for c in second["chains"]]) == ("20", ["20", "0"])
        home.fund(to, "dev2", USDC="5")
        last = event(process)
        assert (last["event"], last["arrived"]["human"], len(last["transactions"])) == ("arrived", "25", 2)
        assert process.wait(30) == 0


def test_a_request_without_wait_is_for_one_chain(empty_home: Home) -> None:
    two = ("--from", new_address(), "--chain", "base", "--chain", "oeth", "--token", "USDC", "--amount", "5")
    for more in ((), ("--wait", "--html", "page.html")):
        done = empty_home.run("receive", *two, *more)
        assert (done.status, "a request is for one chain" in done.stderr) == (2, True)


def test_it_ends_when_the_time_is_over(home: Home) -> None:
    asked = ("--from", new_address(), "--chain", "dev1", "--token", "ETH", "--amount", "1")
    done = home.run("receive", *asked, "--wait", "--timeout", "0.5", "--json")
    assert done.status == 8
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["waiting", "timeout"]
    told = home.run("receive", *asked, "--wait", "--timeout", "0.1", "--no-qr")
    assert (told.status, "0 ETH of 1 ETH arrived" in told.stderr) == (8, True)


@pytest.mark.parametrize(
    ("settled", "seen", "said"),
    [
        (0, 0, "Wait again with the same command."),
        (10_000_000, 10_000_000, "For the rest, wait with --amount 15"),
        (0, 24_999_999, "For the rest, wait with --amount 0.000001"),
        (10_000_000, 25_000_000, "Do not wait again."),
        (25_000_000, 26_000_000, "Do not wait again."),
    ],
)
def test_a_new_wait_is_for_the_rest_alone(settled: int, seen: int, said: str) -> None:
    registry = load_registry(Paths.under(Path("/nowhere")))
    token = registry.named("base").token("USDC")
    expected = Expected(Amount(25_000_000, token), new_address(), BlockNumber(1), Wei(0))
    incoming = Incoming(Amount(settled, token), Amount(seen, token))

    async def told() -> str:
        async with open_rpcs(registry) as rpcs:
            place = Place(expected, rpcs.on(registry.named("base").chain_id))
            return what_to_do(Arrivals((place,), (incoming,)))

    assert asyncio.run(told()).endswith(said)


@pytest.mark.parametrize(("symbol", "before"), [("ETH", " The account held 5 ETH before."), ("USDC", "")])
def test_a_time_out_says_since_when_it_counted(capsys: pytest.CaptureFixture[str], symbol: str, before: str) -> None:
    registry, to = load_registry(Paths.under(Path("/nowhere"))), new_address()
    token, now = registry.named("base").token(symbol), time.time()
    held = Wei(5 * 10**18 if token.is_native else 0)
    expected = Expected(Amount(10**token.decimals, token), to, BlockNumber(1), held)
    nothing = Amount(0, token)
    reporter = Reporter((parse_destination(f"base:{to}", registry),), payment_request("", "", ""), False, now)

    async def ended() -> int:
        async with open_rpcs(registry) as rpcs:
            place = Place(expected, rpcs.on(registry.named("base").chain_id))
            return reporter.ended(Arrivals((place,), (Incoming(nothing, nothing),)))

    assert asyncio.run(ended()) == 8
    said = " ".join(capsys.readouterr().err.split())
    assert f"0 {symbol} of 1 {symbol} arrived since {clock(now)}.{before} What is sent later" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--wait",), "how much is waited for?"),
        (("--token", "USDC", "--wait"), "how much is waited for?"),
        (("--timeout", "5"), "--timeout says how long --wait waits"),
        (("--expires", "soon"), "not a time: 'soon'"),
        (("--expires", "0s"), "is past already"),
        (("--expires", "2020-01-01"), "is past already"),
    ],
)
def test_what_cannot_be_meant_is_refused(empty_home: Home, words: tuple[str, ...], said: str) -> None:
    done = empty_home.run("receive", "--from", new_address(), "--chain", "base", *words)
    assert done.status == 2
    assert said in done.stderr


def test_the_till_says_that_it_is_paid(home: Home, tmp_path: Path) -> None:
    to = new_address()
    path = f"{Path(sys.executable).parent}{os.pathsep}{home.environment['PATH']}"
    with subprocess.Popen(
        [str(EXAMPLE), "dev1", "USDC", "4.50", "order 1017"],
        env=home.environment | {"PATH": path, "L2SEND_ADDRESS": to},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    ) as till:
        assert till.stdout
        assert till.stdout.readline() == "waiting for 4.50 USDC (order 1017)\n"
        home.fund(to, "dev1", USDC="4.5")
        assert till.stdout.read().splitlines()[-1] == "PAID: order 1017"
        assert till.wait(30) == 0
