"""The journal in PostgreSQL: a server that would lose commits, a restored database, connections that end."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from eth_hash.auto import keccak

from l2send.core.errors import ConfigError, ExitStatus
from l2send.core.units import Nonce
from l2send.wallet.journal.errors import ChangedMeanwhile, JournalLost, JournalReplaced
from l2send.wallet.journal.postgres import PostgresJournal
from l2send.wallet.journal.postgres_schema import MIGRATIONS, ROLE
from l2send.wallet.journal.records import TxRecord
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.sqlite_presence import witness_path
from l2send.wallet.journal.states import TxState
from tests.support.postgres import Server
from tests.support.tcp_proxy import TcpProxy
from tests.wallet import processes
from tests.wallet.journal.writing import SENDER, begin, sign
from tests.wallet.rig import CHAIN_ID

pytestmark = pytest.mark.postgres


@pytest.fixture
def journal(database: str, path: Path) -> Iterator[PostgresJournal]:
    opened = PostgresJournal(database, path)
    yield opened
    opened.close()


def name_of(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def sign_strictly(journal: PostgresJournal, tx: TxRecord, nonce: int) -> TxRecord:
    """As a payment does: no other step has this nonce, as far as it knows."""
    raw = secrets.token_bytes(100)
    return journal.record_signed(tx, Nonce(nonce), "0x" + keccak(raw).hex(), raw, over=0)


@pytest.mark.parametrize("setting", ["synchronous_commit = off", "synchronous_commit = local"])
@pytest.mark.parametrize(
    "where", ["ALTER DATABASE {name} SET {setting}", "ALTER ROLE boss IN DATABASE {name} SET {setting}"]
)
def test_a_server_that_may_lose_commits_is_refused(
    postgres: Server, database: str, path: Path, setting: str, where: str
) -> None:
    postgres.sql(where.format(name=name_of(database), setting=setting))
    with pytest.raises(ConfigError, match="may lose what it says is committed: synchronous_commit is") as refused:
        PostgresJournal(database, path)
    assert refused.value.exit_status is ExitStatus.CONFIG
    with pytest.raises(ConfigError, match="synchronous_commit is off"):
        PostgresJournal(f"{database}?options=-csynchronous_commit%3Doff", path)


def test_a_server_that_begins_to_lose_commits_takes_no_signature(postgres: Server, journal: PostgresJournal) -> None:
    """fsync is a matter of the configuration file, which a running server reads again."""
    tx = begin(journal).transactions[0]
    postgres.sql("ALTER SYSTEM SET fsync = off")
    try:
        postgres.sql("SELECT pg_reload_conf()")
        until = time.monotonic() + 10
        while postgres.sql("SHOW fsync") != [("off",)]:
            assert time.monotonic() < until
        with pytest.raises(ConfigError, match="fsync is off"):
            sign(journal, tx)
    finally:
        postgres.sql("ALTER SYSTEM RESET fsync")
        postgres.sql("SELECT pg_reload_conf()")
    assert journal.get(tx.payment_id).transactions[0].state is TxState.PLANNED


def test_a_role_without_delete_pays_and_one_without_rights_is_told(
    postgres: Server, database: str, path: Path, tmp_path: Path
) -> None:
    from psycopg.errors import InsufficientPrivilege

    name, payer = name_of(database), f"payer_{secrets.token_hex(4)}"
    postgres.sql(f"CREATE ROLE {payer} LOGIN PASSWORD 'payer'")
    theirs = f"postgresql://{payer}:payer@127.0.0.1:{postgres.port}/{name}"
    with pytest.raises(ConfigError, match="tables are not there yet, and its role may not change them"):
        PostgresJournal(theirs, path)
    PostgresJournal(database, path).close()
    with pytest.raises(ConfigError, match="lacks a right"):
        PostgresJournal(theirs, path)
    for statement in ROLE.split(";"):
        wanted = "\n".join(line for line in statement.splitlines() if not line.startswith("--"))
        if "GRANT" in wanted:
            postgres.sql(wanted.replace(':"DBNAME"', name).replace("l2send_payer", payer), name)
    journal = PostgresJournal(theirs, path)
    tx = sign(journal, begin(journal).transactions[0])
    journal.move_tx(journal.move_tx(tx, TxState.MINED), TxState.FINAL)
    for refused in ("DELETE FROM recipients", "TRUNCATE events", "DROP TABLE events", "ALTER TABLE events ADD x int"):
        with pytest.raises(InsufficientPrivilege):
            journal._db.execute(refused)
    journal.close()


def test_another_programs_tables_are_left_alone_and_a_newer_journal_too(
    postgres: Server, database: str, path: Path
) -> None:
    PostgresJournal(database, path).close()
    postgres.sql(f"UPDATE l2send.schema_version SET version = {len(MIGRATIONS) + 1}", name_of(database))
    with pytest.raises(ConfigError, match="written by a newer l2send"):
        PostgresJournal(database, path)


def test_processes_that_open_it_first_at_once_all_succeed(database: str, path: Path) -> None:
    running = [processes.open_postgres(database, path) for _ in range(6)]
    for process in running:
        process.join(60)
    assert [process.exitcode for process in running] == [0] * 6


def in_place(server: Server, database: str, backup: Path) -> None:
    """The tables dropped and put back from the backup, under open connections."""
    server.sql("DROP SCHEMA l2send CASCADE", database)
    server.restore(backup, database)


@pytest.mark.parametrize("act", ["begin", "sign", "cancel"])
def test_an_older_copy_put_back_under_an_open_journal_is_noticed(
    postgres: Server, database: str, journal: PostgresJournal, act: str
) -> None:
    first = begin(journal)
    backup = postgres.dump(name_of(database))
    begin(journal)
    in_place(postgres, name_of(database), backup)
    with pytest.raises(JournalReplaced, match="put back from an older copy") as refused:
        {
            "begin": lambda: begin(journal),
            "sign": lambda: sign(journal, first.transactions[0]),
            "cancel": lambda: journal.cancel(first.id, "no"),
        }[act]()
    assert refused.value.exit_status is ExitStatus.CHANGED


def test_an_older_copy_is_refused_at_the_next_run(postgres: Server, database: str, path: Path) -> None:
    journal = PostgresJournal(database, path)
    begin(journal)
    backup = postgres.dump(name_of(database))
    sign(journal, begin(journal).transactions[0])
    journal.close()
    elsewhere = postgres.new_database()
    postgres.restore(backup, elsewhere)
    with pytest.raises(JournalReplaced, match=r"older copy of the journal: at least \d events") as refused:
        PostgresJournal(postgres.url(elsewhere), path)
    assert str(witness_path(path)) in refused.value.hint


def test_an_empty_database_is_not_taken_for_the_journal_that_was_used(
    postgres: Server, database: str, path: Path
) -> None:
    """Of SQLite before, or of another database."""
    file = SqliteJournal(path)
    begin(file, key="inv-1")
    file.close()
    with pytest.raises(JournalReplaced, match="is new and empty, and a journal was used here before"):
        PostgresJournal(database, path)


Ending = Callable[[Server, PostgresJournal], None]


def terminated(server: Server, journal: PostgresJournal) -> None:
    assert server.sql(f"SELECT pg_terminate_backend({journal._store.db.pid}, 5000)") == [(True,)]  # type: ignore[attr-defined]


def killed(server: Server, journal: PostgresJournal) -> None:
    server.kill_backend(journal._store.db.pid)  # type: ignore[attr-defined]
    server.until_up()


def stopped(server: Server, journal: PostgresJournal) -> None:
    server.stop("immediate")
    server.start()


@pytest.mark.parametrize("end", [terminated, killed, stopped])
def test_where_the_connection_ends_nothing_more_is_signed_and_the_account_is_free(
    postgres: Server, database: str, journal: PostgresJournal, path: Path, end: Ending
) -> None:
    tx = begin(journal).transactions[0]
    assert journal.take_account(CHAIN_ID, SENDER)
    end(postgres, journal)
    with pytest.raises(JournalLost):
        sign(journal, tx)
    with pytest.raises(JournalLost, match="connection to the journal was lost") as lost:
        sign(journal, tx)
    assert (lost.value.exit_status, lost.value.retryable) == (ExitStatus.NETWORK, True)
    journal.release_account(CHAIN_ID, SENDER)
    other = PostgresJournal(database, path)
    assert other.take_account(CHAIN_ID, SENDER)
    assert sign_strictly(other, other.get(tx.payment_id).transactions[0], 0).nonce == 0
    other.close()


@pytest.mark.parametrize("fault", ["cut", "silent"])
def test_a_network_that_is_cut_or_goes_silent_ends_the_journal(
    postgres: Server, database: str, path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("l2send.wallet.journal.postgres_connection._SILENT", 1.0)
    proxy = TcpProxy(postgres.port)
    journal = PostgresJournal(postgres.url(name_of(database), port=proxy.port), path)
    tx = begin(journal).transactions[0]
    getattr(proxy, fault)()
    with pytest.raises(JournalLost):
        sign(journal, tx)
    assert proxy.cuts if fault == "cut" else proxy.dropped
    journal.close()
    proxy.close()
    other = PostgresJournal(database, path)
    assert other.get(tx.payment_id).transactions[0].state is TxState.PLANNED
    other.close()


def test_a_server_that_is_not_there_is_named_without_its_password(postgres: Server, path: Path) -> None:
    with pytest.raises(JournalLost, match=r"does not take the connection \(PostgreSQL 127.0.0.1:1/postgres\)") as lost:
        PostgresJournal(postgres.url(port=1), path)
    wrong = postgres.url().replace("boss:", "boss:x")
    with pytest.raises(JournalLost, match="authentication failed") as refused:
        PostgresJournal(wrong, path)
    for error in (lost.value, refused.value):
        assert postgres.password not in error.message + error.hint + repr(error.__cause__)


def test_an_account_is_one_processs_at_a_time_and_its_holder_is_named(
    database: str, journal: PostgresJournal, tmp_path: Path
) -> None:
    other = PostgresJournal(database, tmp_path / "other" / "journal.db")
    assert journal.take_account(CHAIN_ID, SENDER)
    assert not journal.take_account(CHAIN_ID, SENDER), "twice in one process"
    assert not other.take_account(CHAIN_ID, SENDER)
    assert "process" in other.account_holder(CHAIN_ID, SENDER)
    tx = begin(other).transactions[0]
    with pytest.raises(ChangedMeanwhile, match="another l2send has"):
        sign_strictly(other, tx, 0)
    journal.release_account(CHAIN_ID, SENDER)
    assert other.take_account(CHAIN_ID, SENDER)
    sign_strictly(other, tx, 0)
    other.close()


def test_a_lock_that_was_lost_without_the_connection_takes_no_signature(journal: PostgresJournal) -> None:
    """As with a pooler that gives the session to another."""
    tx = begin(journal).transactions[0]
    assert journal.take_account(CHAIN_ID, SENDER)
    journal._db.execute("SELECT pg_advisory_unlock_all()")
    with pytest.raises(JournalLost):
        sign_strictly(journal, tx, 0)
    assert journal.get(tx.payment_id).transactions[0].state is TxState.PLANNED


def test_of_many_that_sign_with_one_nonce_at_once_one_commits(database: str, path: Path) -> None:
    """Without any lock of an account: the index alone decides."""
    journals = [PostgresJournal(database, path) for _ in range(6)]
    txs = [begin(journal).transactions[0] for journal in journals]
    barrier, done, refused = threading.Barrier(len(journals), timeout=20), list[TxRecord](), list[Exception]()

    def sign_at_once(journal: PostgresJournal, tx: TxRecord) -> None:
        barrier.wait()
        try:
            done.append(sign_strictly(journal, tx, 7))
        except ChangedMeanwhile as error:
            refused.append(error)

    threads = [threading.Thread(target=sign_at_once, args=pair) for pair in zip(journals, txs, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), len(refused)) == (1, 5)
    assert [tx.hash for tx in journals[0].signed_with(CHAIN_ID, SENDER, Nonce(7))] == [done[0].hash]
    for journal in journals:
        journal.close()


def test_of_many_that_begin_with_one_key_at_once_one_payment_is_made(database: str, path: Path) -> None:
    from tests.wallet.journal.writing import a_payment

    payment, barrier, ids = a_payment(), threading.Barrier(4, timeout=20), list[str]()

    def begin_at_once() -> None:
        journal = PostgresJournal(database, path)
        barrier.wait()
        ids.append(begin(journal, payment, "inv-1").id)
        journal.close()

    threads = [threading.Thread(target=begin_at_once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 4
    assert len(set(ids)) == 1


def test_doctor_names_the_database(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from l2send.cli.commands.doctor_checks import look
    from l2send.core.paths import Paths

    monkeypatch.setenv("L2SEND_JOURNAL", database)
    paths = Paths.under(tmp_path / "home")
    (found,) = (finding for finding in look(paths) if finding.name == "journal")
    sound = f"0 payments, commits are flushed to disk, tables of version {len(MIGRATIONS)}"
    assert found.says.startswith(f"{sound}; PostgreSQL 127.0.0.1:")
    assert not paths.journal.exists()
    from dataclasses import replace

    (found,) = (finding for finding in look(replace(paths, is_devnets=True)) if finding.name == "journal")
    assert found.says == "no payment was made yet", "the devnet's own home has a journal of its own"
