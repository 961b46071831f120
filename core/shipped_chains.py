"""Loads the registry that ships with l2send."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from l2send.core.errors import UnknownChain

_NAMED = 4
"""How many local chains a refusal names."""


@cache
def shipped_tables() -> dict[str, Any]:
    """The tables of chains.toml. Copy them before you change them: they are parsed once per process."""
    return tomllib.loads((files("l2send") / "chains.toml").read_text(encoding="utf-8"))


def refuse_real(name: str, local: Sequence[str]) -> None:
    """Raises UnknownChain for the name of a shipped chain, where only the `local` chains of a devnet are used."""
    if name in local or name.lower() not in _names():
        return
    more = ", …" if len(local) > _NAMED else "."
    raise UnknownChain(
        f"{name[:40]} is a real chain, and the devnet has only local ones.",
        hint=f"The local chains are {', '.join(local[:_NAMED])}{more}",
    )


@cache
def _names() -> frozenset[str]:
    """Every name of every shipped chain, in lower case."""
    chains = shipped_tables()["chains"].items()
    return frozenset(
        name.lower() for short, entry in chains for name in (short, entry["name"], *entry.get("aliases", ()))
    )
