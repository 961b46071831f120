"""What people mistype: the line, the first line of the answer (its beginning), and the exit status. Nothing is asked of
any network before.
"""

# ruff: noqa: RUF001 - a mistake a line, as it is typed

from __future__ import annotations

import pytest

from tests.support.inside import Inside, inside

__all__ = ["inside"]

MISTAKES = [
    ("balance", "l2send: no command 'balance'.", 2),
    ("blance", "l2send: no command 'blance'.", 2),
    ("histroy", "l2send: no command 'histroy'.", 2),
    ("statsu", "l2send: no command 'statsu'.", 2),
    ("resum", "l2send: no command 'resum'.", 2),
    ("wallets", "l2send: no command 'wallets'.", 2),
    ("contact", "l2send: no command 'contact'.", 2),
    ("chain", "l2send: no command 'chain'.", 2),
    ("confg", "l2send: no command 'confg'.", 2),
    ("docter", "l2send: no command 'docter'.", 2),
    ("list", "l2send: no command 'list'.", 2),
    ("pay", "l2send: no command 'pay'.", 2),
    ("transfer", "l2send: no command 'transfer'.", 2),
    ("recieve", "l2send: no command 'recieve'.", 2),
    ("speedup-", "l2send: no command 'speedup-'.", 2),
    ("cancle", "l2send: no command 'cancle'.", 2),
    ("hello", "l2send: no command 'hello'.", 2),
    ("foo", "l2send: no command 'foo'.", 2),
    ("Alice", "l2send: no command 'Alice'.", 2),
    ("25", "l2send: token and destination are missing.", 2),
    ("25 USDC", "l2send: the destination is missing.", 2),
    ("0.5 USDC", "l2send: the destination is missing.", 2),
    ("max USDC", "l2send: the destination is missing.", 2),
    ("ALL USDC", "l2send: the destination is missing.", 2),
    ("25 base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: the token is missing.", 2),
    ("0.5 base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: the token is missing.", 2),
    ("max base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: the token is missing.", 2),
    ("25 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: the token is missing.", 2),
    (
        "25 USDC base 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "l2send: chain and account are one word, with a colon between.",
        2,
    ),
    (
        "25 USDC eth 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "l2send: chain and account are one word, with a colon between.",
        2,
    ),
    (
        "25 USDC oeth 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "l2send: chain and account are one word, with a colon between.",
        2,
    ),
    (
        "25 USDC arb1 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "l2send: chain and account are one word, with a colon between.",
        2,
    ),
    ("5 USDC base alice.eth", "l2send: chain and account are one word, with a colon between.", 2),
    ("$25 base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: $25 is not an amount of a token.", 2),
    ("€25 base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: €25 is not an amount of a token.", 2),
    ("£1.5 base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: £1.5 is not an amount of a token.", 2),
    ("$25 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: $25 is not an amount of a token.", 2),
    ("1e3 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("NaN USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("nan USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("inf USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("0 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("0.0 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("1,5 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("1_000 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("+1 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    (".5 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("0x10 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("1.1234567 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("ten USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("１ USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("1..5 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("25. USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("twenty USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("1/2 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("1k USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("5% USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("-1 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: not an amount: '-1'.", 2),
    ("-0.5 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: not an amount: '-0.5'.", 2),
    ("-25 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: not an amount: '-25'.", 2),
    ("25 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "l2send: ", 2),
    ("25 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe", "l2send: ", 2),
    ("25 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed0", "l2send: ", 2),
    ("25 USDC base:5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("25 USDC base:", "l2send: ", 2),
    ("25 USDC bsae:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("25 USDC 99999999:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("25 USDC base:0x0000000000000000000000000000000000000000", "l2send: ", 2),
    ("25 USDX base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("25 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed now", "l2send: ", 2),
    ("help nonsense", "l2send: no command 'nonsense'.", 2),
    ("help balanse", "l2send: no command 'balanse'.", 2),
    (
        "25 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --fast --cheap",
        "l2send: --fast and --cheap cannot be combined.",
        2,
    ),
    (
        "25 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --ledger --trezor",
        "l2send: more than one key is named: --ledger, --trezor, --private-key.",
        2,
    ),
    (
        "25 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --hd-path m/0",
        "l2send: --hd-path and --mnemonic-index choose a key of a device.",
        2,
    ),
    ("25 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --max-fee lots", "l2send: ", 2),
    ("25 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --from-chain nowhere", "l2send: ", 2),
    ("25 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --nonsense", "l2send: ", 2),
    ("history --csv --json", "", 2),
    ("history --since yesterday", "l2send: ", 2),
    ("resume p-x --all", "l2send: an ID and --all cannot be combined.", 2),
    ("status", "l2send: no payment was made yet.", 2),
    ("watch", "l2send: no payment was made yet.", 2),
    ("status p-nothing", "l2send: ", 2),
    ("chains --devnet", "l2send: no devnet is running.", 3),
    ("config set nothing 1", "l2send: ", 2),
    ("config get nothing", "l2send: ", 2),
    ("contacts show nobody", "l2send: ", 2),
    ("contacts add Al!ce base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: ", 2),
    ("wallet show nobody", "l2send: ", 3),
    ("25 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: there is no account yet.", 3),
    ("25USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: there is no account yet.", 3),
    ("USDC 25 base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: there is no account yet.", 3),
    ("25 base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed USDC", "l2send: there is no account yet.", 3),
    ("25 USDC to base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: there is no account yet.", 3),
    ("send 25USDC to base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: there is no account yet.", 3),
    ("plan USDC 25 base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "l2send: there is no account yet.", 3),
]


def test_the_table_is_long() -> None:
    assert len({typed for typed, _, _ in MISTAKES}) >= 85


@pytest.mark.parametrize(("typed", "first_line", "status"), MISTAKES, ids=[typed for typed, _, _ in MISTAKES])
def test_a_mistake_is_answered_in_words(inside: Inside, typed: str, first_line: str, status: int) -> None:
    done = inside.run(*typed.split(" "))
    assert done.status == status, done
    words = done.stderr.splitlines()[0] if "--json" not in typed else ""
    assert words.startswith(first_line), done
    assert "error in l2send itself" not in done.stderr


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("balance", "Did you mean: l2send balances"),
        ("list", "Did you mean: l2send history"),
        ("25 USDC base 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "Write: l2send 25 USDC"),
        ("25 base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "Write: l2send 25 TOKEN"),
        ("25 USDC", "Write: l2send 25 USDC CHAIN:ADDRESS"),
    ],
)
def test_the_line_to_type_is_said(inside: Inside, typed: str, hint: str) -> None:
    assert hint in " ".join(inside.run(*typed.split(" ")).stderr.split())


@pytest.mark.parametrize("typed", ["help", "version", "help send", "help wallet new", "help exit-codes"])
def test_what_is_no_mistake(inside: Inside, typed: str) -> None:
    assert inside.must(*typed.split(" ")).stdout
