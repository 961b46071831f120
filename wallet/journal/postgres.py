"""The journal in a PostgreSQL database, shared by all machines that pay from the same accounts.

It keeps the promises of the SQLite journal by other means:

    postgres_url.py          which server, and that it has to prove who it is
    postgres_connection.py   one session, set up, with an end to every wait
    postgres_durability.py   a server that may lose what it committed is refused
    postgres_tables.py       tables made under a lock; postgres_schema.py lists them
    postgres_store.py        transactions, and the accounts' locks
    postgres_errors.py       what the server's errors mean
"""

from __future__ import annotations

from pathlib import Path

from l2send.wallet.journal.moved_away import Opening
from l2send.wallet.journal.postgres_store import PostgresStore
from l2send.wallet.journal.proposals import JournalProposals


class PostgresJournal(JournalProposals):
    """A journal in PostgreSQL, on one connection. If that is lost, open another journal."""

    def __init__(self, url: str, home_journal: Path, opening: Opening = Opening.USE) -> None:
        """Connect, and create the tables if there are none. Raises ConfigError, JournalLost.

        `home_journal` is where this home's SQLite journal would be: its witness says how far the journal was.
        """
        super().__init__(PostgresStore(url, home_journal, opening))
        try:
            self._fill_in()
        except BaseException:
            self.close()
            raise
