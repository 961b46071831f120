"""Amounts: exact, in one grammar."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l2send.core.errors import BadAmount
from l2send.core.units import Amount, ChainId, Token, format_units, parse_amount

USDC = Token(ChainId(1), None, "USDC", 6)


@pytest.mark.parametrize(
    ("text", "units"),
    [("25", 25_000_000), ("0.5", 500_000), ("0.000001", 1), ("007", 7_000_000), ("1.500000", 1_500_000)],
)
def test_reads_plain_decimals(text: str, units: int) -> None:
    assert parse_amount(text, USDC).units == units


REFUSED = """1e3 1_000 \uff11 1,5 1.304,53 -1 +1 0 0.0 .5 5. 0x10 NaN Infinity 1.2.3 \u0663 1.1234567 1\u200b \u00bd"""


@pytest.mark.parametrize("text", [*REFUSED.split(" "), "", " 1", "1 ", "1\n", str(2**256), "9" * 400])
def test_refuses_everything_else(text: str) -> None:
    with pytest.raises(BadAmount):
        parse_amount(text, USDC)


@given(units=st.integers(1, 2**256 - 1), decimals=st.integers(0, 36))
@settings(max_examples=1000)
def test_printing_and_reading_change_nothing(units: int, decimals: int) -> None:
    token = Token(ChainId(1), None, "T", decimals)
    assert parse_amount(format_units(units, decimals), token).units == units


@given(st.text(max_size=30))
@settings(max_examples=1000)
def test_any_text_is_read_exactly_or_refused(text: str) -> None:
    try:
        amount = parse_amount(text, USDC)
    except BadAmount:
        return
    assert text.isascii()
    assert amount.units == Fraction(text) * 10**6


def test_the_same_value_on_a_chain_with_other_decimals_is_rounded_up() -> None:
    wide = Token(ChainId(56), None, "USDC", 18)
    assert Amount(1, USDC).in_units_of(wide) == 10**12
    assert Amount(10**12 + 1, wide).in_units_of(USDC) == 2


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1,000.50", "1000.50"),
        ("1.000,50", "1000.50"),
        ("1,5", "1.5"),
        ("12,345,678", "12345678"),
        ("1,000", "1000 or 1.000"),
        ("1,00,0", "1304.53"),
        (",", "1304.53"),
    ],
)
def test_what_an_amount_with_commas_may_mean_is_named_and_not_taken(text: str, meant: str) -> None:
    with pytest.raises(BadAmount) as refused:
        parse_amount(text, USDC)
    assert refused.value.hint == f"Use a point for decimals and no separators: {meant}"
