"""Refusals of ways that cost too much: they name the least that makes sense, and the most that can be paid."""

from __future__ import annotations

from l2send.core.units import Amount, ChainId, Token
from l2send.resolver.over_max_fee import sensible

USDC = Token(ChainId(1), None, "USDC", 6)
LEAST, MOST, NOTHING = (Amount(units, USDC) for units in (2_000_000, 49_000_000, 0))


def test_each_bound_that_is_known_is_said() -> None:
    least = "The smallest amount that makes sense here is about 2 USDC."
    assert sensible(LEAST, MOST) == [least, "The most that can be paid now is 49 USDC."]
    assert sensible(LEAST, None) == [least]
    assert sensible(None, MOST) == ["The most that can be paid now is 49 USDC."]
    assert sensible(LEAST, NOTHING) == [least, "Nothing that you hold can be paid there within the limit on fees."]
