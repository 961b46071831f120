"""How far a long look is: counted where answers come in, read where a person waits for them."""

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
        """So many more answers are expected. Another kind of answer starts from zero."""
        if what != self.what:
            self.what, self.answered, self.asked = what, 0, 0
        self.asked += number

    def answer(self, what: str) -> None:
        """One more has answered, or failed."""
        if what == self.what:
            self.answered += 1


_current: ContextVar[Count | None] = ContextVar("count", default=None)


def counted() -> Count:
    """What counts the answers of the task that asks; outside of `counting`, a count that nothing reads."""
    return _current.get() or Count()


@contextmanager
def counting() -> Iterator[Count]:
    """A count of all that is asked inside."""
    count = Count()
    token = _current.set(count)
    try:
        yield count
    finally:
        _current.reset(token)
