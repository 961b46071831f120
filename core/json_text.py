"""Reads JSON that comes from outside: answers of nodes and quote APIs, files. Refuses what is nested too deeply.

py_ecc, which eth_account imports, raises Python's recursion limit to 100,000 for the whole process. On Python 3.11
that is more than the C stack holds: 100 kB of `[` from a node would end the process in the middle of a payment.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_DEEPEST = 2_000
"""Frames of the interpreter, those of the caller included; real documents need about ten."""


def parse_json(text: str | bytes, **hooks: Any) -> Any:
    """The value of a JSON text; `hooks` as json.loads takes them. Raises ValueError, for deep nesting too."""
    with refuse_deep_nesting("JSON"):
        return json.loads(text, **hooks)


@contextmanager
def refuse_deep_nesting(what: str) -> Iterator[None]:
    """While the context lasts, a parser that recurses too deep is stopped. Raises ValueError then, naming `what`."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(min(limit, _DEEPEST))
    try:
        yield
    except RecursionError:
        raise ValueError(f"the {what} is nested too deeply") from None
    finally:
        sys.setrecursionlimit(limit)
