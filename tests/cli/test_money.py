"""Amounts and costs on the review, short and never overstated; and what a payment cost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2send.cli.money import cost_paid, shorter, total_cost, total_paid
from l2send.core.plan import BRIDGE_FEE, Fee
from l2send.core.units import Amount
from l2send.wallet.fees_paid import NETWORK_FEE, FeesPaid
from tests.bridges.registry import ORIGIN, TARGET

USDC, ETH = TARGET.tokens[0], TARGET.native
GAS = Fee(NETWORK_FEE, Amount(10**14, ETH), 0.31)
BRIDGE = Fee(BRIDGE_FEE, Amount(600_000, USDC), 0.6)


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


@pytest.mark.parametrize(
    ("fees", "is_whole", "said"),
    [
        ((GAS, BRIDGE), True, "$0.91 as paid (quoted $0.92): bridge 0.6 USDC ($0.60), gas 0.0001 ETH ($0.31)"),
        ((GAS, BRIDGE), False, "$0.91 so far (quoted $0.92): bridge 0.6 USDC ($0.60), gas 0.0001 ETH ($0.31)"),
        ((GAS,), True, "$0.31 as paid (quoted $0.92): gas 0.0001 ETH"),
        ((Fee(NETWORK_FEE, Amount(10**14, ETH), None),), False, "0.0001 ETH so far (quoted $0.92), for gas"),
        ((), False, ""),
    ],
)
def test_what_it_cost_and_whether_that_is_all(fees: tuple[Fee, ...], is_whole: bool, said: str) -> None:
    assert cost_paid(FeesPaid(fees, is_whole), "$0.92") == said
    assert said.startswith(total_cost(FeesPaid(fees, is_whole)))


def test_the_coin_of_two_chains_is_one_sum() -> None:
    other = Fee(NETWORK_FEE, Amount(10**14, ORIGIN.native), 0.31)
    assert cost_paid(FeesPaid((GAS, other), is_whole=True)) == "$0.62 as paid: gas 0.0002 ETH"


def test_a_cost_is_rounded_to_six_decimals() -> None:
    for units, shown in ((207_444_001_452_108, "0.000207"), (10**18, "1"), (1, "under 0.000001")):
        paid = cost_paid(FeesPaid((Fee(NETWORK_FEE, Amount(units, ETH), 0.31),), is_whole=True))
        assert paid == f"$0.31 as paid: gas {shown} ETH"


def test_what_several_payments_cost_is_one_sum_for_each_kind_and_coin() -> None:
    paid = total_paid([FeesPaid((GAS, BRIDGE), is_whole=True), FeesPaid((GAS,), is_whole=True)])
    assert paid.fees == (Fee(NETWORK_FEE, Amount(2 * 10**14, ETH), 0.62), BRIDGE)
    assert cost_paid(paid) == "$1.22 as paid: bridge 0.6 USDC ($0.60), gas 0.0002 ETH ($0.62)"
    unknown = Fee(NETWORK_FEE, Amount(1, ETH), None)
    assert " so far: " in cost_paid(total_paid([paid, FeesPaid((unknown,), is_whole=False)]))
