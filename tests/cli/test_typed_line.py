"""Hints show the whole line to type: corrected, with the command and the options that were typed."""

from __future__ import annotations

import pytest

from tests.support.inside import Inside, inside

__all__ = ["inside"]

A = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("5 USDC --account ann", "Write: l2send 5 USDC CHAIN:ADDRESS --account ann"),
        ("5 udsc --account ann", "Write: l2send 5 USDC CHAIN:ADDRESS --account ann"),
        (f"--account ann 5 base:{A}", f"Write: l2send 5 TOKEN base:{A} --account ann"),
        (f"$5 base:{A} --memo rent", f"Write: l2send 5 USDC base:{A} --memo rent"),
        (f"pay 5 USDC base:{A} --yes", f"Leave it out: l2send 5 USDC base:{A} --yes"),
        (f"prepare 5 base:{A} -o pay.json", f"Write: l2send prepare 5 TOKEN base:{A} -o pay.json"),
        ("5 USDC base --account ann", "The line: l2send 5 USDC base:ADDRESS --account ann"),
        (f"5 UDSC base:{A} --from {A} --yes", f"The line: l2send 5 USDC base:{A} --from {A} --yes"),
        (f"plan 5 USDC bsae:{A} --from {A}", f"The line: l2send plan 5 USDC base:{A} --from {A}"),
        (f"balances {A} --chain bsae --token USDC", f"The line: l2send balances {A} --chain base --token USDC"),
        (f"receive --from {A} --chain base --token UDSC", f"l2send receive --from {A} --chain base --token USDC"),
    ],
)
def test_the_line_is_whole(inside: Inside, typed: str, line: str) -> None:
    done = inside.run(*typed.split())
    assert done.status == 2, done
    assert " ".join(done.stderr.split()).endswith(line)


def test_words_with_spaces_are_quoted_and_keys_are_not_shown(inside: Inside) -> None:
    key = "0x" + "42" * 32
    said = " ".join(inside.run("5", "USDC", "base", "--memo", "the rent", "--private-key", key).stderr.split())
    assert "l2send 5 USDC base:ADDRESS --memo 'the rent' --private-key" in said
    assert "4242" not in said


def test_a_name_with_several_meanings_is_not_corrected(inside: Inside) -> None:
    assert "The line" not in inside.run("balances", A, "--chain", "sepola").stderr
