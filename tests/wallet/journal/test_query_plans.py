"""Every statement of the journal, as SQLite plans it: only counting ones scan a whole table."""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import replace
from pathlib import Path

from eth_hash.auto import keccak

from l2send.core.bridge_protocol import OrderState
from l2send.core.plan import Step, StepKind
from l2send.core.spending_limits import parse_limits
from l2send.core.units import Nonce, Seconds
from l2send.wallet.journal.records import TxRecord
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.states import TxState
from tests.wallet.journal.test_groups import begin_legs
from tests.wallet.journal.writing import SENDER, a_payment, begin, begin_order, sign, sign_again

_EXPORTS = ("SELECT count(*) AS n FROM payments",)
_ONE_ROW = ("identity", "shared_limits")
"""Tables of one row."""
_OPEN_ALONE = ("USING INDEX payments_open", "USING INDEX queue_waiting")
"""Indexes of the open payments, and of the lines that wait, and no others."""


def everything(journal: SqliteJournal) -> None:
    """Each thing that a journal can do, once."""
    payment = a_payment()
    record = begin(journal, payment, "key")
    journal.known(payment, "key")
    journal.keyed("no such key")
    journal.keyed_under("k")
    journal.find(record.id[:5])
    journal.history(5)
    journal.history(5, record.id)
    journal.open_payments()
    journal.events(record.id)
    journal.count()
    journal.paid_recently(payment, Seconds(60))
    journal.paid_before(payment.to.address)
    journal.recipients_like(payment.to.address)
    tx = sign(journal, record.transactions[0])
    tx = journal.note_tx(tx, "words")
    again = sign_again(journal, tx)
    journal.move_tx(journal.move_tx(again, TxState.MINED), TxState.FINAL)
    journal.highest_nonce(tx.chain_id, SENDER)
    journal.signed_from(tx.chain_id, SENDER, Nonce(0))
    journal.signed_with(tx.chain_id, SENDER, Nonce(0))
    order = begin_order(journal)
    order = journal.move_order(order, OrderState.OPEN)
    order = journal.note_order(order, "words")
    journal.cancel(order.id, "no more")
    order = journal.move_order(journal.get(order.id), OrderState.REFUND_DUE)
    raw = secrets.token_bytes(9)
    refund = journal.add_refund(order.id, _step(tx, StepKind.REFUND))
    journal.record_signed(refund, Nonce(9), "0x" + keccak(raw).hex(), raw)
    journal.add_revocation(order.id, _step(tx, StepKind.REVOKE))
    journal.read_limits = lambda: [parse_limits({"per_day": ["1 ETH"]}, "", "policy.toml")]
    begin(journal)


def _step(tx: TxRecord, kind: StepKind) -> Step:
    return replace(tx.step, kind=kind)


def test_no_statement_reads_a_whole_table(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    statements = set[str]()
    journal._db.set_trace_callback(statements.add)
    everything(journal)
    group = begin_legs(journal)
    journal.abandon(group, "no more")
    journal.find(group.id)
    journal._db.set_trace_callback(None)
    journal._db.execute("UPDATE identity SET rules = 0")
    journal._db.set_trace_callback(statements.add)
    journal._fill_in()
    journal._db.set_trace_callback(None)
    plain = {s for s in statements if s.lstrip().upper().startswith(("SELECT", "UPDATE", "INSERT", "DELETE"))}
    assert len(plain) > 30
    scans = [(s, step) for s in sorted(plain) for step in _plan(journal._db, s) if _reads_all(step)]
    journal.close()
    assert [scan for scan in scans if not scan[0].startswith(_EXPORTS)] == []


def _plan(db: sqlite3.Connection, statement: str) -> list[str]:
    return [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + statement)]


def _reads_all(step: str) -> bool:
    return step.startswith("SCAN") and not step.endswith((*_ONE_ROW, *_OPEN_ALONE)) and "CONSTANT ROW" not in step
