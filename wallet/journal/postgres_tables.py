"""Creates and migrates the tables of a PostgreSQL journal, under a lock held by the first process that connects."""

from __future__ import annotations

from l2send.core.errors import ConfigError
from l2send.wallet.journal.postgres_connection import PostgresConnection
from l2send.wallet.journal.postgres_schema import MIGRATIONS, SCHEMA

_LOCK = 0x6C3273656E64
"""`l2send`: the advisory lock under which tables are migrated."""
_VERSION = "SELECT version FROM l2send.schema_version"


def migrate(db: PostgresConnection, title: str) -> None:
    """Migrate the tables. Raises ConfigError for tables of a newer l2send, or without the right to create them.

    Raises psycopg.Error.
    """
    if _version(db) == len(MIGRATIONS):
        return
    db.execute("BEGIN")
    try:
        db.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
        version = _version(db)
        if version > len(MIGRATIONS):
            raise ConfigError(
                f"the journal was written by a newer l2send ({title}: version {version}, known here "
                f"{len(MIGRATIONS)}).",
                hint="Update l2send.",
            )
        if version < len(MIGRATIONS):
            _apply(db, version, title)
        db.commit()
    except BaseException:
        db.rollback()
        raise


def _apply(db: PostgresConnection, version: int, title: str) -> None:
    if not _may_change(db, version):
        raise ConfigError(
            f"the journal's tables are {'not there yet' if not version else 'older than this l2send'}, and its role "
            f"may not change them ({title}).",
            hint="Run `l2send doctor` once with a role that may, then again with this one: see docs/operators.md.",
        )
    if not version:
        db.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        db.execute("CREATE TABLE schema_version (version integer NOT NULL)")
        db.execute("INSERT INTO schema_version VALUES (0)")
    for statement in (s for migration in MIGRATIONS[version:] for s in migration):
        db.execute(statement)
    db.execute("UPDATE schema_version SET version = ?", (len(MIGRATIONS),))


def _may_change(db: PostgresConnection, version: int) -> bool:
    question = (
        "SELECT pg_has_role(tableowner, 'USAGE') AS may FROM pg_tables"
        " WHERE schemaname = ? AND tablename = 'schema_version'"
        if version
        else "SELECT has_database_privilege(current_database(), 'CREATE') AS may WHERE ? <> ''"
    )
    found = db.execute(question, (SCHEMA,)).fetchone()
    return bool(found and found["may"])


def _version(db: PostgresConnection) -> int:
    """The number of migrations applied to the tables; 0 if there are none."""
    # to_regclass may answer from before the lock was acquired; a query of the catalog does not.
    there = db.execute(
        "SELECT 1 AS there FROM pg_tables WHERE schemaname = ? AND tablename = 'schema_version'", (SCHEMA,)
    ).fetchone()
    return int(db.execute(_VERSION).fetchone()["version"]) if there else 0
