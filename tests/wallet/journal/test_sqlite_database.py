"""The journal's file: its owner, its durability, its versions, and files that are not journals."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from l2send.core.errors import ConfigError
from l2send.wallet.journal import codec
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.sqlite_database import open_database
from l2send.wallet.journal.sqlite_schema import MIGRATIONS
from l2send.wallet.journal.states import TxState
from tests.wallet import processes
from tests.wallet.journal.writing import CHAIN, SENDER, a_payment, begin, bring_to, sign, sign_again
from tests.wallet.rig import CHAIN_ID, paying_quote


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(path)
    yield opened
    opened.close()


def test_its_files_are_its_owners_alone(path: Path, journal: SqliteJournal) -> None:
    begin(journal)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("journal.db", "journal.db-wal", "journal.db-shm", "journal.db.mark"), 384)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_loose_umask_changes_nothing(path: Path) -> None:
    before = os.umask(0)
    try:
        journal = SqliteJournal(path)
        begin(journal)
        modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        journal.close()
    finally:
        os.umask(before)
    assert modes == {0o600}


@pytest.mark.parametrize("name", ["journal.db", "journal.db-wal", "."])
def test_an_opened_up_file_is_refused(path: Path, journal: SqliteJournal, name: str) -> None:
    begin(journal)
    loose = path.parent / name
    loose.chmod(0o755 if name == "." else 0o644)
    with pytest.raises(ConfigError) as caught:
        SqliteJournal(path)
    assert f"chmod {700 if name == '.' else 600} {loose}".rstrip("/.") in caught.value.hint


def test_a_link_in_its_place_is_refused(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    (tmp_path / "elsewhere").touch(mode=0o600)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="not a regular file"):
        SqliteJournal(path)


def test_it_is_durable_before_it_returns(journal: SqliteJournal) -> None:
    db = journal._db
    assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert db.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert db.execute("PRAGMA fullfsync").fetchone()[0] == 1


def test_signed_bytes_wait_for_the_disk_and_what_a_chain_shows_again_does_not(journal: SqliteJournal) -> None:
    def waited() -> bool:
        return bool(journal._db.execute("PRAGMA synchronous").fetchone()[0] == 2)

    tx = begin(journal).transactions[0]
    assert waited()
    tx = journal.move_tx(sign(journal, tx), TxState.BROADCAST)
    assert not waited()
    sign_again(journal, journal.note_tx(tx, "words"))
    assert waited()
    tx = journal.move_tx(journal.move_tx(tx, TxState.MINED), TxState.FINAL)
    assert not waited()
    journal.cancel(begin(journal).id, "no more")
    assert waited()


def test_a_newer_journal_is_left_alone(path: Path) -> None:
    SqliteJournal(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(ConfigError, match="newer l2send"):
        SqliteJournal(path)


def test_an_older_journal_is_brought_up_to_date(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = SqliteJournal(path)
    record = begin(journal)
    journal.close()
    monkeypatch.setattr(
        "l2send.wallet.journal.sqlite_database.MIGRATIONS",
        (*MIGRATIONS, ("ALTER TABLE payments ADD COLUMN note TEXT",)),
    )
    journal = SqliteJournal(path)
    assert journal.get(record.id) == record
    assert journal._db.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS) + 1
    journal.close()


def test_a_journal_of_the_first_version_is_read_and_signed_in(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its steps carry no price, and its transactions replace nothing."""
    with monkeypatch.context() as patch:
        patch.setattr("l2send.wallet.journal.sqlite_database.MIGRATIONS", MIGRATIONS[:1])
        open_database(path).close()
    payment = a_payment()
    body = codec.step_json(paying_quote(payment, CHAIN).steps[0])
    del body["price"]
    terms = codec.dump(codec.terms_json(codec.Terms.of(paying_quote(payment, CHAIN))))
    db = sqlite3.connect(path)
    db.execute(
        "INSERT INTO payments (id, fingerprint, created_at, sender, payment, terms) VALUES (?, ?, 1, ?, ?, ?)",
        ("p-22222222", codec.fingerprint(payment), SENDER, codec.dump(codec.payment_json(payment)), terms),
    )
    db.execute(
        "INSERT INTO transactions (payment_id, step, kind, chain_id, sender, body, state)"
        " VALUES ('p-22222222', 0, 'transfer', ?, ?, ?, 'planned')",
        (CHAIN_ID, SENDER, codec.dump(body)),
    )
    db.commit()
    db.close()
    journal = SqliteJournal(path)
    assert journal.get("p-2222").typed_name == ""
    tx = journal.get("p-2222").transactions[0]
    assert (tx.step, tx.replaces) == (paying_quote(payment, CHAIN).steps[0], None)
    assert sign_again(journal, sign(journal, tx)).replaces == 0
    journal.close()


