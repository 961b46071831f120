"""What is known about a fee before the gas limit is known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from l2send.core import fees
from l2send.core.fees import L1Fee
from l2send.core.units import Gas, Wei

SCALARS = st.integers(0, 2**32 - 1)
CONSTANTS = st.integers(0, 2**64 - 1)
GAS = st.integers(0, 60_000_000)


@given(SCALARS, CONSTANTS, GAS)
def test_an_operator_fee_of_isthmus_is_never_more_than_was_said(scalar: int, constant: int, gas: int) -> None:
    """Of two answers of the oracle; what is said is the charge, rounded up to a wei."""

    def charged(amount: int) -> int:
        return amount * scalar // 10**6 + constant

    said = L1Fee(Wei(0), Wei(charged(0)), Wei(charged(fees._FULL))).most(Gas(gas))
    assert 0 <= said - charged(gas) <= 1


@given(SCALARS, CONSTANTS, GAS)
def test_an_operator_fee_of_jovian_is_said_exactly(scalar: int, constant: int, gas: int) -> None:
    def charged(amount: int) -> int:
        return amount * scalar * 100 + constant

    fee = L1Fee(Wei(1000), Wei(charged(0)), Wei(charged(fees._FULL)))
    assert fee.most(Gas(gas)) == 1000 + charged(gas)
