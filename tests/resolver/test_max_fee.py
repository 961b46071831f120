"""`--max-fee` as it is typed."""

from __future__ import annotations

import math

import pytest

from l2send.core.errors import UsageError
from l2send.resolver.max_fee import parse_max_fee


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", (3.0, None)),
        ("3%", (3.0, None)),
        ("0.5%", (0.5, None)),
        ("2usd", (math.inf, 2.0)),
        ("2USD", (math.inf, 2.0)),
    ],
)
def test_limits_as_people_write_them(text: str, expected: tuple[float, float | None]) -> None:
    assert parse_max_fee(text) == expected


@pytest.mark.parametrize("text", ["", "-1", "1e3", "2 usd", "2eur", "$2", "nan", "\uff13", "%"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a limit"):
        parse_max_fee(text)
