"""Work that reads the journal each time is repeated if another process changed its record first."""

from __future__ import annotations

import asyncio

import pytest

from l2send.core.errors import ExitStatus
from l2send.wallet.journal.errors import ChangedMeanwhile, again_if_changed


@pytest.mark.parametrize(("changes", "ends"), [(0, True), (2, True), (3, False)])
def test_it_is_begun_again_a_few_times(changes: int, ends: bool) -> None:
    begun = 0

    async def work() -> str:
        nonlocal begun
        begun += 1
        if begun <= changes:
            raise ChangedMeanwhile("another l2send is working on p-22222222.")
        return "done"

    if ends:
        assert asyncio.run(again_if_changed(work)) == "done"
        return
    with pytest.raises(ChangedMeanwhile) as error:
        asyncio.run(again_if_changed(work))
    assert (error.value.exit_status, error.value.retryable, begun) == (ExitStatus.CHANGED, True, 3)
    assert "l2send status" in error.value.hint
