"""A forgotten --devnet is named in the error, with the whole line to type; never where the name is known here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from l2send.cli.forgotten_devnet import hint_of_the_devnet, reminder_of_the_devnet
from l2send.cli.main import run
from l2send.cli.prompts import _in_words
from l2send.cli.typed_line import remember_line
from l2send.core.errors import NeedsConfirmation, NetworkError, UnknownChain
from l2send.core.paths import Paths, private_dir
from tests.support.addresses import new_address

A = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
_CHAIN = """
schema = 1
[chains.dev3]
chain_id = 768300003
name = "Devnet 3"
kind = "other"
testnet = true
native = { symbol = "ETH", name = "Ether", decimals = 18 }
rpcs = ["http://127.0.0.1:1"]
explorer = ""
confirmations = 1
stage = { value = "none", date = 2026-11-30, source = "devnet" }
"""


@pytest.fixture(autouse=True)
def a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With the usual folders, under a home folder of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("L2SEND_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    private_dir(Paths.from_environment().state)
    yield
    remember_line([])


def keystore(paths: Paths, name: str) -> None:
    private_dir(paths.keystores)
    content = {"name": name, "crypto": {}, "address": new_address()[2:].lower()}
    (paths.keystores / f"{name}.json").write_text(json.dumps(content))


@pytest.fixture
def local_chains(a_person: None) -> Paths:
    """A devnet's files with a chain, an account and a contact; nothing answers."""
    play = Paths.for_devnet()
    private_dir(play.devnet)
    (play.devnet / "chains.toml").write_text(_CHAIN)
    keystore(play, "ann")
    play.contacts.write_text(f'schema = 1\n[contacts.luna]\naddress = "{A}"\nchains = ["dev3"]\n')
    return play


def said(capsys: pytest.CaptureFixture[str], line: str) -> str:
    capsys.readouterr()
    run(line.split())
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (f"5 USDC dev3:{A} --account ann", "dev3"),
        (f"plan 5 USDC dev3:{A}", "dev3"),
        ("5 USDC luna", "luna"),
        (f"5 USDC to {A} on dev3", "dev3"),
        ("balances --account ann", "ann"),
        ("balances ann", "ann"),
        ("balances --chain dev3 --json", "dev3"),
        ("receive --chain dev3", "dev3"),
        ("history --chain dev3", "dev3"),
        (f"resolve dev3:{A}", "dev3"),
        ("chains dev3", "dev3"),
        (f"contacts add joe dev3:{A}", "dev3"),
        ("wallet show ann", "ann"),
        ("config set account ann", "ann"),
    ],
)
def test_a_name_that_the_local_chains_have(
    capsys: pytest.CaptureFixture[str], local_chains: Paths, line: str, name: str
) -> None:
    hint = f"Local chains are running, and have {name}. Add --devnet: l2send --devnet {line}"
    assert hint in said(capsys, line)
    assert "Local chains" not in said(capsys, f"--devnet {line}")


@pytest.mark.parametrize("line", ["status p-7k3f9q2m", "status", "resume", "history", "cancel p-7k3f9q2m", "balances"])
def test_what_is_not_found_may_be_on_the_local_chains(
    capsys: pytest.CaptureFixture[str], local_chains: Paths, line: str
) -> None:
    assert f"with their own accounts and payments: l2send --devnet {line}" in said(capsys, line)
    (local_chains.devnet / "chains.toml").unlink()
    assert "Local chains" not in said(capsys, line)
    assert not reminder_of_the_devnet(Paths.for_devnet())


def test_a_name_that_is_known_here_is_not_theirs(capsys: pytest.CaptureFixture[str], local_chains: Paths) -> None:
    keystore(Paths.from_environment(), "ann")
    assert "Local chains" not in said(capsys, f"5 USDC base:{A} --account ann --batch x")
    assert "Local chains" not in said(capsys, "batch none.csv --account ann")
    assert "did you mean" in said(capsys, f"5 USDC bsae:{A} --account ann").lower()


def test_local_chains_that_do_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    words = "no local chains run. `l2send devnet up` starts them. Then: l2send --devnet balances --chain dev3"
    assert words in said(capsys, "balances --chain dev3")


def test_an_answer_to_a_question_too(local_chains: Paths) -> None:
    def judge(_: str) -> None:
        raise UnknownChain("no chain is called 'dev3'.")

    remember_line(["--account", "x"])
    words = " ".join(str(_in_words(judge)(f"dev3:{A}")).split())
    assert words.endswith("and have dev3. Add --devnet: l2send --devnet --account x")


@pytest.mark.parametrize("error", [NetworkError("no answer from 'dev3'."), NeedsConfirmation("'dev3'?")])
def test_other_errors_keep_their_hint(local_chains: Paths, error: NetworkError | NeedsConfirmation) -> None:
    remember_line(["balances", "--chain", "dev3"])
    assert hint_of_the_devnet(error) == ""
