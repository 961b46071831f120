"""Why ways are not used, in lines."""

from __future__ import annotations

from l2send.resolver.quotes import without_repeats


def test_what_differs_by_its_amounts_alone_is_said_once() -> None:
    lines = (
        "dev2 by eco: Devnet 2 needs up to 0.000262 ETH for fees, you hold 0 ETH.",
        "dev3 by eco: Devnet 3 needs up to 0.000262 ETH for fees, you hold 0 ETH.",
        "dev2 by eco: Devnet 2 needs up to 0.000260 ETH for fees, you hold 0 ETH.",
        "dev2 by eco: left out, it would deliver 1 USDC for $3.10.",
        "dev2 by eco: left out, it would deliver 2 USDC for $3.20.",
    )
    assert without_repeats(lines) == (*lines[:2], lines[3])
