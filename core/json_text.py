"""Parses JSON from outside: answers of nodes and quote APIs, files. Refuses deep nesting.

py_ecc, which eth_account imports, raises Python's recursion limit to 100,000 for the whole process. On Python 3.11 that
exceeds the C stack: 100 kB of `[` from a node would crash the process during a payment.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_DEEPEST = 2_000
"""Interpreter frames, including the caller's; real documents need about ten."""


def parse_json(text: str | bytes, **hooks: Any) -> Any:
    """The value of a JSON text; `hooks` are those of json.loads. Raises ValueError, also for deep nesting."""
    with refuse_deep_nesting("JSON"):
        return json.loads(text, **hooks)


@contextmanager
def refuse_deep_nesting(what: str) -> Iterator[None]:
    """Limits a parser's recursion in the context. Raises ValueError then, naming `what`."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(min(limit, _DEEPEST))
    try:
        yield
    except RecursionError:
        raise ValueError(f"the {what} is nested too deeply") from None
    finally:
        sys.setrecursionlimit(limit)
