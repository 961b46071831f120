"""The journal in one SQLite file, for the processes of one user on one machine.

Every method that writes is one transaction that begins by taking the write lock: what it read before it wrote still
holds. Events are added beside every change and are never taken away. Its parts:

    connection.py   reads and transactions, while the file is the one that was opened (presence.py)
    lookups.py      payments found by id, key, account and nonce
    beginnings.py   payments added
    moves.py        states changed; proposals.py those of what a Safe's owners sign
    derived.py      the columns by which lookups are fast
"""

from __future__ import annotations

from pathlib import Path

from l2send.wallet.journal.proposals import JournalProposals


class SqliteJournal(JournalProposals):
    """A journal in one SQLite file, for the processes of one user on one machine."""

    def __init__(self, path: Path) -> None:
        """Open the journal, or create it. Raises ConfigError if it cannot be trusted or read."""
        super().__init__(path)
        try:
            self._fill_in()
        except BaseException:
            self.close()
            raise
