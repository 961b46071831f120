"""What an error says about money: only of a command that can move some it is said that something may have been sent."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from l2send.cli.command_table import COMMANDS, is_about_a_payment, may_send
from l2send.cli.failures import failure_of, report
from l2send.cli.streams import NotPrinted
from l2send.core.errors import Refused, Sent, UsageError

MOVE_MONEY = "send ask batch work watch resume speedup cancel close broadcast demo"
"""Every command that moves money, or follows money that moves."""


def test_the_commands_that_move_money() -> None:
    assert {name for name in COMMANDS if may_send([name])} == {*MOVE_MONEY.split()}
    assert [may_send(words.split()) for words in ("wallet delegate alice", "wallet undelegate alice")] == [True, True]
    assert [may_send(words.split()) for words in ("wallet show alice", "wallet new delegated")] == [False, False]
    assert may_send([]), "words that were not understood may be a payment"


@pytest.mark.parametrize(
    ("words", "sent"),
    [("chains", Sent.NO), ("plan", Sent.NO), ("send", Sent.MAYBE), ("resume", Sent.MAYBE), ("", Sent.MAYBE)],
)
def test_what_may_have_been_sent(words: str, sent: Sent) -> None:
    assert failure_of(NotPrinted("disk full", sent=Sent.MAYBE), words.split()).sent is sent
    with pytest.raises(ValueError, match="a fault") as fault:
        raise ValueError("a fault of l2send")
    assert failure_of(fault.value, words.split()).sent is sent


@pytest.mark.parametrize("sent", Sent)
def test_what_an_error_of_a_payment_says_stays_said(sent: Sent) -> None:
    """`sign` sends nothing, and learns that another owner may have sent the same."""
    assert failure_of(Refused("it is too late", sent=sent), ["sign"]).sent is sent


@pytest.mark.parametrize(
    ("words", "is_said"),
    [("send", True), ("status", True), ("sign", True), ("", True), ("wallet show", False), ("resolve", False)],
)
def test_nothing_was_sent_is_said_where_someone_pays(
    words: str, is_said: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    report(UsageError("wrong.", hint="Do it otherwise."), words.split(), as_envelope=False)
    assert ("Nothing was sent." in capsys.readouterr().err) is is_said
    assert is_about_a_payment(words.split()) is is_said


def test_a_list_that_cannot_be_written_moved_no_money() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "l2send", "chains"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        3,
        "l2send: the result could not be written to stdout: No space left on device.\n",
    )


def test_in_a_pipe_it_is_said_without_the_libraries_that_draw() -> None:
    """They take a tenth of a second, which Ctrl-C would wait for."""
    program = (
        "import sys; from l2send.cli.main import run, start_lightly; start_lightly();"
        "run(['config', 'get', 'x']); print('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "False\n"
    assert done.stderr.splitlines()[0] == "l2send: there is no setting 'x'."
