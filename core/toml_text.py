"""Parses TOML written by people. Text that would crash a parser is refused like any other mistake."""

from __future__ import annotations

import tomllib
from typing import Any

from l2send.core.json_text import refuse_deep_nesting


def parse_toml(text: str) -> dict[str, Any]:
    """The document of a TOML text. Raises ValueError, also for deep nesting and for numbers of thousands of digits."""
    with refuse_deep_nesting("TOML"):
        return tomllib.loads(text)
