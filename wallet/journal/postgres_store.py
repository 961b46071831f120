"""The open PostgreSQL database: every read and every transaction, on one connection that is never reopened.

What a transaction read still holds when it commits: it locks the payment that it is about, or the whole journal if it
is about any payment. When the connection ends, its locks are gone: from then on every method raises JournalLost, so
that nothing more is signed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from l2send.core.address import Address
from l2send.core.paths import private_dir
from l2send.core.units import ChainId
from l2send.wallet.journal.errors import ChangedMeanwhile, JournalReplaced
from l2send.wallet.journal.moved_away import MOVING, UNWITNESSED, Opening, refuse_moved
from l2send.wallet.journal.postgres_connection import PostgresConnection, connect
from l2send.wallet.journal.postgres_durability import refuse_unless_durable
from l2send.wallet.journal.postgres_errors import connection_lost, failure
from l2send.wallet.journal.postgres_schema import MIGRATIONS
from l2send.wallet.journal.postgres_tables import migrate
from l2send.wallet.journal.postgres_url import read_target
from l2send.wallet.journal.sqlite_presence import accept_mark, check_witness, mark_of, read_witness, write_witness
from l2send.wallet.journal.store import Row, Value

if TYPE_CHECKING:
    import psycopg

_BEGIN = """
    SELECT CASE WHEN ? = 0 THEN pg_advisory_xact_lock(?) ELSE pg_advisory_xact_lock_shared(?) END,
        CASE WHEN ? = 0 THEN NULL ELSE pg_advisory_xact_lock(?) END
"""
_STILL = """
    SELECT identity.id, pg_backend_pid() AS pid, current_setting('synchronous_commit') AS synchronous_commit,
        current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
        pg_is_in_recovery() AS standby, (moved_to <> '' OR arriving <> 0) AS unused,
        (SELECT payment_id FROM events WHERE seq = ?) AS payment
    FROM identity
"""
_HOLDERS = """
    SELECT locks.pid, locks.pid = pg_backend_pid() AS mine, coalesce(activity.application_name, '') AS name
    FROM pg_locks AS locks LEFT JOIN pg_stat_activity AS activity ON activity.pid = locks.pid
    WHERE locks.locktype = 'advisory' AND locks.granted AND locks.objsubid = 1
        AND locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND locks.classid = ?::bigint::oid AND locks.objid = ?::bigint::oid
