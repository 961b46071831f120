"""An older copy of the journal: opened only for recovery, and refused otherwise until that is done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from l2send.wallet.journal.errors import JournalReplaced
from l2send.wallet.journal.moved_away import Opening
from l2send.wallet.journal.postgres import PostgresJournal
from l2send.wallet.journal.proposals import JournalProposals
from l2send.wallet.journal.sqlite import SqliteJournal
from tests.support.postgres import Server
from tests.wallet.journal.writing import begin


def test_a_file_that_is_an_old_copy_is_accepted_once_it_was_seen_to(path: Path) -> None:
    journal = SqliteJournal(path)
    begin(journal)
    journal.close()
    copy = path.read_bytes()
    journal = SqliteJournal(path)
    for _ in range(3):
        begin(journal)
    journal.close()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(copy)
    _is_refused_until_accepted(lambda opening: SqliteJournal(path, opening))


@pytest.mark.postgres
def test_a_database_that_is_an_old_copy_is_too(path: Path, postgres: Server) -> None:
    name = postgres.new_database()
    journal = PostgresJournal(postgres.url(name), path)
    begin(journal)
    dump = postgres.dump(name)
    for _ in range(3):
        begin(journal)
    journal.close()
    restored = postgres.new_database()
    postgres.restore(dump, restored)
    _is_refused_until_accepted(lambda opening: PostgresJournal(postgres.url(restored), path, opening))


def _is_refused_until_accepted(open_as: Callable[[Opening], JournalProposals]) -> None:
    with pytest.raises(JournalReplaced, match="older copy"):
        open_as(Opening.USE)
    journal = open_as(Opening.RECOVERY)
    for _ in range(9):  # More events than this home saw: still not the same ones.
        begin(journal)
    journal.close()
    with pytest.raises(JournalReplaced, match="older copy"):
        open_as(Opening.USE)
    journal = open_as(Opening.RECOVERY)
    journal.accept()
    journal.close()
    journal = open_as(Opening.USE)
    assert journal.count() == 10
    journal.close()
