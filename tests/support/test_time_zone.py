from __future__ import annotations

import time

import pytest

from tests.support.time_zone import in_the_morning


@pytest.mark.parametrize("hour", range(24))
def test_tests_never_cross_midnight(hour: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_790_000_000 // 86_400 * 86_400 + hour * 3600 + 1800
    monkeypatch.setenv("TZ", in_the_morning(now))
    time.tzset()
    try:
        assert time.localtime(now)[3:5] == (9, 30)
    finally:
        monkeypatch.undo()
        time.tzset()
