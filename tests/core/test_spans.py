"""Spans of time as people type them."""

from __future__ import annotations

import pytest

from l2send.core.spans import parse_span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("10 MIN", 600), (" 2h ", 7200), ("3d", 259_200), ("0s", 0)]
    + [(text, None) for text in ("", "10", "m", "-5m", "1.5h", "5 weeks", "٣h", "1234567s")],
)
def test_a_span(text: str, seconds: int | None) -> None:
    assert parse_span(text) == seconds
