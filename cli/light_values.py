"""Parses values without pydantic: Typer uses it for every value, and importing it takes longer than most commands.

Words, paths and missing values are used unchanged; Typer's own parsing stays for everything else, and for every error.
tests/packaging/test_start.py fails with a Typer in which this has no effect.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer.core
from typer._coercion import build_runtime_param


def read_values_lightly() -> None:
    """Let the pinned Typer parse plain values without pydantic in this process."""
    typer.core.build_runtime_param = _Lightly  # type: ignore[assignment, attr-defined]


class _Lightly:
    """Replaces Typer's converter from a parameter's words to its value."""

    def __init__(self, descriptor: Any) -> None:
        self._descriptor = descriptor

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value of `param`. Raises BadParameter."""
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        plain = self._plain(value, several=several)
        return build_runtime_param(self._descriptor).coerce(value, param=param, ctx=ctx) if plain is None else plain

    def _plain(self, value: Any, *, several: bool) -> Any:
        """The value if it is a word, a list of words, a path or already of the right type; else None."""
        kind = self._descriptor.annotation
        if several:
            words = isinstance(value, list | tuple) and all(isinstance(word, str) for word in value)
            return value if words and kind == list[str] else None
        if kind is Path and isinstance(value, str) and not self._is_checked:
            return Path(value)
        return value if type(value) is kind and kind in {str, float, int} and not self._descriptor.is_ranged else None

    @property
    def _is_checked(self) -> bool:
        """Whether Typer checks a path before it passes it on."""
        info = self._descriptor.parameter_info
        return bool(info.exists or info.resolve_path or info.writable)
