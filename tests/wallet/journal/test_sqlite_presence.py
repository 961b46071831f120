"""The journal's file is deleted, overwritten by a rename, moved, or restored from an older copy: detected before
anything is written, signed or sent.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from l2send.core.errors import ConfigError, ExitStatus, Sent
from l2send.wallet.journal.errors import JournalBusy, JournalReplaced
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.sqlite_presence import witness_path
from tests.wallet.journal.writing import begin, sign


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(path)
    yield opened
    opened.close()


def copy_of(path: Path, to: Path) -> Path:
    """A whole copy of a journal in one file, as a backup tool makes it."""
    source, target = sqlite3.connect(path), sqlite3.connect(to)
    source.backup(target)
    target.close()
    source.close()
    to.chmod(0o600)
    return to


def delete(path: Path, _: Path) -> None:
    path.unlink()


def delete_all(path: Path, _: Path) -> None:
    for file in path.parent.glob("journal.db*"):
        file.unlink()


def delete_log(path: Path, _: Path) -> None:
    path.with_name("journal.db-wal").unlink()


def delete_index(path: Path, _: Path) -> None:
    path.with_name("journal.db-shm").unlink()


def rename_over(path: Path, copy: Path) -> None:
    copy.rename(path)


def rename_away(path: Path, _: Path) -> None:
    path.rename(path.with_name("journal (conflicted copy).db"))


def move_folder(path: Path, _: Path) -> None:
    """What a path leads to through a symlink that was changed."""
    real = path.parent.rename(path.parent.with_name("elsewhere"))
    other = path.parent.with_name("other")
    other.mkdir(mode=0o700)
    shutil.copy(real / "journal.db", other / "journal.db")
    path.parent.symlink_to(other)


DISTURBANCES = [delete, delete_all, delete_log, delete_index, rename_over, rename_away, move_folder]


@pytest.mark.parametrize("disturb", DISTURBANCES)
@pytest.mark.parametrize("act", ["begin", "sign", "move", "read"])
def test_nothing_is_written_or_read_once_the_file_is_another(
    path: Path, journal: SqliteJournal, tmp_path: Path, disturb: Callable[[Path, Path], None], act: str
) -> None:
    record = begin(journal)
    signed = sign(journal, begin(journal).transactions[0])
    disturb(path, copy_of(path, tmp_path / "copy.db"))
    with pytest.raises(JournalReplaced, match="while l2send was using it") as refused:
        {
            "begin": lambda: begin(journal),
            "sign": lambda: sign(journal, record.transactions[0], 7),
            "move": lambda: journal.note_tx(signed, "words"),
            "read": lambda: journal.find(record.id),
        }[act]()
    assert refused.value.exit_status is ExitStatus.CHANGED
    assert "nothing more is signed or sent" in refused.value.message
    assert refused.value.sent is Sent.NO
    assert isinstance(refused.value, ConfigError), "callers take it for: what was sent is not known"


def test_a_swap_in_the_middle_of_a_transaction_is_noticed_before_the_commit(
    path: Path, journal: SqliteJournal, tmp_path: Path
) -> None:
    copy = copy_of(path, tmp_path / "copy.db")
    with pytest.raises(JournalReplaced), journal._writing():
        rename_over(path, copy)


def test_a_copy_written_into_the_open_file_is_noticed(path: Path, journal: SqliteJournal, tmp_path: Path) -> None:
    begin(journal)
    old = copy_of(path, tmp_path / "old.db").read_bytes()
    record = begin(journal)
    journal._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(old)
    with pytest.raises(ConfigError):
        sign(journal, record.transactions[0])


def test_an_older_copy_is_refused_at_the_next_run(path: Path, tmp_path: Path) -> None:
    journal = SqliteJournal(path)
    begin(journal)
    old = copy_of(path, tmp_path / "old.db")
    sign(journal, begin(journal).transactions[0])
    journal.close()
    old.rename(path)
    with pytest.raises(JournalReplaced, match=r"older copy of the journal: at least \d events") as refused:
        SqliteJournal(path)
    assert str(witness_path(path)) in refused.value.hint
    witness_path(path).unlink()
    SqliteJournal(path).close()


def test_an_older_copy_that_went_on_by_itself_is_refused(path: Path, tmp_path: Path) -> None:
    """As many events, of other payments."""
    journal = SqliteJournal(path)
    begin(journal)
    other = tmp_path / "elsewhere" / "journal.db"
    other.parent.mkdir(mode=0o700)
    copy_of(path, other)
    begin(journal)
    journal.close()
    elsewhere = SqliteJournal(other)
    begin(elsewhere)
    begin(elsewhere)
    elsewhere.close()
    shutil.move(other, path)
    with pytest.raises(JournalReplaced, match="older copy"):
        SqliteJournal(path)


def test_a_missing_journal_is_not_taken_for_a_first_one(path: Path) -> None:
    journal = SqliteJournal(path)
    begin(journal)
    journal.close()
    path.unlink()
    with pytest.raises(JournalReplaced, match="is missing, and a journal was used here before"):
        SqliteJournal(path)
    assert not path.exists()
    path.touch(mode=0o600)
    with pytest.raises(JournalReplaced, match="new and empty, and a journal was used here before"):
        SqliteJournal(path)


def test_another_journal_is_refused(path: Path, tmp_path: Path) -> None:
    for place in (path, tmp_path / "other" / "journal.db"):
        journal = SqliteJournal(place)
        begin(journal)
        journal.close()
    (tmp_path / "other" / "journal.db").rename(path)
    with pytest.raises(JournalReplaced, match="another journal than the one that was used here last"):
        SqliteJournal(path)


def test_a_journal_takes_the_place_of_an_empty_one(path: Path, tmp_path: Path) -> None:
    """As on a new machine, where l2send was tried before the old journal was copied there."""
    SqliteJournal(path).close()
    other = SqliteJournal(tmp_path / "old" / "journal.db")
    begin(other)
    other.close()
    (tmp_path / "old" / "journal.db").rename(path)
    for _ in range(2):
        moved = SqliteJournal(path)
        assert len(moved.history()) == 1
        moved.close()


def test_a_newer_journal_than_the_witness_is_the_same_journal(path: Path) -> None:
    """A crash between the commit and the witness."""
    journal = SqliteJournal(path)
    before = witness_path(path).read_bytes()
    begin(journal)
    witness_path(path).write_bytes(before)
    journal.close()
    reopened = SqliteJournal(path)
    assert len(reopened.history()) == 1
    reopened.close()
    assert witness_path(path).read_bytes() != before


def test_an_emptied_witness_is_written_again(path: Path) -> None:
    SqliteJournal(path).close()
    witness_path(path).write_bytes(b"")
    SqliteJournal(path).close()
    assert witness_path(path).read_bytes()


@pytest.mark.parametrize(
    "data", [b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"journal":"a","event":1e999,"payment":"p"}']
)
def test_a_garbled_witness_is_named(path: Path, data: bytes) -> None:
    SqliteJournal(path).close()
    witness_path(path).write_bytes(data)
    with pytest.raises(ConfigError, match=r"journal\.db\.mark is not readable"):
        SqliteJournal(path)


def test_a_program_that_holds_the_file_is_told_of_in_words(
    path: Path, journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal._db.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalBusy, match="another program holds the journal") as refused:
        begin(journal)
    other.close()
    assert (refused.value.exit_status, refused.value.retryable) == (ExitStatus.CHANGED, True)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE payments SET payment = '{'",
        "UPDATE payments SET terms = '{}'",
        "UPDATE transactions SET body = '[]'",
        "UPDATE transactions SET state = 'lost' WHERE raw IS NOT NULL",
    ],
)
def test_a_row_that_another_program_spoiled_is_named(path: Path, journal: SqliteJournal, change: str) -> None:
    record = begin(journal)
    sign(journal, record.transactions[0])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute(change)
    other.close()
    with pytest.raises(ConfigError, match=f"{record.id} is not readable: another program changed it"):
        journal.find(record.id)


@pytest.mark.parametrize(
    "make", [os.mkfifo, Path.mkdir, lambda p: p.symlink_to(p), lambda p: p.symlink_to("/dev/zero")]
)
def test_what_is_no_file_is_refused_in_words(path: Path, make: Callable[[Path], object]) -> None:
    path.parent.mkdir(mode=0o700)
    make(path)
    with pytest.raises(ConfigError, match=r"not a regular file|cannot look at"):
        SqliteJournal(path)
