"""A journal on a real file, or in a real PostgreSQL database; tests that ask for `journal` run over both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from l2send.wallet.journal.postgres import PostgresJournal
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.transitions import JournalMoves

Open = Callable[[], JournalMoves]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def open_again(request: pytest.FixtureRequest, path: Path) -> Open:
    """Opens the journal of this test, as another process does."""
    if request.param == "sqlite":
        return lambda: SqliteJournal(path)
    url: str = request.getfixturevalue("shared_database")
    return lambda: PostgresJournal(url, path)


@pytest.fixture
def journal(open_again: Open) -> Iterator[JournalMoves]:
    opened = open_again()
    yield opened
    opened.close()


@pytest.fixture
def open_postgres(database: str, path: Path) -> Open:
    """Opens one PostgreSQL journal, as another machine does."""
    return lambda: PostgresJournal(database, path)
