"""Lookups in the journal for commands that open no client: completion, contacts, `l2send doctor`, `l2send sign`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from l2send.core.address import Address
from l2send.core.paths import Paths
from l2send.wallet.journal.location import has_journal, open_journal
from l2send.wallet.journal.records import Record
from l2send.wallet.journal.transitions import JournalMoves


@dataclass(frozen=True, slots=True)
class Summary:
    """A journal's identity, what was checked, its number of payments and its open ones."""

    title: str
    sound: str
    count: int
    open: tuple[Record, ...]


def payments(paths: Paths, limit: int | None = None) -> list[Record]:
    """The newest `limit` payments (default all), newest first. Raises ConfigError."""
    with _journal(paths) as journal:
        return list(journal.history(limit)) if journal else []


def paid_accounts_like(paths: Paths, account: Address) -> list[Address]:
    """Paid accounts with the first and last characters of `account`, itself included. Raises ConfigError."""
    with _journal(paths) as journal:
        return journal.recipients_like(account) if journal else []


def summary(paths: Paths) -> Summary | None:
    """None if no payment was made yet. Checks the file's pages, mode and version: ConfigError."""
    with _journal(paths) as journal:
        if journal is None:
            return None
        sound = journal.check()
        return Summary(journal.title, sound, journal.count(), tuple(journal.open_payments()))


@contextmanager
def _journal(paths: Paths) -> Iterator[JournalMoves | None]:
    """The journal of `paths`; None, and no new file, if it was never used. Raises ConfigError if it is missing."""
    if not has_journal(paths):
        yield None
        return
    journal = open_journal(paths)
    try:
        yield journal
    finally:
        journal.close()
