"""The block in which a counter rose, in any history of the chain."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from l2send.core.errors import NodeError
from l2send.core.first_block import first_block_above
from l2send.core.units import BlockNumber

ENOUGH = 60
"""Looks: twice the logarithm of the highest head, and a few."""


@given(st.integers(1, 2**26), st.integers(0, 2**26), st.integers(0, 2**26))
def test_the_block_is_found_in_few_looks(rose: int, since: int, kept: int) -> None:
    """Or None if a look needs state that is not kept."""
    head, looks = rose + since, list[int]()

    async def count(number: int) -> int:
        looks.append(number)
        if number < head - kept:
            raise NodeError("missing trie node")
        return 7 if number >= rose else 6

    found = asyncio.run(first_block_above(count, 6, BlockNumber(head)))
    assert found == rose or (found is None and min(looks) < head - kept)
    assert len(looks) <= ENOUGH
