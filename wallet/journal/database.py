"""The journal's file: opened only where it can be trusted, with tables of today's version, and every write durable.

A file that was cut short or damaged is refused: an empty journal in its place would know of no open payment.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from urllib.parse import quote as percent_encode

from l2send.core.errors import ConfigError
from l2send.core.private_files import check_private, touch_private
from l2send.core.text import clean
from l2send.wallet.journal.schema import APPLICATION_ID, MIGRATIONS

_BUSY_SECONDS = 10.0
_SQLITE_HEADER = 100
_RESTORE_HINT = "Restore journal.db from a backup. Send nothing before: open payments may be unknown here."


def open_database(path: Path) -> sqlite3.Connection:
    """The file at `path`, created if it is not there. Raises ConfigError if it cannot be trusted or read."""
    touch_private(path)
    _check_companions(path)
    try:
        db = _connect(path)
        _migrate(db, path)
    except sqlite3.Error as error:
        raise failure(path, error) from error
    return db


def _check_companions(path: Path) -> None:
    """Refuse files that are open to others, and those of which SQLite would make an empty database."""
    log = path.with_name(path.name + "-wal")
    for companion in (log, path.with_name(path.name + "-shm")):
        if companion.exists():
            check_private(companion)
    size = path.stat().st_size
    if size < _SQLITE_HEADER and (size > 0 or (log.exists() and log.stat().st_size > 0)):
        raise ConfigError(f"{path} was cut short: it does not hold even its first bytes.", hint=_RESTORE_HINT)


def _connect(path: Path) -> sqlite3.Connection:
    # mode=rw: the file was created above, with the right mode, and is never created by SQLite.
    db = sqlite3.connect(
        f"file:{percent_encode(str(path))}?mode=rw", uri=True, isolation_level=None, timeout=_BUSY_SECONDS
    )
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA foreign_keys = ON")
    for pragma in ("fullfsync", "checkpoint_fullfsync"):  # macOS: fsync alone leaves data in the drive
        db.execute(f"PRAGMA {pragma} = ON")
    _use_write_ahead_log(db)
    db.execute("PRAGMA synchronous = FULL")
    return db


def _use_write_ahead_log(db: sqlite3.Connection) -> None:
    """Two processes that create the journal at once: SQLite answers «locked» here without waiting."""
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
    """Bring the tables up to date. Raises ConfigError for what is not, or not yet, a journal of this l2send."""
    db.execute("BEGIN IMMEDIATE")
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        application = db.execute("PRAGMA application_id").fetchone()[0]
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
        if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("its pages are damaged")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        db.close()
        raise


def failure(path: Path, error: sqlite3.Error) -> ConfigError:
    """What SQLite's error means for the person, who is told what to do."""
    hint = "Check the disk's free space and the rights on the folder, then run the command again."
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        hint = _RESTORE_HINT
    return ConfigError(f"the journal {path} cannot be used: {clean(error, 120)}.", hint=hint)
