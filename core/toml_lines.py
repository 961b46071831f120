"""Finds the line of a key in a TOML text, which tomllib does not report."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence

Path = Sequence[str | int]
"""Keys and list indexes from the top: `("chains", "base", "tokens", 0, "symbol")`."""

_HEADER = re.compile(r"\s*(\[{1,2})([^\[\]]+)\]")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")


def line_of(text: str, path: Path) -> int:
    """The line, counted from 1, that sets `path`, or else the nearest line above it; 1 if there is none."""
    places = _places(text)
    wanted = tuple(path)
    while wanted:
        if wanted in places:
            return places[wanted]
        wanted = wanted[:-1]
    return 1


def _places(text: str) -> dict[tuple[str | int, ...], int]:
    """The line of every table and key on its own line."""
    places = dict[tuple[str | int, ...], int]()
    counts = dict[tuple[str | int, ...], int]()
    table: tuple[str | int, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        header, key = _HEADER.match(line), _KEY.match(line)
        if header:
            table = _inside(_keys(header[2]), counts)
            if header[1] == "[[":
                position = counts.get(table, 0)
                counts[table] = position + 1
                table = (*table, position)
            for length in range(1, len(table) + 1):
                places.setdefault(table[:length], number)
        elif key:
            places.setdefault((*table, *_keys(key[1])), number)
    return places


def _inside(keys: tuple[str, ...], counts: dict[tuple[str | int, ...], int]) -> tuple[str | int, ...]:
    """The path of a table, through the last entry of each list of tables."""
    path: tuple[str | int, ...] = ()
    for place, key in enumerate(keys):
        path = (*path, key)
        if path in counts and place < len(keys) - 1:
            path = (*path, counts[path] - 1)
    return path


def _keys(dotted: str) -> tuple[str, ...]:
    """The keys of `a."b.c".d`; empty for an invalid key, which tomllib has refused already."""
    try:
        content = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    keys = list[str]()
    while isinstance(content, dict):
        ((key, content),) = content.items()
        keys.append(key)
    return tuple(keys)
