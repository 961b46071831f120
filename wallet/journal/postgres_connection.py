"""One connection to PostgreSQL: opens it, sets it up, and limits every wait on it."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from l2send.core.errors import ConfigError
from l2send.core.text import clean
from l2send.wallet.journal.postgres_durability import OLDEST, refuse_unless_durable
from l2send.wallet.journal.postgres_errors import unreachable
from l2send.wallet.journal.postgres_schema import SCHEMA
from l2send.wallet.journal.postgres_url import Target
from l2send.wallet.journal.store import Result, Value

if TYPE_CHECKING:
    import psycopg

_SILENT = 25.0
"""Seconds without an answer after which a connection counts as lost. The server cancels a statement earlier."""
_NETWORK = {
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
"""libpq's settings for a cut network, unless the URL overrides them."""
_SETTINGS = (
    f"SET search_path = {SCHEMA}, pg_catalog, pg_temp",
    "SET lock_timeout = '10s'",
    "SET statement_timeout = '20s'",
    "SET idle_in_transaction_session_timeout = '30s'",
    # The server, too, must notice a lost client, and free its locks.
    "SET tcp_keepalives_idle = 5",
    "SET tcp_keepalives_interval = 2",
    "SET tcp_keepalives_count = 3",
    "SET tcp_user_timeout = '15s'",
)
_FACTS = """
    SELECT current_setting('server_version_num')::integer AS version, current_setting('server_encoding') AS encoding,
        current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
        current_setting('synchronous_commit') AS synchronous_commit, pg_is_in_recovery() AS standby
"""


class PostgresConnection:
    """Runs the journal's statements, with `?` for each value."""

    def __init__(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        """Wrap an autocommit connection."""
        self._connection = connection
        self._watch = _Watch(connection.fileno())
        self.pid = connection.info.backend_pid
        """The server's process for this session: locks are its own."""

    @property
    def is_open(self) -> bool:
        """Whether the session may still exist."""
        return not (self._connection.closed or self._connection.broken)

    def execute(self, statement: str, values: Sequence[Value] = (), /) -> Result:
        """See Database. Raises psycopg.Error."""
        with self._watch.waiting():
            return self._connection.execute(_translated(statement), [_plain(value) for value in values] or None)

    def commit(self) -> None:
        """Commit the open transaction. Raises psycopg.Error if it was rolled back instead."""
        from psycopg import InternalError

        with self._watch.waiting():
            done = self._connection.execute("COMMIT")
        if done.statusmessage != "COMMIT":
            raise InternalError("the transaction was rolled back")

    def rollback(self) -> None:
        """Roll the transaction back; the server did so already if the connection was lost."""
        import psycopg

        with suppress(psycopg.Error), self._watch.waiting():
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """End the session, which frees its locks."""
        self._watch.stop()
        self._connection.close()


def connect(target: Target) -> PostgresConnection:
    """A checked session with its settings. Raises JournalLost, ConfigError."""
    import psycopg
    from psycopg.rows import dict_row

    name = clean(f"l2send on {socket.gethostname()}, process {os.getpid()}", 63)
    parameters: dict[str, Any] = {**_NETWORK, "application_name": name, **target.parameters}
    try:
        raw = psycopg.Connection[dict[str, Any]].connect(**parameters, autocommit=True, row_factory=dict_row)
    except psycopg.Error as error:
        raise unreachable(target.shown, error) from None
    connection = PostgresConnection(raw)
    try:
        _refuse_foreign_localhost(raw, target)
        for setting in _SETTINGS:
            connection.execute(setting)
        facts = connection.execute(_FACTS).fetchone()
    except psycopg.Error as error:
        connection.close()
        raise unreachable(target.shown, error) from None
    except BaseException:
        connection.close()
        raise
    try:
        _refuse_unfit(facts, target.shown)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_foreign_localhost(raw: psycopg.Connection[dict[str, Any]], target: Target) -> None:
    """Refuses a name like localhost that resolves to another machine."""
    address = raw.info.hostaddr
    if target.loopback and address and not address.startswith("127.") and address != "::1":
        raise ConfigError(
            f"the journal's server has the name of this machine and is another ({clean(address, 60)}).",
            hint="Name it by its own name, with sslmode=verify-full.",
        )


def _refuse_unfit(facts: dict[str, Any], title: str) -> None:
    if facts["version"] < OLDEST:
        raise ConfigError(
            f"the journal's server is PostgreSQL {facts['version'] // 10000} ({title}).", hint="13 is the oldest."
        )
    if facts["encoding"] != "UTF8":
        raise ConfigError(
            f"the journal's database has the encoding {clean(facts['encoding'], 20)} ({title}).",
            hint="Make it with ENCODING 'UTF8'.",
        )
    refuse_unless_durable(facts, title)


@lru_cache(maxsize=256)
def _translated(statement: str) -> bytes:
    return statement.replace("%", "%%").replace("?", "%s").encode()


def _plain(value: Value) -> Value:
    """Text or number as is: psycopg would write an enumeration's member by its name."""
    if isinstance(value, str):
        return str.__str__(value)
    return int(value) if isinstance(value, int) else value


class _Watch:
    """Closes a connection whose answer takes too long: libpq itself waits without limit."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=os.dup(descriptor))
        self._until: float | None = None
        self._end = threading.Event()
        threading.Thread(target=self._run, daemon=True, name="journal watch").start()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        self._until = time.monotonic() + _SILENT
        try:
            yield
        finally:
            self._until = None

    def stop(self) -> None:
        self._end.set()

    def _run(self) -> None:
        while not self._end.wait(1.0):
            until = self._until
            if until is not None and time.monotonic() > until:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
                break
        self._socket.close()
