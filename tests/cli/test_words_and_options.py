"""The words of a line are told from its options and their values, wherever these stand."""

from __future__ import annotations

import pytest

from l2send.cli.main import root, shape
from l2send.cli.words_and_options import apart

A = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.mark.parametrize(
    ("typed", "words", "options"),
    [
        ("25 USDC base:0x", "25 USDC base:0x", ""),
        ("--yes 25 USDC", "25 USDC", "--yes"),
        ("-y 25 -f 0x1 USDC", "25 USDC", "-y -f 0x1"),
        ("--account=al 25 --account bo USDC", "25 USDC", "--account=al --account bo"),
        ("25 USDC - --progress json", "25 USDC -", "--progress json"),
        ("25 --account", "25", "--account"),
    ],
)
def test_words_and_options_are_told_apart(typed: str, words: str, options: str) -> None:
    assert apart(typed.split(), root().commands["send"].params) == (words.split(), options.split())


@pytest.mark.parametrize("typed", ["25 --nonsense USDC", "25 -- USDC", "-yq 25"])
def test_a_line_with_an_unknown_option_is_left_as_it_is(typed: str) -> None:
    assert apart(typed.split(), root().commands["send"].params) is None


@pytest.mark.parametrize("front", ["--yes", "--account alice", "--account=alice --json", "-q --max-fee 2%"])
@pytest.mark.parametrize("line", [f"25 base:{A} usdc", f"25 usdc to base:{A}", f"25usdc base:{A}"])
def test_options_in_front_do_not_hide_the_words(front: str, line: str) -> None:
    ordered = shape([*front.split(), *line.split()])
    assert ordered[:4] == ["send", "25", "usdc", f"base:{A}"]
    assert ordered[4:] == front.split()
