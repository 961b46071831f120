"""The service of systemd and the compose file: their commands are commands of l2send, and hold what the pages say."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from l2send.wallet.journal.postgres_url import read_target
from tests.support.inside import Inside, inside

__all__ = ["inside"]

EXAMPLES = Path(__file__).parents[2] / "examples"


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(EXAMPLES / "l2send-work.service")
    return parser


def compose_commands() -> list[str]:
    return re.findall(r"^    command: (.+)$", (EXAMPLES / "compose.yaml").read_text(), re.MULTILINE)


def commands() -> list[str]:
    program, _, words = unit()["Service"]["ExecStart"].partition(" ")
    assert program.endswith("/l2send")
    return [words, *compose_commands()]


def test_there_are_three() -> None:
    assert len(commands()) == 3


@pytest.mark.parametrize("words", commands())
def test_their_commands_are_understood(inside: Inside, words: str) -> None:
    """All options are parsed before --help is answered."""
    typed = shlex.split(words)
    shown = inside.must(*typed, "--help").stdout
    assert all(word in shown for word in typed if word.startswith("--"))


@pytest.mark.parametrize("name", ["l2send-work.service", "compose.yaml"])
def test_their_journals_hold_no_password_and_need_no_certificate(name: str) -> None:
    urls = re.findall(r"postgresql://\S+", (EXAMPLES / name).read_text())
    assert urls
    for url in urls:
        target = read_target(url)
        assert target.loopback
        assert not target.parameters.get("password")


def test_a_stop_leaves_time_to_follow_what_was_signed() -> None:
    assert int(unit()["Service"]["TimeoutStopSec"]) > 60
    assert "stop_grace_period: 90s" in (EXAMPLES / "compose.yaml").read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """Every key, section and value; the program is that of this machine, which need not be where a server has it."""
    text = (EXAMPLES / "l2send-work.service").read_text()
    copy = tmp_path / "l2send-work.service"
    copy.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", text))
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
