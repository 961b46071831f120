"""Accounts from recovery phrases: imported from file, descriptor and pipe, and a new one shown once on a terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from l2send.cli.secret_prompts import TRIES
from l2send.wallet.keys.derivation import path_of_phrase
from l2send.wallet.keys.mnemonic import Phrase
from l2send.wallet.keys.signer import address_of
from tests.conftest import Home
from tests.support.secret_files import secret_file
from tests.support.terminal import Terminal

pytestmark = pytest.mark.lab

WORDS = "test test test test test test test test test test test junk"
FIRST = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
SECOND = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.fixture
def phrase(tmp_path: Path) -> Path:
    path = tmp_path / "phrase"
    secret_file(path, WORDS + "\n")
    return path


def traces(home: Home) -> bytes:
    """Everything that was written anywhere in the home."""
    return b"".join(path.read_bytes() for path in home.path.rglob("*") if path.is_file())


def test_a_phrase_is_imported_and_not_kept(empty_home: Home, phrase: Path) -> None:
    done = empty_home.must("wallet", "import", "alice", "--mnemonic-file", str(phrase), "--json")
    assert done.json["address"] == FIRST
    assert b"junk" not in traces(empty_home) + (done.stdout + done.stderr).encode()
    assert empty_home.must("wallet", "show", "alice").stdout.strip() == FIRST


def test_from_a_descriptor_by_index(empty_home: Home) -> None:
    reader, writer = os.pipe()
    os.write(writer, WORDS.encode())
    os.close(writer)
    words = ("wallet", "import", "second", "--mnemonic-fd", str(reader), "--mnemonic-index", "1", "--json")
    done = empty_home.run_passing((reader,), *words)
    os.close(reader)
    assert done.json["address"] == SECOND, done


def test_from_a_pipe_with_a_passphrase_by_path(empty_home: Home, tmp_path: Path) -> None:
    extra = tmp_path / "extra"
    secret_file(extra, "TREZOR")
    words = ("wallet", "import", "p", "--mnemonic", "--passphrase-file", str(extra), "--hd-path", "m/44'/60'/0'/0/1")
    piped = subprocess.run(
        [sys.executable, "-m", "l2send", *words],
        env=empty_home.environment,
        input=WORDS,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert piped.stdout.strip() == address_of(Phrase(WORDS).key(path_of_phrase(1), "TREZOR")) != SECOND


def test_a_passphrase_that_cannot_be_typed_is_refused(empty_home: Home, phrase: Path) -> None:
    asked = empty_home.run("wallet", "import", "bob", "--mnemonic-file", str(phrase), "--passphrase", "--json")
    assert (asked.status, asked.error["sent"]) == (2, "no")


@pytest.mark.parametrize(
    ("words", "said", "status"),
    [
        (("--mnemonic-file", "wrong"), "word 12 of 12 is not", 3),
        (("--mnemonic-file", "right", "--hd-path", "m/x"), "not a derivation path", 2),
        (("--mnemonic-file", "right", "--hd-path", "m/0", "--mnemonic-index", "1"), "--hd-path names the key", 2),
        (("--mnemonic-index", "1"), "a private key has no path", 2),
        (("--mnemonic-file", "missing"), "cannot read the phrase file", 3),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(
    empty_home: Home, tmp_path: Path, words: tuple[str, ...], said: str, status: int
) -> None:
    secret_file(tmp_path / "right", WORDS)
    secret_file(tmp_path / "wrong", WORDS.replace("junk", "jnuk"))
    there = [str(tmp_path / word) if word in {"right", "wrong", "missing"} else word for word in words]
    done = empty_home.run("wallet", "import", "alice", *there, "--json")
    assert (done.status, done.error["sent"]) == (status, "no")
    assert said in done.error["message"]
    assert "jnuk" not in done.stderr
    assert not list(empty_home.path.rglob("alice.json"))


def test_a_new_phrase_is_shown_on_a_terminal_alone(empty_home: Home) -> None:
    done = empty_home.run("wallet", "new", "alice", "--mnemonic", "--json")
    assert (done.status, done.error["code"]) == (2, "needs_confirmation")
    assert not list(empty_home.path.rglob("alice.json"))


def test_a_new_phrase_is_shown_once_and_asked_for(empty_home: Home) -> None:
    with Terminal(empty_home.environment) as terminal:
        terminal.start(sys.executable, "-m", "l2send", "wallet", "new", "alice", "--mnemonic")
        shown = terminal.wait_for("Press Enter")
        words = [w for _, w in sorted((int(n), w) for n, w in re.findall(r"(\d+)\. ([a-z]+)", shown))]
        assert len(words) == 12
        terminal.press("Enter")
        asked = terminal.wait_for("of what you wrote down?")
        assert not [word for word in words if re.search(rf"\. {word}\b", asked)], "the words stayed on the screen"
        place = re.search(r"Word (\d+) of", asked)
        assert place
        terminal.type(words[int(place[1]) - 1])
        terminal.press("Enter")
        status, _ = terminal.end()
    assert status == 0
    made = address_of(Phrase(" ".join(words)).key(path_of_phrase(0)))
    assert empty_home.must("wallet", "show", "alice").stdout.strip() == made
    assert " ".join(words).encode() not in traces(empty_home)


def test_a_phrase_that_was_not_written_down_makes_no_account(empty_home: Home) -> None:
    with Terminal(empty_home.environment) as terminal:
        terminal.start(sys.executable, "-m", "l2send", "wallet", "new", "alice", "--mnemonic")
        terminal.wait_for("Press Enter")
        terminal.press("Enter")
        terminal.wait_for("of what you wrote down?")
        for _ in range(TRIES):
            terminal.type("no idea")
            terminal.press("Enter")
        status, shown = terminal.end()
    assert status == 130
    assert TRIES == 3
    assert "That is not the word. 2 tries are left." in shown
    assert "That is not the word. One try is left." in shown
    assert "no account was made" in shown
    assert not list(empty_home.path.rglob("alice.json"))
