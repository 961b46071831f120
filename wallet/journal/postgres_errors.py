"""Translates PostgreSQL's errors for the user. Sources: PostgreSQL documentation, "PostgreSQL Error Codes"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l2send.core.errors import ConfigError, L2sendError
from l2send.core.text import clean
from l2send.wallet.journal.errors import ChangedMeanwhile, JournalBusy, JournalLost

if TYPE_CHECKING:
    import psycopg

_WAITED = {"55P03", "40P01", "40001", "57014"}
"""lock_not_available, deadlock_detected, serialization_failure, query_canceled (by statement_timeout)."""
_SERVER_ENDS = ("08", "57P")
_RIGHTS = "42501"
_UNIQUE = "23505"


def connection_lost(title: str) -> JournalLost:
    """The error for an open connection that ended."""
    return JournalLost(
        f"the connection to the journal was lost ({title}). Nothing more is signed here; what was signed is in the "
        "journal if its commit arrived.",
        hint="When the server answers again, run the command again or `l2send resume`: nothing is signed twice.",
    )


def unreachable(title: str, error: psycopg.Error) -> JournalLost:
    """The error for a connection that could not be made."""
    return JournalLost(
        f"the journal's server does not take the connection ({title}): {clean(error, 300)}. Nothing was sent.",
        hint="Check that it runs, the host, the database, user and password (PGPASSFILE), and its certificate.",
    )


def failure(error: psycopg.Error, title: str, *, lost: bool) -> L2sendError:
    """The error for a failure on an open connection."""
    state = error.sqlstate or ""
    if lost or state.startswith(_SERVER_ENDS):
        return connection_lost(title)
    if state == _UNIQUE and error.diag.constraint_name == "transactions_turn":
        return ChangedMeanwhile("another l2send has taken this nonce.")
    if state in _WAITED:
        return JournalBusy(
            f"the journal is busy ({title}): another l2send did not let go of it in time.",
            hint="Wait for it or end it, then run the command again. pg_stat_activity names it.",
        )
    if state == _RIGHTS:
        return ConfigError(
            f"the journal's role lacks a right ({title}): {clean(error.diag.message_primary or '', 120)}.",
            hint="It needs SELECT, INSERT and UPDATE on the tables of the schema l2send: see docs/operators.md.",
        )
    words = clean(error.diag.message_primary or type(error).__name__, 120)
    return ConfigError(f"the journal cannot be used ({title}): {words}.", hint="See the server's log, and its disk.")
