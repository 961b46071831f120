"""The sender's limits on ways to pay, and the price of a minute of waiting."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique

from l2send.core.errors import UsageError

DEFAULT_MAX_FEE_PERCENT = 5.0
DEFAULT_MAX_FEE = f"{DEFAULT_MAX_FEE_PERCENT:g}%"
"""The default of --max-fee, as it is typed."""
_CAP = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(%|usd)?", re.ASCII)


@unique
class Speed(StrEnum):
    """How fees and time are weighed."""

    CHEAP = "cheap"
    BALANCED = "balanced"
    FAST = "fast"


USD_PER_MINUTE: Mapping[Speed, float] = {Speed.CHEAP: 0.0, Speed.BALANCED: 0.01, Speed.FAST: 1.0}
"""What a minute of waiting adds to the cost when ways are compared."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the sender allows. Empty means no limit."""

    max_fee_percent: float = DEFAULT_MAX_FEE_PERCENT
    """The most that bridges may take, in percent of the amount."""
    max_fee_usd: float | None = None
    """The most that all fees may cost together, including network fees."""
    from_chains: tuple[str, ...] = ()
    via: str = ""
    speed: Speed = Speed.BALANCED
    batch: bool = False
    """Whether the account may delegate in the transaction that pays, so that it makes several calls (EIP-7702)."""

    @property
    def usd_per_minute(self) -> float:
        """The price of a minute of waiting."""
        return USD_PER_MINUTE[self.speed]


def parse_max_fee(text: str) -> tuple[float, float | None]:
    """`3` or `3%`: percent that bridges may take. `2usd`: dollars for all fees. In the form of `Limits`.

    A limit in dollars replaces the usual limit in percent. Raises UsageError.
    """
    match = _CAP.fullmatch(text.strip().lower())
    if not match:
        raise UsageError(
            f"not a limit for fees: {text[:20]!r}.", hint="Write percent, --max-fee 3%, or --max-fee 2usd."
        )
    number = float(match[1])
    return (math.inf, number) if match[2] == "usd" else (number, None)
