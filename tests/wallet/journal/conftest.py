"""A journal on a real file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from l2send.wallet.journal.sqlite import SqliteJournal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(path)
    yield opened
    opened.close()
