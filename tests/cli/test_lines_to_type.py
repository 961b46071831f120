"""Lines to type work where they are read: on the devnet's own home they have --devnet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from l2send.cli.lines_to_type import as_typed_here, forget_devnet, remember_devnet, reminder_of_the_devnet
from l2send.cli.main import run
from l2send.core.paths import Paths

PAYMENT = ["1", "USDC", "base:0x8ba1f109551bD432803012645Ac136ddd64DBA72"]


@pytest.fixture(autouse=True)
def a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With the usual folders, under a home folder of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("L2SEND_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    yield
    forget_devnet()


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ("Resume it with: l2send resume p-7k3f9q2m", "Resume it with: l2send --devnet resume p-7k3f9q2m"),
        ("`l2send history` lists every payment.", "`l2send --devnet history` lists every payment."),
        ("send less: l2send max USDC dev1:0x", "send less: l2send --devnet max USDC dev1:0x"),
        ("Write: l2send 25 USDC dev1:0x", "Write: l2send --devnet 25 USDC dev1:0x"),
        ("Start one: l2send devnet up", "Start one: l2send devnet up"),
        ("an error in l2send itself", "an error in l2send itself"),
    ],
)
def test_a_line_has_devnet_where_the_run_has_it(monkeypatch: pytest.MonkeyPatch, text: str, here: str) -> None:
    assert as_typed_here(text) == text
    remember_devnet()
    assert as_typed_here(text) == here
    monkeypatch.setenv("L2SEND_HOME", "/play")
    remember_devnet()
    assert as_typed_here(text) == text


@pytest.mark.parametrize("words", [["history"], ["resume"], ["status"], PAYMENT])
def test_a_forgotten_devnet_is_said(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    reminder = "Local chains run here: add --devnet to use them."
    run(words)
    assert reminder not in capsys.readouterr().err
    chains = Paths.for_devnet().devnet / "chains.toml"
    chains.parent.mkdir(parents=True, mode=0o700)
    chains.touch()
    run(words)
    assert reminder in " ".join(capsys.readouterr().err.split())
    assert not reminder_of_the_devnet(Paths.for_devnet())
