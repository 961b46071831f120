"""The parts of a payment request besides place and amount: who requests, for what, until when.

A payment link cannot hold these: ERC-681 has only `value`, `gas` and the arguments of a call. So they are shown on the
screen, on the deposit page and in JSON.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from l2send.core.errors import UsageError
from l2send.core.spans import parse_span
from l2send.core.text import clean
from l2send.core.units import UnixTime

_LONGEST = 100


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """Fields that were not given are empty or None."""

    payee: str = ""
    reference: str = ""
    expires: UnixTime | None = None
    """By this machine's clock."""


def payment_request(payee: str, reference: str, expires: str) -> PaymentRequest:
    """The typed values, parsed. Raises UsageError."""
    until = expiry(expires) if expires else None
    return PaymentRequest(clean(payee, _LONGEST), clean(reference, _LONGEST), until)


def expiry(text: str) -> UnixTime:
    """`30m`, `2h`, `3d` from now, or an ISO 8601 time, in UTC by default. Raises UsageError."""
    now, span = time.time(), parse_span(text)
    if span is not None:
        at = now + span
    else:
        try:
            found = datetime.fromisoformat(text.strip())
        except ValueError:
            raise UsageError(
                f"not a time: {clean(text, 40)!r}.", hint="Write 30m, 2h, 3d, or 2026-11-22T18:00 for a time in UTC."
            ) from None
        at = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    if at <= now:
        raise UsageError(f"{clean(text, 40)!r} is past already.", hint="Name a time to come, for example 30m.")
    return UnixTime(int(at))


def utc(at: UnixTime) -> str:
    """A moment in UTC: `2026-11-22 18:00 UTC`."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
