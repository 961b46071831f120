"""Amounts and costs as they stand on the review: short enough to read, and never more than there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2send.cli.money import shorter
from l2send.core.units import Amount
from tests.bridges.registry import TARGET

USDC, ETH = TARGET.tokens[0], TARGET.native


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (Amount(123456789012345678, ETH), "0.123456… ETH"),
        (Amount(1, ETH), "0.000000… ETH"),
        (Amount(10**18, ETH), "1 ETH"),
        (Amount(1_000_001, USDC), "1.000001 USDC"),
    ],
)
def test_an_amount_has_six_decimals_and_says_what_is_left_out(amount: Amount, shown: str) -> None:
    assert shorter(amount) == shown


@given(st.integers(0, 10**30))
def test_it_is_rounded_down(units: int) -> None:
    number = shorter(Amount(units, ETH)).split()[0].rstrip("…")
    assert float(number) <= units / 10**18 * (1 + 1e-12)
    assert len(number.partition(".")[2]) <= 6
