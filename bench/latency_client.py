"""Starts the process of latency.py, and reads its counts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_PROGRAM = Path(__file__).with_name("latency.py")


@dataclass(frozen=True, slots=True)
class Traffic:
    """What passed through since it was last asked."""

    requests: tuple[int, ...]
    """Per chain."""
    most_in_flight: int
    """Over all chains together."""
    busy: float
    """Seconds of processor time that counting and delaying took: a part of what is measured."""


class Delayed:
    """Chains behind a delay. Made by `delayed`."""

    def __init__(self, process: subprocess.Popen[str], delay: float, urls: Sequence[str]) -> None:
        self._process = process
        places = [urlsplit(url) for url in urls]
        task = {"delay": delay, "upstreams": [(place.hostname, place.port) for place in places]}
        self.urls = tuple(f"http://127.0.0.1:{port}" for port in self._ask(json.dumps(task)))
        """Of the same chains, in the same order."""

    def take(self) -> Traffic:
        """The traffic since the last call."""
        counts = self._ask("")
        return Traffic(tuple(counts["requests"]), counts["most_in_flight"], counts["busy"])

    def _ask(self, line: str) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def delayed(urls: Sequence[str], delay: float) -> Iterator[Delayed]:
    """Put `delay` seconds before every request to `urls`, for as long as the context lasts."""
    with subprocess.Popen(
        [sys.executable, "-I", str(_PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the process that started this, which then ends it
    ) as process:
        try:
            yield Delayed(process, delay, urls)
        finally:
            process.kill()
