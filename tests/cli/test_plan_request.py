"""Amounts as people type them at a question that names the token already."""

from __future__ import annotations

import pytest

from l2send.cli.plan_request import is_max, without_symbol
from l2send.core.errors import BadAmount
from l2send.core.units import ChainId, Token, parse_amount

CHAIN = ChainId(1)
USDC = Token(CHAIN, None, "USDC", 6)
INCH = Token(CHAIN, None, "1INCH", 18)


@pytest.mark.parametrize(
    ("typed", "token", "amount"),
    [
        ("25", USDC, "25"),
        (" 25 USDC ", USDC, "25"),
        ("25usdc", USDC, "25"),
        ("max USDC", USDC, "max"),
        ("25 ETH", USDC, "25 ETH"),
        ("USDC", USDC, "USDC"),
        ("25 1inch", INCH, "25"),
        ("251INCH", INCH, "251INCH"),
    ],
)
def test_the_symbol_behind_an_amount_says_nothing_new(typed: str, token: Token, amount: str) -> None:
    assert without_symbol(typed, token) == amount


def test_all_of_it() -> None:
    assert is_max(without_symbol("ALL usdc", USDC))


def test_separators_are_named_only_where_there_was_one() -> None:
    hints = {}
    for typed in ("25 ETH", "1 000", "1_000"):
        with pytest.raises(BadAmount) as refused:
            parse_amount(typed, USDC)
        hints[typed] = "separators" in refused.value.hint
    assert hints == {"25 ETH": False, "1 000": True, "1_000": True}
