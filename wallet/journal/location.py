"""Opens the journal of a home: its own SQLite file, or a PostgreSQL database that it shares with others."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from l2send.core.errors import ConfigError, UsageError
from l2send.core.paths import Paths
from l2send.core.private_files import check_private
from l2send.core.toml_text import parse_toml
from l2send.core.trusted_files import read_trusted_text
from l2send.wallet.journal.journal_move import Place, place_of
from l2send.wallet.journal.moved_away import Opening
from l2send.wallet.journal.postgres_schema import SCHEMA
from l2send.wallet.journal.proposals import JournalProposals
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.sqlite_presence import was_used
from l2send.wallet.journal.sqlite_store import SqliteStore
from l2send.wallet.journal.store import Store

if TYPE_CHECKING:
    from l2send.core.spending_limits import SpendingLimits

SQLITE = "sqlite"
"""The name of this home's own file in `l2send journal move`."""
VARIABLE = "L2SEND_JOURNAL"
"""The environment variable with the URL of a database; `journal` in config.toml has the same meaning."""


def holds_password(url: str) -> bool:
    """Whether the URL itself holds a password, even if it is malformed."""
    before, at, _ = url.partition("://")[2].rpartition("@")
    return bool(at and ":" in before) or "password" in url.lower()


def open_journal(
    paths: Paths,
    read_limits: Callable[[], Sequence[SpendingLimits]] | None = None,
    parse_shared: Callable[[str], SpendingLimits] | None = None,
) -> JournalProposals:
    """Open or create the journal of `paths`. It enforces these limits and its own, which `parse_shared` reads.

    Raises ConfigError, JournalLost.
    """
    journal = _open(paths, journal_url(paths))
    journal.read_limits, journal.parse_shared = read_limits, parse_shared
    return journal


def open_for_recovery(paths: Paths) -> JournalProposals:
    """The journal of `paths`, even if it is an older copy than this home saw. Raises ConfigError, JournalLost."""
    return _open(paths, journal_url(paths), Opening.RECOVERY)


def _open(paths: Paths, url: str, opening: Opening = Opening.USE) -> JournalProposals:
    if not url:
        return SqliteJournal(paths.journal, opening)
    from l2send.wallet.journal.postgres import PostgresJournal

    return PostgresJournal(url, paths.journal, opening)


def has_journal(paths: Paths) -> bool:
    """Whether there may be payments: a file exists or existed, or a database is configured. Raises ConfigError."""
    return bool(journal_url(paths)) or paths.journal.exists() or was_used(paths.journal)


def journal_url(paths: Paths) -> str:
    """The URL of the shared database; empty if the home has its own file. Raises ConfigError.

    The variable takes precedence over the file. The devnet's own home ignores both.
    """
    if paths.is_devnets:
        return ""
    if url := os.environ.get(VARIABLE, "").strip():
        return url
    try:
        text = read_trusted_text(paths.settings)
    except FileNotFoundError:
        return ""
    try:
        found = parse_toml(text).get("journal", "")
    except ValueError:
        found = None
    if not isinstance(found, str):
        raise ConfigError(f"{paths.settings} does not say which journal to use.", hint="Correct it: l2send config edit")
    if holds_password(found):
        check_private(paths.settings)
    return found.strip()


@contextmanager
def open_for_move(paths: Paths, to: str) -> Iterator[tuple[Store, Store]]:
    """The journal of `paths` and the one that it is moved to: a URL, or `sqlite` for this home's file.

    A target that an interrupted move half filled is emptied; one that was itself moved away is renamed. Raises
    ConfigError, UsageError, JournalLost.
    """
    url = journal_url(paths)
    if (to if to != SQLITE else "") == url:
        raise UsageError("the journal is there already.", hint="Nothing was changed.")
    _open(paths, url, Opening.SOURCE).close()  # Computes the derived columns of rows from an older l2send.
    with closing(_store(paths, url, Opening.SOURCE)) as source:
        target = _store(paths, "" if to == SQLITE else to, Opening.TARGET)
        try:
            there = place_of(target)
            if not place_of(source).moved_to and not there.empty and (there.arriving or there.moved_to):
                _put_aside(target, paths, there)
                target = _store(paths, "" if to == SQLITE else to, Opening.TARGET)
            yield source, target
        finally:
            target.close()


def _store(paths: Paths, url: str, opening: Opening) -> Store:
    if not url:
        return SqliteStore(paths.journal, opening)
    from l2send.wallet.journal.postgres_store import PostgresStore

    return PostgresStore(url, paths.journal, opening)


def _put_aside(target: Store, paths: Paths, there: Place) -> None:
    """Make room: delete what never became a journal, rename what was one and keep its rows."""
    aside = f"moved_{int(time.time())}"
    if isinstance(target, SqliteStore):
        target.close()
        for suffix in ("", "-wal", "-shm"):
            file = paths.journal.with_name(paths.journal.name + suffix)
            if there.arriving:
                file.unlink(missing_ok=True)
            elif file.exists():
                file.rename(file.with_name(f"{paths.journal.name}.{aside}{suffix}"))
        return
    schema = f"DROP SCHEMA {SCHEMA} CASCADE" if there.arriving else f"ALTER SCHEMA {SCHEMA} RENAME TO {SCHEMA}_{aside}"
    target.db.execute(schema)
    target.close()
