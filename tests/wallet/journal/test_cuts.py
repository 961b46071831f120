"""A power cut: the journal's files, truncated anywhere, open in an earlier valid state, or not at all."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from l2send.core.errors import ConfigError
from l2send.wallet.journal.records import Record
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.states import TxState
from tests.wallet.journal.writing import begin, bring_to

_WAL_HEADER, _FRAME_HEADER = 32, 24
_EVERY = 1601
"""A cut inside a frame's page loses that frame, wherever it is: these are sampled, and all tried in the lab."""

_TABLES = ("payments", "transactions", "orders", "events")

Picture = tuple[Record, ...]


def picture(path: Path) -> Picture:
    journal = SqliteJournal(path)
    try:
        return tuple(journal.history())
    finally:
        journal.close()


def written(home: Path) -> tuple[Path, list[Picture]]:
    """A journal whose writes are all in its log, and what it held after each of them."""
    path = home / "written" / "journal.db"
    SqliteJournal(path).close()  # Its tables go into the main file.
    journal = SqliteJournal(path)
    journal._db.execute("PRAGMA wal_autocheckpoint = 0")
    pictures: list[Picture] = [()]
    tx = begin(journal).transactions[0]
    pictures.append(tuple(journal.history()))
    for state in (TxState.SIGNED, TxState.BROADCAST, TxState.MINED, TxState.FINAL):
        tx = bring_to(journal, tx, state) if state is TxState.SIGNED else journal.move_tx(tx, state)
        pictures.append(tuple(journal.history()))
    copy = home / "copy"
    copy.mkdir(mode=0o700)
    for name in ("journal.db", "journal.db-wal"):
        shutil.copyfile(path.with_name(name), copy / name)
        (copy / name).chmod(0o600)
    journal.close()
    return copy, pictures


def cuts(size: int, page: int) -> Iterator[int]:
    """Every byte of the log's header, the edges of each frame and of its header, and samples of the pages."""
    frame = _FRAME_HEADER + page
    for cut in range(size + 1):
        place = (cut - _WAL_HEADER) % frame
        if cut <= _WAL_HEADER or place in {0, 1, _FRAME_HEADER, frame - 1} or cut % _EVERY == 0:
            yield cut


def test_every_cut_of_the_log_opens_to_a_state_that_was(tmp_path: Path) -> None:
    copy, pictures = written(tmp_path)
    database, log = (copy / "journal.db").read_bytes(), (copy / "journal.db-wal").read_bytes()
    page = int.from_bytes(database[16:18], "big")
    path = tmp_path / "cut" / "journal.db"
    path.parent.mkdir(mode=0o700)
    reached = list[int]()
    for cut in cuts(len(log), page):
        for name, content in (("journal.db", database), ("journal.db-wal", log[:cut])):
            file = path.with_name(name)
            file.touch(mode=0o600)
            file.write_bytes(content)
        path.with_name("journal.db-shm").unlink(missing_ok=True)
        reached.append(pictures.index(picture(path)))
    assert reached == sorted(reached), "a longer log knows less"
    assert set(reached) == set(range(len(pictures))), "the cuts did not reach every state"


@pytest.mark.lab
def test_a_cut_at_any_byte_of_the_log_opens_to_a_state_that_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them, read by SQLite alone; the journal itself opens one of each kind that came up."""
    copy, pictures = written(tmp_path)
    database, log = (copy / "journal.db").read_bytes(), copy / "journal.db-wal"
    whole, size = log.read_bytes(), log.stat().st_size
    first_cuts = list[int]()
    before: object = None
    for cut in range(size, -1, -1):
        os.truncate(log, cut)
        now = tables(copy / "journal.db")
        assert log.stat().st_size == cut, "reading it changed it"
        if now != before:
            first_cuts.append(cut)
        before = now
    shown = list[Picture]()
    for cut in reversed(first_cuts):
        for name, content in (("journal.db", database), ("journal.db-wal", whole[:cut])):
            (copy / name).touch(mode=0o600)
            (copy / name).write_bytes(content)
        shown.append(picture(copy / "journal.db"))
    assert shown == pictures
    with capsys.disabled():
        print(f"\n[lab] cuts of the journal's log: {size + 1} of {size + 1} open to one of {len(pictures)} true states")


def tables(path: Path) -> object:
    """All that is in the tables, without writing anything back."""
    path.with_name("journal.db-shm").unlink(missing_ok=True)
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    try:
        return [db.execute(f"SELECT * FROM {name}").fetchall() for name in _TABLES]
    finally:
        db.close()


def test_a_cut_main_file_is_refused_or_as_it_was(tmp_path: Path) -> None:
    """Never an empty journal in place of one that knew payments."""
    copy, pictures = written(tmp_path)
    path = copy / "journal.db"
    journal = SqliteJournal(path)
    journal._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    journal.close()
    whole = path.read_bytes()
    refused = 0
    for cut in (*range(1, 120), *range(120, len(whole), 997)):
        path.write_bytes(whole[:cut])
        for companion in ("journal.db-wal", "journal.db-shm"):
            path.with_name(companion).unlink(missing_ok=True)
        try:
            assert picture(path) == pictures[-1]
        except ConfigError:
            refused += 1
    assert refused > 100


def test_an_emptied_main_file_beside_its_log_is_refused(tmp_path: Path) -> None:
    """SQLite would throw the log away and start again."""
    copy, _ = written(tmp_path)
    (copy / "journal.db").write_bytes(b"")
    with pytest.raises(ConfigError, match="cut short"):
        SqliteJournal(copy / "journal.db")
    assert (copy / "journal.db-wal").stat().st_size > 0


def test_a_flipped_bit_never_opens_as_something_else(tmp_path: Path) -> None:
    copy, pictures = written(tmp_path)
    log = bytearray((copy / "journal.db-wal").read_bytes())
    database = (copy / "journal.db").read_bytes()
    for place in range(_WAL_HEADER + 8, len(log), 3001):
        broken = bytearray(log)
        broken[place] ^= 0x40
        (copy / "journal.db").write_bytes(database)
        (copy / "journal.db-wal").write_bytes(broken)
        (copy / "journal.db-wal").chmod(0o600)
        (copy / "journal.db-shm").unlink(missing_ok=True)
        assert picture(copy / "journal.db") in pictures


def test_sqlite_finds_no_fault_in_a_written_journal(tmp_path: Path) -> None:
    copy, _ = written(tmp_path)
    db = sqlite3.connect(copy / "journal.db")
    assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()
