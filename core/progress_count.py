"""Counts the answers to many concurrent requests, for the progress display."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Count:
    """Answers of one kind: `31 of 68 chains`."""

    what: str = ""
    answered: int = 0
    asked: int = 0

    def ask(self, what: str, number: int = 1) -> None:
        """Expect this many more answers. A new kind of answer starts from zero."""
        if what != self.what:
            self.what, self.answered, self.asked = what, 0, 0
        self.asked += number

    def answer(self, what: str) -> None:
        """Count one more answer or failure."""
        if what == self.what:
            self.answered += 1


_current: ContextVar[Count | None] = ContextVar("count", default=None)


def counted() -> Count:
    """The counter of the current task; outside of `counting`, one that nothing reads."""
    return _current.get() or Count()


@contextmanager
def counting() -> Iterator[Count]:
    """A counter of all requests made in the context."""
    count = Count()
    token = _current.set(count)
    try:
        yield count
    finally:
        _current.reset(token)
