"""Errors of the journal: mistakes of its callers, and what other programs did to its file or server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from l2send.core.errors import ConfigError, ExitStatus, L2sendError

T = TypeVar("T")
_TIMES = 3


class IllegalMove(L2sendError):
    """A state change that the tables do not allow: a bug in the caller."""


class ChangedMeanwhile(L2sendError):
    """Another process changed this record first; read it again."""

    exit_status = ExitStatus.CHANGED
    retryable = True

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="See how far it got with `l2send status`, then decide again.")


class JournalBusy(ConfigError):
    """Another program has locked the journal's file for too long."""

    exit_status = ExitStatus.CHANGED
    retryable = True


class JournalReplaced(ConfigError):
    """The journal is not the one that was opened, or not the one that this home used last."""

    exit_status = ExitStatus.CHANGED


class JournalLost(ConfigError):
    """The connection to the journal's server ended, and with it the account locks: this process signs nothing more."""

    exit_status = ExitStatus.NETWORK
    retryable = True


async def again_if_changed(work: Callable[[], Awaitable[T]]) -> T:
    """Run `work`, again if another process changed its record first; `work` must read the journal each time.

    Raises ChangedMeanwhile if that keeps happening.
    """
    for _ in range(_TIMES - 1):
        try:
            return await work()
        except ChangedMeanwhile:
            continue
    return await work()
