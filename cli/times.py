"""Times and durations as people read them."""

from __future__ import annotations


def duration(seconds: int) -> str:
    """Some time, in words."""
    if seconds < 90:
        return f"{seconds} s"
    return f"{round(seconds / 60)} min"