"""


class PostgresStore:
    """One connection to the database that holds the journal."""

    def __init__(self, url: str, home_journal: Path, opening: Opening = Opening.USE) -> None:
        """Connect, and create the tables if there are none. Raises ConfigError, JournalLost.

        `home_journal` is where this home's SQLite journal would be: the witness beside it serves both kinds of journal.
        """
        self.target = read_target(url)
        self._witness, self._opening = home_journal, opening
        private_dir(home_journal.parent)
        known = None if opening in UNWITNESSED else read_witness(home_journal)
        self.db: PostgresConnection = connect(self.target)
        self._held = set[int]()
        try:
            migrate(self.db, self.title)
            if opening not in MOVING:
                refuse_moved(self.db, self.title)
            check_witness(self.db, self.title, home_journal, known)
            self._mark = mark_of(self.db)
            if opening in UNWITNESSED:
                return
            if known is None or known.event < self._mark.event:
                write_witness(home_journal, self._mark)
        except BaseException as error:
            try:
                self._raise_if_from_database(error)
            finally:
                self.db.close()
            raise

    @property
    def title(self) -> str:
        """See Store."""
        return self.target.shown

    @property
    def locks_rows(self) -> bool:
        """See Store."""
        return True

    def accept(self) -> None:
        """See Store."""
        accept_mark(self._witness, mark_of(self.db))

    def check(self) -> str:
        """See Store: durability is checked at each start and commit; `pg_amcheck` checks all pages."""
        return f"commits are flushed to disk, tables of version {len(MIGRATIONS)}"

    def close(self) -> None:
        """See Store."""
        self.db.close()

    @contextmanager
    def writing(self, about: str, *, witnessed: bool, durable: bool = True) -> Iterator[None]:
        """See Store. Every commit is durable here."""
        try:
            self.db.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            try:
                self._lock(about)
                self._refuse_another()
                yield
                self.db.commit()
            except BaseException:
                self.db.rollback()
                raise
            if witnessed:
                self._mark = mark_of(self.db)
                if self._opening not in UNWITNESSED:
                    write_witness(self._witness, self._mark)
        except BaseException as error:
            self._raise_if_from_database(error)
            raise

    def _lock(self, about: str) -> None:
        """Lock one payment; if `about` is empty, the whole journal."""
        whole, payment = _key("journal"), _key(f"payment {about.partition('.')[0]}")
        one = int(bool(about))
        self.db.execute(_BEGIN, (one, whole, whole, one, payment))

    def _refuse_another(self) -> None:
        """Raises if a backup was restored under the open connection, or a pooler exchanged the session."""
        found = self.db.execute(_STILL, (self._mark.event,)).fetchone()
        if self._opening is Opening.TARGET and found:  # It becomes a copy of the journal that fills it.
            refuse_unless_durable(found, self.title)
            return
        if found is None or found["id"] != self._mark.journal or found["pid"] != self.db.pid:
            raise JournalReplaced(
                f"{self.title} answers with another journal or another session than was opened here, so nothing more "
                "is signed or sent.",
                hint="Connect without a pooler in transaction mode. After a restore, read docs/operators.md first.",
            )
        if self._mark.event and found["payment"] != self._mark.payment:
            raise JournalReplaced(
                f"{self.title} was put back from an older copy while l2send was using it.",
                hint="Read docs/operators.md before you pay again: payments made since are unknown to it.",
            )
        if self._opening not in MOVING and found["unused"]:
            refuse_moved(self.db, self.title)
        refuse_unless_durable(found, self.title)

    def rows(self, query: str, values: Sequence[Value]) -> list[Row]:
        """See Store."""
        try:
            return list(self.db.execute(query, values).fetchall())
        except BaseException as error:
            self._raise_if_from_database(error)
            raise

    def take_account(self, chain_id: ChainId, sender: Address) -> bool:
        """See Store."""
        key = _account_key(chain_id, sender)
        if key in self._held:
            return False
        if not self.rows("SELECT pg_try_advisory_lock(?) AS taken", (key,))[0]["taken"]:
            return False
        self._held.add(key)
        return True

    def account_holder(self, chain_id: ChainId, sender: Address) -> str:
        """See Store."""
        holders = self.rows(_HOLDERS, _halves(_account_key(chain_id, sender)))
        return str(holders[0]["name"]) if holders else ""

    def release_account(self, chain_id: ChainId, sender: Address) -> None:
        """See Store."""
        key = _account_key(chain_id, sender)
        self._held.discard(key)
        if not self.db.is_open:
            return
        self.rows("SELECT pg_advisory_unlock(?)", (key,))

    def refuse_if_taken(self, chain_id: ChainId, sender: Address) -> None:
        """See Store."""
        key = _account_key(chain_id, sender)
        holders = self.db.execute(_HOLDERS, _halves(key)).fetchall()
        if any(not holder["mine"] for holder in holders):
            raise ChangedMeanwhile(f"another l2send has {sender} by now.")
        if key in self._held and not holders:
            raise connection_lost(self.title)

    def _raise_if_from_database(self, error: BaseException) -> None:
        """Raise the meaning of a psycopg error; do nothing for any other error."""
        import psycopg

        if isinstance(error, psycopg.Error):
            self._raise(error)

    def _raise(self, error: psycopg.Error) -> NoReturn:
        raise failure(error, self.title, lost=not self.db.is_open) from None


def _key(text: str) -> int:
    """The signed 64-bit number of an advisory lock."""
    return int.from_bytes(blake2b(f"l2send {text}".encode(), digest_size=8).digest(), signed=True)


def _account_key(chain_id: ChainId, sender: Address) -> int:
    return _key(f"account {chain_id} {sender.lower()}")


def _halves(key: int) -> tuple[int, int]:
    """The number as pg_locks shows it: its upper and lower 32 bits."""
    bits = key & (2**64 - 1)
    return bits >> 32, bits & (2**32 - 1)
