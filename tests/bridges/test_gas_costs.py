"""Gas limits where a node cannot simulate."""

from __future__ import annotations

from l2send.bridges.gas_costs import UNSIMULATED
from l2send.core.plan import StepKind

FIRST_ORDER_AT_HYPERLANE7683 = 525_125
"""Of a new sender with USDC, behind two proxies: seen with the real contracts."""


def test_an_order_that_is_not_simulated_has_gas_for_the_dearest_opening() -> None:
    assert UNSIMULATED[StepKind.OPEN] >= FIRST_ORDER_AT_HYPERLANE7683 * 6 // 5
