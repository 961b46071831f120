"""The registry that ships with l2send, as its file has it."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def shipped_tables() -> dict[str, Any]:
    """The tables of chains.toml. Copy them before you change them: parsing takes long, so a process does it once."""
    return tomllib.loads((files("l2send") / "chains.toml").read_text(encoding="utf-8"))
