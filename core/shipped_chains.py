"""Loads the registry that ships with l2send."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def shipped_tables() -> dict[str, Any]:
    """The tables of chains.toml. Copy them before you change them: they are parsed once per process."""
    return tomllib.loads((files("l2send") / "chains.toml").read_text(encoding="utf-8"))
