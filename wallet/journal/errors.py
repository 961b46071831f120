"""Errors of the journal: mistakes of the caller, and what other programs did to its file or its server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from l2send.core.errors import ConfigError, ExitStatus, L2sendError

T = TypeVar("T")
_TIMES = 3


class IllegalMove(L2sendError):
    """A move between states that the tables do not allow: a defect of the caller."""


class ChangedMeanwhile(L2sendError):
    """Another process moved this record first; read it again."""

    exit_status = ExitStatus.CHANGED
    retryable = True

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="See how far it got with `l2send status`, then decide again.")


class JournalBusy(ConfigError):
    """Another program holds the journal's file for too long."""

    exit_status = ExitStatus.CHANGED
    retryable = True


class JournalReplaced(ConfigError):
    """The journal is not the one that was opened, or not the one that was used here last."""

    exit_status = ExitStatus.CHANGED


class JournalLost(ConfigError):
    """The connection to the journal's server ended, and with it the locks: this process signs nothing more."""

    exit_status = ExitStatus.NETWORK
    retryable = True


async def again_if_changed(work: Callable[[], Awaitable[T]]) -> T:
    """`work`, repeated if another process moved its record first: only for work that reads the journal each time.

    Raises ChangedMeanwhile if that keeps happening.
    """
    for _ in range(_TIMES - 1):
        try:
            return await work()
        except ChangedMeanwhile:
            continue
    return await work()
