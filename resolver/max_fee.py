"""What `--max-fee` may say, and what it says if it is left out."""

from __future__ import annotations

import math
import re

from l2send.core.errors import UsageError

DEFAULT_MAX_FEE_PERCENT = 5.0
DEFAULT_MAX_FEE = f"{DEFAULT_MAX_FEE_PERCENT:g}%"
"""The default of --max-fee, as it is typed."""
_LIMIT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(%|usd)?", re.ASCII)


def parse_max_fee(text: str) -> tuple[float, float | None]:
    """`3` or `3%`: percent that bridges may take. `2usd`: dollars for all fees. The first two fields of `Limits`.

    A limit in dollars replaces the default limit in percent. Raises UsageError.
    """
    match = _LIMIT.fullmatch(text.strip().lower())
    if not match:
        raise UsageError(
            f"not a limit for fees: {text[:20]!r}.", hint="Write percent, --max-fee 3%, or --max-fee 2usd."
        )
    number = float(match[1])
    return (math.inf, number) if match[2] == "usd" else (number, None)
