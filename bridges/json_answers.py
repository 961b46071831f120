"""What answers of quote APIs have in common: whole numbers, as JSON numbers or as decimal strings, and refusals."""

from __future__ import annotations

from typing import Any

from l2send.core.text import clean

_DIGITS = 78
_LONGEST_REASON = 120


def natural(value: Any) -> int:
    """A whole number from 0 to 2^256 - 1. Raises TypeError, ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    if isinstance(value, str) and not (value.isascii() and value.isdecimal() and len(value) <= _DIGITS):
        raise ValueError
    number = int(value)
    if not 0 <= number < 2**256:
        raise ValueError
    return number


def positive(value: Any) -> int:
    """A whole number from 1 to 2^256 - 1. Raises TypeError, ValueError."""
    number = natural(value)
    if not number:
        raise ValueError
    return number


def reason(body: Any) -> str:
    """Why a request was refused, cleaned."""
    said = body.get("message") or body.get("error") if isinstance(body, dict) else None
    return clean(str(said or ""), _LONGEST_REASON) or "no reason given"
