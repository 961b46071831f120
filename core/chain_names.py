"""Suggestions for a name that matches no chain or no token."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping

_MOST = 4
_NEAR = 0.6


def nearest(wanted: str, names: Mapping[str, str], testnets: Collection[str]) -> list[str]:
    """Short names of the chains that `wanted` may mean, mainnets first.

    `names` maps every name, in lower case, to the short name of its chain; `testnets` are short names.
    """
    low = wanted.lower()
    begins = [name for name in names if len(low) >= 2 and _begin_alike(name, low)]
    near = difflib.get_close_matches(low, names, n=6, cutoff=_NEAR)
    meant = dict.fromkeys(names[name] for name in [*begins, *near])
    return sorted(meant, key=lambda short_name: short_name in testnets)[:_MOST]


def _begin_alike(name: str, typed: str) -> bool:
    return name.startswith(typed) or (len(name) >= 3 and typed.startswith(name))


def symbol_meant(typed: str, symbols: Iterable[str]) -> str:
    """The symbol that `typed` is, in any case or with its letters in another order; else `typed`."""
    known = list(dict.fromkeys(symbols))
    exact = (symbol for symbol in known if symbol.lower() == typed.lower())
    return next(exact, None) or next((symbol for symbol in known if same_letters(symbol, typed)), typed)


def same_letters(one: str, other: str) -> bool:
    """Whether two symbols differ only in the order of their letters and in punctuation."""
    first, second = (sorted(c for c in symbol.upper() if c.isalnum()) for symbol in (one, other))
    return first == second
