"""Under cron, systemd and in pipes: no question is asked, pipes close, signals arrive, and there is no locale."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import pytest

from tests.conftest import Done, Home
from tests.support.addresses import new_address

pytestmark = pytest.mark.lab

L2SEND = (sys.executable, "-m", "l2send")


@pytest.fixture(scope="module")
def payer(home: Home) -> Home:
    """The devnet's home, for an account with some money."""
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="500", ETH="1")
    return Home(home.path, home.environment | {"ETH_KEYSTORE_ACCOUNT": name})


def shell(home: Home, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """`script` in bash, where "$@" is `l2send words…`."""
    line = ["bash", "-c", f"set -o pipefail; {script}", "bash", *L2SEND, *words]
    return subprocess.run(line, env=home.environment, capture_output=True, text=True, timeout=60, check=False)


def newest(home: Home) -> dict[str, object]:
    payment: dict[str, object] = home.must("history", "--json").json["payments"][0]
    return payment


@pytest.mark.parametrize(
    "words",
    [
        ("1", "USDC", "dev1:TO"),
        (),
        ("1", "USDC", "TO", "--yes"),  # without a chain, which a person would choose
        ("receive",),
        ("contacts", "add", "bob", "dev1:LOWER"),
        ("speedup", "PAYMENT"),
    ],
    ids=" ".join,
)
def test_no_question_is_asked_without_a_terminal(payer: Home, words: tuple[str, ...]) -> None:
    """No word of these may wait for an answer: what would be asked is an error, and says what to write instead."""
    if "PAYMENT" in words:
        payer.must("1", "USDC", f"dev1:{new_address()}", "--yes")
    known = str(newest(payer)["id"]) if "PAYMENT" in words else ""
    to = new_address()
    filled = [word.replace("TO", to).replace("LOWER", to.lower()).replace("PAYMENT", known) for word in words]
    started = time.monotonic()
    done = payer.run(*filled)
    assert done.status in {2, 3}, done
    assert not done.stdout
    assert ("Nothing was sent." in done.stderr) is (words[:1] != ("contacts",)), "said where someone pays"
    assert time.monotonic() - started < 15


def test_no_password_is_asked_for_either(payer: Home) -> None:
    done = payer.run("1", "USDC", f"dev1:{new_address()}", "--yes", "--json", ETH_PASSWORD="")
    assert (done.status, done.error["code"], done.error["sent"]) == (3, "config_error", "no")
    assert "--password-file" in done.error["hint"]


def test_a_reader_that_leaves_early_ends_nothing(payer: Home) -> None:
    done = shell(payer, '"$@" | true; exit ${PIPESTATUS[0]}', "chains", "--json")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "script",
    ['"$@" 2>&1 | true; exit ${PIPESTATUS[0]}', '"$@" <&- >&- 2>&-', '"$@" 2>/dev/full'],
    ids=["closed pipe", "closed descriptors", "full disk"],
)
def test_a_payment_without_a_reader_is_made(payer: Home, script: str) -> None:
    to = new_address()
    done = shell(payer, script, "20", "USDC", f"dev2:{to}", "--yes")
    assert done.returncode == 0, done
    assert payer.holds(to, "dev2") == 20_000_000


def test_a_result_that_cannot_be_written_is_said(payer: Home) -> None:
    to = new_address()
    done = shell(payer, '"$@" >/dev/full', "2", "USDC", f"dev1:{to}", "--yes", "--json")
    assert done.returncode == 3
    assert Done(done.returncode, "", done.stderr).error["sent"] == "maybe"
    assert payer.holds(to, "dev1") == 2_000_000


@pytest.mark.parametrize("encoding", [{}, {"PYTHONIOENCODING": "ascii"}], ids=str)
def test_without_a_locale(payer: Home, encoding: dict[str, str]) -> None:
    """As cron starts it: no TERM, no LANG, a short PATH."""
    kept = {k: v for k, v in payer.environment.items() if k.startswith(("L2SEND_", "ETH_"))}
    bare = Home(payer.path, {"HOME": str(payer.path), "PATH": "/usr/bin:/bin", **kept, **encoding})
    shown = bare.must("plan", "1", "USDC", f"dev1:{new_address()}").stdout
    assert ("→" in shown) == (encoding.get("PYTHONIOENCODING") != "ascii")
    assert "\x1b" not in shown


def test_no_color(payer: Home) -> None:
    """Even where colour is wanted, NO_COLOR has the last word."""
    wanted = {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    colour = re.compile(r"\x1b\[(\d+;)*(3\d|9\d)[;m]")
    coloured = payer.run("status", "p-nothing", **wanted).stderr
    assert colour.search(coloured), "there is no colour that NO_COLOR could take away"
    assert not colour.search(payer.run("status", "p-nothing", **wanted, NO_COLOR="1").stderr)


def started(home: Home, words: Sequence[str], until: str) -> tuple[subprocess.Popen[str], list[str]]:
    """A running `l2send`, once its progress tells of the phase `until`; and what it told."""
    line = [*L2SEND, *words, "--progress", "json"]
    process = subprocess.Popen(line, env=home.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    told = list[str]()
    for text in process.stderr:
        told.append(text)
        if json.loads(text)["phase"] == until:
            return process, told
    raise AssertionError(told)


def test_a_signal_ends_it_at_once_with_the_truth(payer: Home, no_solver: None) -> None:
    """As systemd stops it. A later run resumes the payment, and it is made once."""
    to = new_address()
    process, _ = started(payer, ("20", "USDC", f"dev3:{to}", "--yes", "--json"), "bridging")
    sent_at = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - sent_at < 10
    done = Done(process.returncode, out, err)
    assert (done.status, done.stdout, done.error["code"], done.error["sent"]) == (130, "", "interrupted", "yes")
    payment = newest(payer)
    assert f"the payment {payment['id']} is bridging" in done.error["message"]
    assert f"l2send resume {payment['id']}" in done.error["hint"]
    payer.must("devnet", "solver", "--mode", "fill")
    payer.must("resume", str(payment["id"]))
    assert payer.holds(to, "dev3") == 20_000_000


def test_a_signal_before_anything_was_signed(payer: Home) -> None:
    before = newest(payer)
    process, _ = started(payer, ("1", "USDC", f"dev1:{new_address()}", "--yes", "--json"), "asking")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    done = Done(process.returncode, out, err)
    assert (done.status, done.error["code"], done.error["sent"]) == (130, "interrupted", "no")
    assert newest(payer) == before
