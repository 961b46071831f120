"""A journal moved from SQLite to PostgreSQL and back: every row, killed at every stage, only one of both in use."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from eth_hash.auto import keccak

from l2send.core.errors import ConfigError, UsageError
from l2send.core.paths import Paths
from l2send.core.units import Nonce
from l2send.wallet.journal.errors import JournalReplaced
from l2send.wallet.journal.journal_move import Stage, move
from l2send.wallet.journal.location import SQLITE, open_for_move, open_journal
from l2send.wallet.journal.proposals import JournalProposals
from l2send.wallet.journal.queue_lines import QueuedLine
from l2send.wallet.journal.records import Record
from l2send.wallet.journal.states import TxState
from tests.support.postgres import Server
from tests.wallet import processes
from tests.wallet.journal.test_groups import begin_legs
from tests.wallet.journal.test_shared_tx import begin_together
from tests.wallet.journal.writing import a_payment, begin, begin_order, sign, sign_again

pytestmark = pytest.mark.postgres
Move = Callable[[str], int]


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.delenv("L2SEND_JOURNAL", raising=False)
    return Paths.under(tmp_path)


@pytest.fixture
def move_to(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> Move:
    """Moves the journal, and uses it there from then on."""

    def work(to: str) -> int:
        with open_for_move(paths, to) as (source, target):
            rows = move(source, target, lambda *_: None)
        use(monkeypatch, to)
        return rows

    return work


def use(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("L2SEND_JOURNAL", "" if place == SQLITE else place)


def fill(journal: JournalProposals) -> None:
    """Something in each table, bytes and states of each kind."""
    tx = sign(journal, begin(journal, a_payment(), "key").transactions[0])
    journal.move_tx(journal.move_tx(sign_again(journal, tx), TxState.MINED), TxState.FINAL)
    order = begin_order(journal)
    sign(journal, order.transactions[0], 5)
    begin_legs(journal, a_payment(10))
    begin_together(journal)
    journal.cancel(begin(journal).id, "not wanted, 不要")
    journal.enqueue([QueuedLine("november/a", "november", a_payment(), "{}", "alice", "mémo")])
    journal.set_shared_limits('[limits]\nper_day = ["10 ETH"]\n')


def everything(journal: JournalProposals) -> tuple[list[Record], list[QueuedLine], list[object], str]:
    records = journal.history()
    events = [event for record in records for leg in record.legs for event in journal.events(leg.id)]
    return records, journal.queued("november"), list(events), journal.shared_limits()


def read(paths: Paths) -> tuple[list[Record], list[QueuedLine], list[object], str]:
    journal = open_journal(paths)
    found = everything(journal)
    journal.close()
    return found


def filled(paths: Paths) -> tuple[list[Record], list[QueuedLine], list[object], str]:
    journal = open_journal(paths)
    fill(journal)
    found = everything(journal)
    journal.close()
    return found


def test_it_goes_and_comes_back_with_every_row_and_goes_on(
    paths: Paths, database: str, move_to: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = filled(paths)
    rows = move_to(database)
    assert read(paths) == before
    use(monkeypatch, SQLITE)
    with pytest.raises(JournalReplaced, match=r"was moved to PostgreSQL 127\.0\.0\.1:"):
        open_journal(paths)
    use(monkeypatch, database)
    journal = open_journal(paths)
    journal.parse_shared = None
    journal.set_shared_limits("")
    tx = begin(journal, a_payment(), "after the move").transactions[0]
    raw = secrets.token_bytes(50)
    journal.record_signed(tx, Nonce(77), "0x" + keccak(raw).hex(), raw, over=0)
    after = everything(journal)
    journal.close()
    assert move_to(SQLITE) > rows
    assert read(paths) == after
    assert len(list(paths.state.glob("journal.db.moved_*"))) >= 1, "the file that was left is put aside"
    assert move_to(database) > rows, "the schema that was left is put aside"
    assert read(paths) == after


@pytest.mark.parametrize("stage", [Stage.COPIED, Stage.COMPARED, Stage.RETIRED, Stage.ARRIVED])
@pytest.mark.parametrize("back", [False, True])
def test_killed_at_any_stage_one_of_both_is_in_use_and_a_repeat_completes_it(
    paths: Paths, database: str, move_to: Move, monkeypatch: pytest.MonkeyPatch, stage: Stage, back: bool
) -> None:
    before = filled(paths)
    if back:
        move_to(database)
    home = paths.config.parent
    here, there = (database, SQLITE) if back else (SQLITE, database)
    url = database if back else ""
    assert processes.move_until(home, url, there, stage) == -9
    usable = list[str]()
    for place in (here, there):
        use(monkeypatch, place)
        try:
            assert read(paths) == before
            usable.append(place)
        except JournalReplaced:
            pass
    assert usable == {Stage.COPIED: [here], Stage.COMPARED: [here], Stage.RETIRED: [], Stage.ARRIVED: [there]}[stage]
    use(monkeypatch, here)
    move_to(there)
    assert read(paths) == before


def test_a_process_that_still_has_it_open_signs_nothing_more(paths: Paths, database: str, move_to: Move) -> None:
    running = open_journal(paths)
    tx = begin(running).transactions[0]
    move_to(database)
    with pytest.raises(JournalReplaced, match="was moved to"):
        sign(running, tx)
    running.close()
    in_database = open_journal(paths)
    move_to(SQLITE)
    with pytest.raises(JournalReplaced, match="was moved to"):
        sign(in_database, tx)
    in_database.close()
    assert [leg.transactions[0].state for leg in read(paths)[0]] == [TxState.PLANNED]


def test_a_row_that_does_not_arrive_as_it_left_is_noticed(paths: Paths, database: str, postgres: Server) -> None:
    filled(paths)
    name = database.rpartition("/")[2]

    def tamper(stage: Stage, _: str) -> None:
        if stage is Stage.COPIED:
            postgres.sql("UPDATE l2send.payments SET fingerprint = 'other' WHERE seq = 2", name)

    with (
        pytest.raises(ConfigError, match="row 2 of payments is not the same"),
        open_for_move(paths, database) as (source, target),
    ):
        move(source, target, tamper)
    assert read(paths)[0]


def test_what_cannot_be_moved_is_said(paths: Paths, database: str, move_to: Move) -> None:
    with pytest.raises(UsageError, match="is there already"):
        move_to(SQLITE)
    filled(paths)
    other = Paths.under(paths.config.parent / "other")
    os.environ["L2SEND_JOURNAL"] = database
    theirs = open_journal(other)
    begin(theirs)
    theirs.close()
    os.environ["L2SEND_JOURNAL"] = ""
    with pytest.raises(ConfigError, match="holds a journal already"):
        move_to(database)


def test_both_stores_have_the_same_tables_and_columns(paths: Paths, database: str, postgres: Server) -> None:
    """Else a move would lose what one of them lacks."""
    open_journal(paths).close()
    os.environ["L2SEND_JOURNAL"] = database
    open_journal(Paths.under(paths.config.parent / "other")).close()
    os.environ["L2SEND_JOURNAL"] = ""
    file = sqlite3.connect(paths.journal)
    names = {row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} - {
        "sqlite_sequence"
    }
    in_file = {(name, row[1]) for name in names for row in file.execute(f"PRAGMA table_info({name})")}
    query = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'l2send'"
    in_database = {(str(a), str(b)) for a, b in postgres.sql(query, database.rpartition("/")[2])}
    assert in_file == in_database - {("schema_version", "version")}
