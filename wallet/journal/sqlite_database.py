"""Opens the journal's file if it can be trusted, and migrates its tables.

A truncated or damaged file is refused: an empty journal in its place would not know the open payments.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from urllib.parse import quote as percent_encode

from l2send.core.errors import ConfigError
from l2send.core.private_files import check_private, touch_private
from l2send.core.text import clean
from l2send.core.trusted_files import refuse_open_folders
from l2send.wallet.journal.errors import JournalBusy
from l2send.wallet.journal.sqlite_schema import APPLICATION_ID, MIGRATIONS

_BUSY_SECONDS = 10.0
_SQLITE_HEADER = 100
_PAGES_CHECKED_AT_ONCE = 500
"""Checking these takes a few milliseconds."""
_RESTORE_HINT = "Restore journal.db from a backup. Send nothing before: open payments may be unknown here."


def open_database(path: Path) -> sqlite3.Connection:
    """Open the file at `path`, or create it. Raises ConfigError if it cannot be trusted or read."""
    touch_private(path)
    refuse_open_folders(path)
    _check_companions(path)
    try:
        db = _connect(path)
        try:
            _migrate(db, path)
            check_pages(db, _PAGES_CHECKED_AT_ONCE)
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as error:
        raise failure(path, error) from error
    return db


def _check_companions(path: Path) -> None:
    """Refuse files that other users can access, and files that would make SQLite start an empty database."""
    log = path.with_name(path.name + "-wal")
    for companion in (log, path.with_name(path.name + "-shm")):
        if companion.exists():
            check_private(companion)
    size = path.stat().st_size
    if size < _SQLITE_HEADER and (size > 0 or (log.exists() and log.stat().st_size > 0)):
        raise ConfigError(f"{path} was cut short: it does not hold even its first bytes.", hint=_RESTORE_HINT)


def _connect(path: Path) -> sqlite3.Connection:
    # mode=rw: the file was created above with the right mode; SQLite must never create it.
    db = sqlite3.connect(
        f"file:{percent_encode(str(path))}?mode=rw", uri=True, isolation_level=None, timeout=_BUSY_SECONDS
    )
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA cell_size_check = ON")
    for pragma in ("fullfsync", "checkpoint_fullfsync"):  # macOS: fsync alone leaves data in the drive's cache
        db.execute(f"PRAGMA {pragma} = ON")
    _use_write_ahead_log(db)
    db.execute("PRAGMA synchronous = FULL")
    return db


def look_into(path: Path) -> sqlite3.Connection:
    """Another, read-only connection to a journal that is open here. Raises sqlite3.Error."""
    db = sqlite3.connect(f"file:{percent_encode(str(path))}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
    db.row_factory = sqlite3.Row
    return db


def _use_write_ahead_log(db: sqlite3.Connection) -> None:
    """Retries: while two processes create the journal at once, SQLite answers «locked» without waiting."""
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
            continue
        if mode != "wal":
            raise sqlite3.OperationalError("this file system cannot hold a write-ahead log")
        return


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    """Migrate the tables. Raises ConfigError if the file is not a journal, or belongs to a newer l2send."""
    if _version(db) == (APPLICATION_ID, len(MIGRATIONS)):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        application, version = _version(db)
        empty = not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        if application != APPLICATION_ID and not (empty and version == 0 and application == 0):
            raise ConfigError(f"{path} is not an l2send journal.", hint="Move it away.")
        if version > len(MIGRATIONS):
            raise ConfigError(
                f"{path} was written by a newer l2send (its version {version}, known here {len(MIGRATIONS)}).",
                hint="Update l2send.",
            )
        for statement in (s for migration in MIGRATIONS[version:] for s in migration):
            db.execute(statement)
        if version < len(MIGRATIONS):
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _version(db: sqlite3.Connection) -> tuple[int, int]:
    """The program that the file belongs to, and its number of migrations."""
    application, version = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    return application, version


def check_pages(db: sqlite3.Connection, at_most: int | None = None) -> None:
    """Raises sqlite3.DatabaseError for damaged pages; a file with more than `at_most` pages is not checked.

    In a large journal each page is checked when it is read (cell_size_check); `l2send doctor` checks all.
    """
    if at_most is not None and db.execute("PRAGMA page_count").fetchone()[0] > at_most:
        return
    if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("its pages are damaged")


def failure(path: Path, error: sqlite3.Error) -> ConfigError:
    """The user's error for an SQLite error, with what to do."""
    if getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return JournalBusy(
            f"another program holds the journal {path}, and did not let go of it in {_BUSY_SECONDS:.0f} seconds.",
            hint="Find it (`fuser` and `lsof` name it), wait for it or end it, then run the command again.",
        )
    hint = "Check the disk's free space and the rights on the folder, then run the command again."
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        hint = _RESTORE_HINT
    return ConfigError(f"the journal {path} cannot be used: {clean(error, 120)}.", hint=hint)