def test_a_migration_that_fails_leaves_the_journal_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = SqliteJournal(path)
    record = begin(journal)
    journal.close()
    broken = (*MIGRATIONS, ("CREATE TABLE half (x)", "ALTER TABLE nothing ADD COLUMN x"))
    with monkeypatch.context() as patch:
        patch.setattr("l2send.wallet.journal.sqlite_database.MIGRATIONS", broken)
        with pytest.raises(ConfigError):
            SqliteJournal(path)
    journal = SqliteJournal(path)
    assert journal.get(record.id) == record
    assert not journal._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchall()
    journal.close()


def test_another_programs_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE bookmarks (url)")
    db.commit()
    db.close()
    with pytest.raises(ConfigError, match="not an l2send journal"):
        SqliteJournal(path)


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    path.write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(ConfigError):
        SqliteJournal(path)
    assert path.read_bytes().startswith(b"not a database")


def test_processes_that_open_it_first_at_once_all_succeed(path: Path) -> None:
    running = [processes.open_journal(path) for _ in range(6)]
    for process in running:
        process.join(60)
    assert [process.exitcode for process in running] == [0] * 6
    SqliteJournal(path).close()


def test_the_sentence_of_an_older_journal_becomes_a_flag(path: Path) -> None:
    """Of a payment that its user alone can close: the words may change now, the flag says it."""
    journal = SqliteJournal(path)
    doubted, other = (begin(journal).transactions[0] for _ in range(2))
    for tx, words in ((doubted, "Whether that was this payment is not known: look"), (other, "nonce 1 is used")):
        sent = bring_to(journal, tx, TxState.BROADCAST, tx is other)
        journal.move_tx(sent, TxState.INDETERMINATE, detail=f"0x12 in block 3 took nonce 0. {words}")
    journal.close()
    (version,) = (i for i, migration in enumerate(MIGRATIONS) if "maybe_paid" in str(migration))
    db = sqlite3.connect(path)
    for table in ("transactions", "proposals"):
        db.execute(f"ALTER TABLE {table} DROP COLUMN maybe_paid")
    db.execute(f"PRAGMA user_version = {version}")
    db.commit()
    db.close()
    journal = SqliteJournal(path)
    found = [journal.get(tx.payment_id).transactions[0].maybe_paid for tx in (doubted, other)]
    journal.close()
    assert found == [True, False]


def test_the_flag_stays_only_as_long_as_the_last_look_says_so(path: Path) -> None:
    journal = SqliteJournal(path)
    tx = bring_to(journal, begin(journal).transactions[0], TxState.BROADCAST)
    tx = journal.note_tx(journal.move_tx(tx, TxState.INDETERMINATE, detail="why"), "why", maybe_paid=True)
    assert tx.maybe_paid
    assert not journal.note_tx(tx, "why").maybe_paid
    assert not journal.move_tx(journal.note_tx(tx, "more", maybe_paid=True), TxState.BROADCAST).maybe_paid
    journal.close()
