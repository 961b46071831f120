"""The journal on a real file."""

from __future__ import annotations

import os
import secrets
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from eth_hash.auto import keccak

from l2send.core.bridge import OrderState
from l2send.core.errors import ConfigError, Refused, UsageError
from l2send.core.plan import ChainAddress, Payment, Quote, Step, StepKind, UnsignedTx
from l2send.core.text import clean
from l2send.core.units import Amount, BlockNumber, Gas, Nonce, UnixTime, Wei
from l2send.wallet.journal import codec
from l2send.wallet.journal.database import open_database
from l2send.wallet.journal.protocol import ChangedMeanwhile, IllegalMove
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.journal.schema import MIGRATIONS
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.states import ORDER_TRANSITIONS, REPLACEABLE, TRANSITIONS, PaymentState, TxState
from tests.wallet import payer
from tests.wallet.rig import CHAIN_ID, NATIVE, chain_at, order_of, paying_quote, somebody

SENDER = somebody()
CHAIN = chain_at("http://127.0.0.1:1")
INSERT_REPLACEMENT = (
    "INSERT INTO transactions SELECT payment_id, 2, kind, chain_id, sender, body, state, {nonce}, 'hash', raw,"
    " signed_at, block, block_hash, detail, {replaces} FROM transactions WHERE step = 0"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(path)
    yield opened
    opened.close()


def a_payment(units: int = 1) -> Payment:
    return Payment(SENDER, ChainAddress(CHAIN_ID, somebody()), Amount(units, NATIVE))


def begin(journal: SqliteJournal, payment: Payment | None = None, key: str | None = None) -> PaymentRecord:
    payment = payment or a_payment()
    return begin_one(journal, payment, paying_quote(payment, CHAIN), key)


def begin_one(journal: SqliteJournal, payment: Payment, quote: Quote, key: str | None = None) -> PaymentRecord:
    record = journal.begin(payment, [quote], key)
    assert isinstance(record, PaymentRecord)
    return record


def begin_order(journal: SqliteJournal) -> PaymentRecord:
    payment = a_payment()
    approve = UnsignedTx(CHAIN_ID, somebody(), Wei(0), b"\1")
    return begin_one(journal, payment, paying_quote(payment, CHAIN, approve, order=order_of(payment, 2**33)))


def sign_again(journal: SqliteJournal, tx: TxRecord, kind: StepKind | None = None) -> TxRecord:
    raw = secrets.token_bytes(100)
    return journal.replace(tx, replace(tx.step, kind=kind or tx.step.kind), "0x" + keccak(raw).hex(), raw)


def sign(journal: SqliteJournal, tx: TxRecord, nonce: int = 0) -> TxRecord:
    raw = secrets.token_bytes(100)
    return journal.record_signed(tx, Nonce(nonce), "0x" + keccak(raw).hex(), raw)


def bring_to(journal: SqliteJournal, tx: TxRecord, state: TxState, nonce: int = 0) -> TxRecord:
    """Along the table, by its shortest way."""
    if state is TxState.PLANNED:
        return tx
    ways: list[list[TxState]] = [[TxState.PLANNED]]
    while ways[0][-1] is not state:
        way = ways.pop(0)
        ways += [[*way, after] for after in TRANSITIONS[way[-1]] if after not in way]
    for step in ways[0][1:]:
        if step is TxState.VOID:
            journal.move_tx(journal.move_tx(sign_again(journal, tx), TxState.MINED), TxState.FINAL)
            tx = journal.get(tx.payment_id).transactions[tx.index]
            assert tx.state is TxState.VOID
            continue
        tx = sign(journal, tx, nonce) if step is TxState.SIGNED else journal.move_tx(tx, step)
    return tx


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


def test_a_payment_is_read_as_it_was_written(path: Path, journal: SqliteJournal) -> None:
    payment = a_payment(2**255)
    quote = paying_quote(payment, CHAIN, order=order_of(payment, 2**33))
    record = begin_one(journal, payment, quote, "key")
    again = SqliteJournal(path)
    assert again.get(record.id) == record
    again.close()
    assert record.payment == payment
    assert record.order
    assert record.order.order == quote.order
    assert [tx.step for tx in record.transactions] == list(quote.steps)
    assert record.state is PaymentState.PLANNED


def test_ids_are_short_and_hard_to_misread(journal: SqliteJournal) -> None:
    ids = [begin(journal).id for _ in range(50)]
    assert len(set(ids)) == 50
    assert all(len(i) == 10 and i.startswith("p-") and not set(i[2:]) & set("01oilu") for i in ids)


def test_a_prefix_finds_its_payment(journal: SqliteJournal) -> None:
    record = begin(journal)
    for wanted in (record.id, record.id.upper(), record.id[:5], record.id[2:], f" {record.id} "):
        assert journal.get(wanted).id == record.id


@pytest.mark.parametrize("wanted", ["", "p-", "p-2", "p-%", "p-_______", "p-0000", "'; --", "p-" + "2" * 9])
def test_what_is_no_id_is_refused(journal: SqliteJournal, wanted: str) -> None:
    begin(journal)
    with pytest.raises(UsageError):
        journal.get(wanted)


def test_an_ambiguous_prefix_names_the_candidates(journal: SqliteJournal) -> None:
    ids = set[str]()
    while not any(sum(i.startswith(p) for i in ids) > 1 for p in {i[:5] for i in ids}):
        ids |= {begin(journal).id for _ in range(50)}
    prefix = next(p for p in {i[:5] for i in ids} if sum(i.startswith(p) for i in ids) > 1)
    with pytest.raises(UsageError, match="is the start of"):
        journal.get(prefix)


def test_the_same_key_gives_the_same_payment(journal: SqliteJournal) -> None:
    payment = a_payment()
    first = begin(journal, payment, "invoice 7")
    assert begin(journal, payment, "invoice 7") == first
    assert len(journal.history()) == 1


def test_the_same_key_for_another_payment_is_an_error(journal: SqliteJournal) -> None:
    first = begin(journal, a_payment(), "invoice 7")
    with pytest.raises(UsageError, match=first.id):
        begin(journal, a_payment(), "invoice 7")
    assert len(journal.history()) == 1


def test_the_same_payment_twice_is_refused_by_name(journal: SqliteJournal) -> None:
    payment = a_payment()
    first = begin(journal, payment)
    with pytest.raises(Refused, match=first.id) as caught:
        begin(journal, payment)
    assert f"l2send resume {first.id}" in caught.value.hint
    assert begin(journal, a_payment()).id != first.id


def test_the_same_payment_twice_is_possible_on_purpose(journal: SqliteJournal) -> None:
    payment = a_payment()
    quote = paying_quote(payment, CHAIN)
    ids = {journal.begin(payment, [quote], key, again=again).id for key, again in [(None, False), (None, True)]}
    assert len(ids) == 2


def test_two_keys_are_two_payments(journal: SqliteJournal) -> None:
    payment = a_payment()
    assert begin(journal, payment, "a").id != begin(journal, payment, "b").id
    with pytest.raises(Refused):
        begin(journal, payment)


@pytest.mark.parametrize(("first", "second"), [(None, "a"), ("a", None)])
def test_a_key_on_one_of_two_does_not_tell_them_apart(
    journal: SqliteJournal, first: str | None, second: str | None
) -> None:
    payment = a_payment()
    begin(journal, payment, first)
    with pytest.raises(Refused):
        begin(journal, payment, second)


def test_a_payment_that_ended_does_not_block_the_same_again(journal: SqliteJournal) -> None:
    payment = a_payment()
    first = begin(journal, payment)
    bring_to(journal, first.transactions[0], TxState.FINAL)
    assert begin(journal, payment).id != first.id


def test_the_token_symbol_does_not_make_another_payment(journal: SqliteJournal) -> None:
    payment = a_payment()
    begin(journal, payment)
    renamed = replace(payment, amount=replace(payment.amount, token=replace(NATIVE, symbol="ETHER")))
    with pytest.raises(Refused):
        begin(journal, renamed)


def test_a_payment_without_steps_is_not_begun(journal: SqliteJournal) -> None:
    payment = a_payment()
    with pytest.raises(ValueError, match="without steps"):
        journal.begin(payment, [replace(paying_quote(payment, CHAIN), steps=())])
    assert journal.history() == []


@pytest.mark.parametrize("before", TxState)
def test_transactions_move_along_the_table_and_not_otherwise(journal: SqliteJournal, before: TxState) -> None:
    for nonce, after in enumerate(TxState):
        tx = bring_to(journal, begin(journal).transactions[0], before, nonce)
        if after not in (TxState.SIGNED, TxState.VOID) and after in TRANSITIONS[before]:
            moved = journal.move_tx(tx, after, block=BlockNumber(7), block_hash="0x7", detail="why")
            assert (moved.state, moved.block, moved.detail) == (after, 7, "why")
        else:
            with pytest.raises(IllegalMove):
                journal.move_tx(tx, after)
            assert journal.get(tx.payment_id).transactions[0] == tx


@pytest.mark.parametrize("state", TxState)
def test_only_what_waits_for_its_nonce_is_signed_again(journal: SqliteJournal, state: TxState) -> None:
    tx = bring_to(journal, begin(journal).transactions[0], state)
    before = journal.get(tx.payment_id)
    if state in REPLACEABLE:
        again = sign_again(journal, tx)
        assert (again.state, again.nonce, again.replaces, again.index) == (TxState.SIGNED, tx.nonce, 0, 1)
        assert journal.get(tx.payment_id).transactions == (tx, again)
        assert journal.get(tx.payment_id).approved == (tx,)
        assert journal.get(tx.payment_id).steps == (again,)
    else:
        with pytest.raises(ChangedMeanwhile):
            sign_again(journal, tx)
        assert journal.get(tx.payment_id) == before


def test_of_two_that_sign_again_the_second_is_told(journal: SqliteJournal) -> None:
    tx = sign(journal, begin(journal).transactions[0])
    newer = sign_again(journal, tx)
    with pytest.raises(ChangedMeanwhile):
        sign_again(journal, tx)
    newest = sign_again(journal, newer)
    assert newest.replaces == 0
    assert [t.index for t in journal.get(tx.payment_id).attempts(0)] == [0, 1, 2]
    journal.move_tx(tx, TxState.MINED)
    with pytest.raises(ChangedMeanwhile):
        sign_again(journal, newest)


@pytest.mark.parametrize("winner", [0, 1, 2])
@pytest.mark.parametrize("end", [TxState.FINAL, TxState.REVERTED])
def test_the_end_of_one_voids_the_others_in_the_same_commit(journal: SqliteJournal, winner: int, end: TxState) -> None:
    first = sign(journal, begin(journal).transactions[0])
    attempts = [first, second := sign_again(journal, first), sign_again(journal, second)]
    before = {TxState.FINAL: TxState.MINED, TxState.REVERTED: TxState.REVERTING}[end]
    journal.move_tx(journal.move_tx(attempts[winner], before), end)
    record = journal.get(first.payment_id)
    assert [tx.state for tx in record.transactions] == [end if i == winner else TxState.VOID for i in range(3)]
    assert record.steps == (record.transactions[winner],)
    assert record.state is (PaymentState.DELIVERED if end is TxState.FINAL else PaymentState.REVERTED)
    assert not record.meaning.open
    assert {e.detail for e in journal.events(record.id) if e.after == "void"} == {attempts[winner].hash}


@pytest.mark.parametrize("end", [TxState.FINAL, TxState.REVERTED])
def test_a_cancel_that_ended_in_a_block_cancels_its_payment(journal: SqliteJournal, end: TxState) -> None:
    cancel = sign_again(journal, sign(journal, begin(journal).transactions[0]), StepKind.CANCEL)
    before = {TxState.FINAL: TxState.MINED, TxState.REVERTED: TxState.REVERTING}[end]
    cancel = journal.move_tx(cancel, before)
    assert journal.get(cancel.payment_id).state is PaymentState.SENDING, "a block can be taken back"
    journal.move_tx(cancel, end)
    record = journal.get(cancel.payment_id)
    assert (record.state, record.meaning.open) == (PaymentState.CANCELLED, False)


@pytest.mark.parametrize(("before", "after"), list(product(ORDER_TRANSITIONS, OrderState)))
def test_orders_move_along_the_table_and_not_otherwise(
    journal: SqliteJournal, before: OrderState, after: OrderState
) -> None:
    record = begin_order(journal)
    for state in [] if before is OrderState.NOT_OPEN else [OrderState.OPEN, before]:
        if record.order and record.order.state is not state:
            record = journal.move_order(record, state)
    if after in ORDER_TRANSITIONS[before]:
        moved = journal.move_order(record, after, fill_tx="0xf", detail="why")
        assert moved.order
        assert (moved.order.state, moved.order.fill_tx, moved.order.detail) == (after, "0xf", "why")
    else:
        with pytest.raises(IllegalMove):
            journal.move_order(record, after)


def test_who_comes_second_is_told(journal: SqliteJournal) -> None:
    tx = begin(journal).transactions[0]
    signed = sign(journal, tx)
    with pytest.raises(ChangedMeanwhile):
        sign(journal, tx, 1)
    journal.move_tx(signed, TxState.BROADCAST)
    with pytest.raises(ChangedMeanwhile):
        journal.move_tx(signed, TxState.MINED)
    record = begin_order(journal)
    journal.move_order(record, OrderState.OPEN)
    with pytest.raises(ChangedMeanwhile):
        journal.move_order(record, OrderState.OPEN)


def test_a_hash_that_is_not_of_the_bytes_is_refused(journal: SqliteJournal) -> None:
    tx = begin(journal).transactions[0]
    with pytest.raises(IllegalMove):
        journal.record_signed(tx, Nonce(0), "0x" + "00" * 32, b"bytes")
    assert journal.highest_nonce(CHAIN_ID, SENDER) is None


def test_signed_bytes_and_history_cannot_be_changed_even_by_sql(path: Path, journal: SqliteJournal) -> None:
    sign_again(journal, sign(journal, begin(journal).transactions[0]))
    db = sqlite3.connect(path)
    for statement in (
        "UPDATE transactions SET raw = x'00'",
        "UPDATE transactions SET nonce = 5",
        "UPDATE transactions SET raw = NULL, nonce = NULL, hash = NULL, state = 'planned'",
        "DELETE FROM transactions",
        "DELETE FROM events",
        "UPDATE events SET after = 'final'",
        "UPDATE transactions SET replaces = NULL WHERE replaces IS NOT NULL",
        "UPDATE transactions SET replaces = 0 WHERE replaces IS NULL",
        INSERT_REPLACEMENT.format(nonce="nonce + 1", replaces=0),
        INSERT_REPLACEMENT.format(nonce="nonce", replaces=1),
    ):
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(statement)
    db.close()


def test_events_tell_the_whole_story(journal: SqliteJournal) -> None:
    record = begin(journal)
    tx = bring_to(journal, record.transactions[0], TxState.FINAL)
    events = [(e.subject, e.before, e.after) for e in journal.events(record.id)]
    assert events[0] == ("payment", "", "planned")
    assert [after for _, _, after in events[1:]] == ["signed", "mined", "final"]
    assert journal.events(record.id)[1].detail == tx.hash


def test_foreign_words_are_cleaned(journal: SqliteJournal) -> None:
    tx = sign(journal, begin(journal).transactions[0])
    assert journal.note_tx(tx, "\x1b[31mred\u202e" + "x" * 1000).detail == "red" + "x" * 296 + "…"


def test_words_about_a_transaction_are_in_its_history_once(journal: SqliteJournal) -> None:
    tx = sign(journal, begin(journal).transactions[0])
    for _ in range(2):
        tx = journal.note_tx(tx, "refused as underpriced")
    said = [event for event in journal.events(tx.payment_id) if event.detail == "refused as underpriced"]
    assert [(event.subject, event.before, event.after) for event in said] == [("step 0", "signed", "signed")]


def test_the_highest_nonce_is_of_one_account_on_one_chain(journal: SqliteJournal) -> None:
    for nonce in (3, 9, 4):
        sign(journal, begin(journal).transactions[0], nonce)
    assert journal.highest_nonce(CHAIN_ID, SENDER) == 9
    assert journal.highest_nonce(CHAIN_ID, somebody()) is None
    assert [tx.nonce for tx in journal.signed_from(CHAIN_ID, SENDER, Nonce(4))] == [4, 9]


def test_open_payments_are_those_that_may_still_change(journal: SqliteJournal) -> None:
    records = {state: begin(journal) for state in TxState}
    for nonce, (state, record) in enumerate(records.items()):
        bring_to(journal, record.transactions[0], state, nonce)
    bridged = begin_order(journal)
    for i, tx in enumerate(bridged.transactions):
        bring_to(journal, tx, TxState.FINAL, 20 + i)
    found = journal.open_payments()
    assert {r.id for r in found} == {r.id for r in journal.history() if r.meaning.open}
    assert bridged.id in {r.id for r in found}
    assert [r.created_at for r in found] == sorted((r.created_at for r in found), reverse=True)


def test_cancelling_leaves_what_was_signed(journal: SqliteJournal) -> None:
    record = begin_order(journal)
    sign(journal, record.transactions[0])
    record = journal.cancel(record.id, "too late")
    assert [tx.state for tx in record.transactions] == [TxState.SIGNED, TxState.CANCELLED]
    assert record.state is PaymentState.CANCELLED


def test_one_refund_at_a_time(journal: SqliteJournal) -> None:
    record = begin_order(journal)
    step = Step(StepKind.REFUND, UnsignedTx(CHAIN_ID, somebody(), Wei(0), b"\2"), Gas(1))
    refund = journal.add_refund(record.id, step)
    assert refund.index == 2
    assert journal.get(record.id).refunds == (refund,)
    with pytest.raises(Refused):
        journal.add_refund(record.id, step)
    bring_to(journal, refund, TxState.REVERTED)
    assert journal.add_refund(record.id, step).index == 3
    with pytest.raises(IllegalMove):
        journal.add_refund(record.id, replace(step, kind=StepKind.TRANSFER))


def test_what_the_recipient_was_called_is_kept_clean_and_tells_no_payments_apart(journal: SqliteJournal) -> None:
    payment = a_payment()
    quote = paying_quote(payment, CHAIN)
    record = journal.begin(payment, [quote], "k", typed_name="alice\x1b[2J.eth\u202e")
    assert record.typed_name == clean("alice\x1b[2J.eth\u202e")
    assert "\x1b" not in record.typed_name
    assert journal.begin(payment, [quote], "k", typed_name="bob") == record
    with pytest.raises(Refused, match="open already"):
        journal.begin(payment, [quote], typed_name="bob")
    assert begin(journal).typed_name == ""


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
        "l2send.wallet.journal.database.MIGRATIONS", (*MIGRATIONS, ("ALTER TABLE payments ADD COLUMN note TEXT",))
    )
    journal = SqliteJournal(path)
    assert journal.get(record.id) == record
    assert journal._db.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS) + 1
    journal.close()


def test_a_journal_of_the_first_version_is_read_and_signed_in(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its steps carry no price, and its transactions replace nothing."""
    with monkeypatch.context() as patch:
        patch.setattr("l2send.wallet.journal.database.MIGRATIONS", MIGRATIONS[:1])
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
        patch.setattr("l2send.wallet.journal.database.MIGRATIONS", broken)
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
    processes = [payer.open_journal(path) for _ in range(6)]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 6
    SqliteJournal(path).close()


def test_time_is_this_machines(journal: SqliteJournal) -> None:
    import time

    assert abs(begin(journal).created_at - UnixTime(int(time.time()))) <= 2
