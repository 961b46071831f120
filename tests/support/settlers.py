"""Registries whose chains or settlers a test has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from l2send.core.chains import Chain, Registry
from l2send.core.settlers import AcrossSettlers, settlers_of, type_of


def with_settlers(chain: Chain, **settlers: Mapping[str, str | None]) -> Chain:
    """The chain with these entries in its registry, over those it has; None takes a field away."""
    return replace(chain, settlers=settlers_of(tables_of(chain, **settlers)))


def tables_of(chain: Chain, **changed: Mapping[str, str | None]) -> dict[str, dict[str, Any]]:
    """The entries of the chain as they stand in its chains.toml, some of them changed."""
    tables = dict[str, dict[str, Any]]()
    for name, entry in chain.settlers.items():
        written = {key: str(value) for key, value in asdict(entry).items() if value not in (None, "")}
        tables[name] = written if name == type_of(entry) else written | {"type": type_of(entry)}
    for name, new in changed.items():
        merged = {**tables.get(name, {}), **new}
        tables[name] = {key: value for key, value in merged.items() if value is not None}
    return tables


def across_of(chain: Chain) -> AcrossSettlers:
    """The entry of Across."""
    listed = chain.settlers_of("across", AcrossSettlers)
    assert listed
    return listed


def with_chains(registry: Registry, *chains: Chain) -> Registry:
    """`registry` with these chains in place of those with their names."""
    return replace(registry, by_name={**registry.by_name, **{c.short_name: c for c in chains}})
