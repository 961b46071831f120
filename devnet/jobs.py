"""A solver's tasks and their results: the part that Eco's orders and Across's deposits share."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from l2send.devnet.modes import Mode


class Task(Protocol):
    """Money locked on one chain for the account that pays on another."""

    @property
    def hash(self) -> bytes:
        """Its id on both chains."""
        ...

    @property
    def origin(self) -> int:
        """The chain that holds the money."""
        ...

    @property
    def destination(self) -> int:
        """The recipient's chain."""
        ...


T = TypeVar("T", bound=Task)


@dataclass
class Job(Generic[T]):
    """A task seen in a block of its origin."""

    task: T
    block_hash: str
    seen: float = field(default_factory=time.monotonic)
    """`time.monotonic()` when it was first seen."""
    state: str = "open"
    """open | filled | refused; a deposit also refunded"""
    reason: str = ""
    """Why it was refused, or filled but not paid."""
    underfilled: bool = False
    transactions: dict[str, str] = field(default_factory=dict[str, str])
    """Step -> transaction hash: fulfill, prove, withdraw; fill, repay, refund; underfill."""

    def is_due(self, mode: Mode, delay_seconds: float) -> bool:
        """Whether a solver in that mode fills it now."""
        if mode is Mode.IGNORE or (mode is Mode.UNDERFILL and self.underfilled):
            return False
        return mode is not Mode.DELAY or time.monotonic() >= self.seen + delay_seconds

    def stop(self, error: Exception) -> None:
        """Record why it stopped: an open one becomes refused."""
        self.reason = str(error)
        self.state = "refused" if self.state == "open" else self.state
        say(f"0x{self.task.hash.hex()} of chain {self.task.origin} {self.state}: {error}")

    def report(self, name: str) -> dict[str, Any]:
        """For the control endpoint; `name` is the key of its hash there."""
        return {
            name: "0x" + self.task.hash.hex(),
            "origin": self.task.origin,
            "destination": self.task.destination,
            "state": self.state,
            "reason": self.reason,
            "transactions": dict(self.transactions),
        }


def note(jobs: dict[bytes, Job[T]], task: T, block_hash: str) -> None:
    """Remember a task seen in that block. A refused task is judged again once it is in another block: a reorganisation
    had removed the first one, and the money with it."""
    job = jobs.setdefault(task.hash, Job(task, block_hash))
    if job.block_hash == block_hash:
        return
    job.block_hash = block_hash
    if job.state == "refused":
        job.state, job.reason = "open", ""


def say(text: str) -> None:
    """Write to the solver's log."""
    print(text, file=sys.stderr, flush=True)
