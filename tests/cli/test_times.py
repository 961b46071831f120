"""Times for display: with the date if it is not today, and the distance from now."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from l2send.cli.times import clock, count_from, day, duration, local_times, moment

NOON = 1_795_953_600  # 2026-11-29 12:00 UTC


@pytest.fixture(autouse=True)
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_date_is_said_when_it_is_not_today() -> None:
    assert clock(NOON, NOON) == "13:00 today"
    assert clock(NOON + 86_400, NOON) == "13:00 tomorrow"
    assert clock(NOON + 3 * 86_400, NOON) == "13:00 on 2 Dec"
    assert clock(NOON + 400 * 86_400, NOON) == "13:00 on 3 Jan 2028"
    assert (day(NOON, NOON), day(NOON - 17 * 86_400, NOON)) == ("today", "12 Nov")


def test_a_deadline_in_another_century_is_seen() -> None:
    assert moment(NOON + 80 * 365 * 86_400, NOON) == "13:00 on 10 Nov 2106, in 29200 days"
    assert clock(2**63, NOON) == f"the second {2**63} since 1970"


def test_how_far_it_is() -> None:
    assert moment(NOON + 600, NOON) == "13:10 today, in 10 min"
    assert moment(NOON - 20, NOON) == "12:59 today, 20 s ago"
    assert [duration(s) for s in (12, 600, 7200, 3 * 86_400)] == ["12 s", "10 min", "2 h", "3 days"]


def test_distances_are_counted_from_a_clock_that_was_moved() -> None:
    in_three_hours = time.time() + 3 * 3600
    try:
        count_from(3 * 3600)
        assert moment(in_three_hours + 605).endswith(", in 10 min")
        count_from(12)
        assert moment(time.time() + 605).endswith(", in 10 min"), "a block's time is no moved clock"
        assert moment(in_three_hours + 605).endswith(", in 3 h")
    finally:
        count_from(0)


def test_times_in_a_sentence_of_the_journal_are_local_and_relative() -> None:
    said = "a solver may fill it until 2026-11-29 13:00:00 UTC; after 2026-11-30 13:00:05 UTC it can be refunded."
    told = "a solver may fill it until 14:00 today, in 60 min; after 14:00 tomorrow, in 25 h it can be refunded."
    assert local_times(said, NOON) == told
    for other in ("until 2026-13-29 13:00:00 UTC", "until then", ""):
        assert local_times(other, NOON) == other
