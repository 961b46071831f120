"""The time zone of the tests."""

from __future__ import annotations


def in_the_morning(now: float) -> str:
    """A time zone, as TZ spells it (POSIX), in which it is between 9 and 10 in the morning. `now` is UNIX time."""
    return f"DAY{now // 3600 % 24 - 9:+03.0f}"
