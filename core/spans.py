"""Spans of time as people type them: `90s`, `30m`, `2h`, `3d`."""

from __future__ import annotations

import re

from l2send.core.units import Seconds

_SPAN = re.compile(r"([0-9]{1,6}) ?(s|m|min|h|d)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}


def parse_span(text: str) -> Seconds | None:
    """The seconds of a typed span; None if it is none."""
    span = _SPAN.fullmatch(text.strip().lower())
    return Seconds(int(span[1]) * _SECONDS[span[2]]) if span else None
