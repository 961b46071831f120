"""Secrets typed in the wrong place: no error repeats them, in words or in JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import make_home

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow"


@pytest.mark.parametrize(
    "words",
    [
        ["5", "USDC", f"base:0x{KEY}"],
        ["wallet", "show", KEY],
        ["balances", "--account", f"0x{KEY.upper()}", "--json"],
        ["5", "USDC", PHRASE, "--json"],
        ["5", "USDC", *PHRASE.split()],
        [KEY, "USDC", "base:alice"],
    ],
)
def test_it_is_not_repeated(tmp_path: Path, words: list[str]) -> None:
    done = make_home(tmp_path).run(*words)
    said = (done.stdout + done.stderr).lower()
    assert done.status in {2, 3}
    assert not [part for part in (KEY[i : i + 8] for i in range(len(KEY) - 7)) if part in said]
    assert "sausage worth" not in said
