"""A pytest plugin that records which lines of some files each test runs, and for how long: see mutate.py.

`TRACED` names the files, separated by colons; `TRACE` the JSON file that is written at the end.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

_files = {str(Path(name).resolve()): name for name in os.environ["TRACED"].split(":")}
_names: dict[str, str | None] = {}
_tests: dict[str, dict[str, Any]] = {}
_lines: set[tuple[str, int]] = set()


def _trace(frame: FrameType, event: str, _: object) -> Any:
    path = frame.f_code.co_filename
    if path not in _names:
        _names[path] = _files.get(str(Path(path).resolve()))
    name = _names[path]
    if name is None:
        return None
    if event == "line":
        _lines.add((name, frame.f_lineno))
    return _trace


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Trace one test, with its fixtures."""
    _lines.clear()
    began = time.monotonic()
    sys.settrace(_trace)
    threading.settrace(_trace)
    try:
        yield
    finally:
        sys.settrace(None)
        threading.settrace(None)
    lines = sorted(f"{name}:{line}" for name, line in _lines)
    _tests[item.nodeid] = {"seconds": time.monotonic() - began, "lines": lines}


def pytest_sessionfinish() -> None:
    """Write all of it down."""
    Path(os.environ["TRACE"]).write_text(json.dumps(_tests))
