"""Parses values that all quote APIs have: integers, as JSON numbers or decimal strings, times, refusals."""

from __future__ import annotations

import math
from typing import Any

from l2send.core.text import clean
from l2send.core.units import Seconds, UnixTime

_DIGITS = 78
_LONGEST_REASON = 120


def parse_uint(value: Any) -> int:
    """An integer from 0 to 2^256 - 1. Raises TypeError, ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    if isinstance(value, str) and not (value.isascii() and value.isdecimal() and len(value) <= _DIGITS):
        raise ValueError
    number = int(value)
    if not 0 <= number < 2**256:
        raise ValueError
    return number


def positive(value: Any) -> int:
    """An integer from 1 to 2^256 - 1. Raises TypeError, ValueError."""
    number = parse_uint(value)
    if not number:
        raise ValueError
    return number


def parse_duration(value: Any) -> Seconds:
    """An estimated duration of at least 0 s, rounded up. Raises TypeError, ValueError."""
    return Seconds(parse_uint(math.ceil(value) if _is_fraction(value) else value))


def parse_time(value: Any) -> UnixTime:
    """An expiry time, rounded down to whole seconds. Raises TypeError, ValueError."""
    return UnixTime(parse_uint(math.floor(value) if _is_fraction(value) else value))


def _is_fraction(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value) and value >= 0


def reason(body: Any) -> str:
    """The reason of a refused request, cleaned."""
    said = body.get("message") or body.get("error") if isinstance(body, dict) else None
    return clean(str(said or ""), _LONGEST_REASON) or "no reason given"
