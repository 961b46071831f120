"""Times and durations for display: in this machine's time zone, with the date if it is not today."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

_UTC = re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\b")


_MOVED = 60.0
"""Seconds by which a clock differs that was moved: heads of chains that run by this machine's are younger."""
_ahead = [0.0]
"""Seconds by which the clock is ahead that distances are counted from."""


def count_from(seconds_ahead: float) -> None:
    """Count distances from a clock that is this far ahead of this machine's; 0: from this machine's."""
    _ahead[0] = seconds_ahead if abs(seconds_ahead) >= _MOVED else 0.0


def local_times(text: str, now: float | None = None) -> str:
    """A sentence of the journal, with its UTC times in the format of `moment`."""

    def local(found: re.Match[str]) -> str:
        try:
            return moment(datetime.strptime(found[0], "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC).timestamp(), now)
        except ValueError:
            return found[0]

    return _UTC.sub(local, text)


def duration(seconds: float) -> str:
    """A duration in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"


def moment(at: float, now: float | None = None) -> str:
    """A moment (UNIX time) with its distance from now, `11:17 today, in 58 min`: by the chains' clocks, if moved."""
    now = time.time() + _ahead[0] if now is None else now
    far = duration(abs(at - now))
    return f"{clock(at, now)}, {f'in {far}' if at > now else f'{far} ago'}"


def clock(at: float, now: float | None = None) -> str:
    """A moment by this machine's clock: `11:17 today`, `11:17 on 12 Nov`; with the year if it differs."""
    now = time.time() if now is None else now
    try:
        local, today = _local(at), _local(now)
    except (OverflowError, OSError, ValueError):  # A node may return any time.
        return f"the second {at:.0f} since 1970"
    if local.date() == today.date():
        return f"{local:%H:%M} today"
    if local.date() == today.date() + timedelta(days=1):
        return f"{local:%H:%M} tomorrow"
    return f"{local:%H:%M} on {day(at, now)}"


def day(at: float, now: float | None = None) -> str:
    """A date: `today`, `12 Nov`, `12 Nov 2025`."""
    local, today = _local(at), _local(time.time() if now is None else now)
    if local.date() == today.date():
        return "today"
    return f"{local.day} {local:%b}" if local.year == today.year else f"{local.day} {local:%b %Y}"


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone()
