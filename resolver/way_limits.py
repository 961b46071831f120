"""What the sender allows of the ways to pay: fees, chains, a bridge; and the price of a minute of waiting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique

from l2send.resolver.max_fee import DEFAULT_MAX_FEE_PERCENT


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
