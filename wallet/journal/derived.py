"""Computes columns derived from other rows so that lookups use an index; recomputes them when the rules change.

    payments.state, is_open    the leg's state, by the tables in states.py
    payments.recipient         from the payment's JSON
    payments.key_seen          how the idempotency key looks: another key that looks the same is refused
    recipients                 every account that a payment was made out to, by the ends that people compare

Rows of older journals are filled in when a journal is opened, in batches that are committed one by one: if this is
interrupted, the next opening continues.
"""

from __future__ import annotations

from collections.abc import Callable

from l2send.core.address import Address, ends
from l2send.core.look_alikes import looks_of
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.store import Database, Row, Store

RULES = 2
"""Version of the rules for derived columns: tests/wallet/journal/test_derived.py says when to raise it."""
_BATCH = 4000
_ALL = 2**62

ReadPayment = Callable[[Row], PaymentRecord]


def derive(db: Database, payment_id: str, read: ReadPayment) -> None:
    """Compute the derived columns of one payment. Runs in the caller's transaction."""
    row = db.execute("SELECT * FROM payments WHERE id = ?", (payment_id,)).fetchone()
    record = read(row)
    key = None if record.key is None else looks_of(record.key)
    found = (record.state.value, int(record.meaning.open), record.payment.to.address, key)
    if found != (row["state"], row["is_open"], row["recipient"], row["key_seen"]):
        db.execute(
            "UPDATE payments SET state = ?, is_open = ?, recipient = ?, key_seen = ? WHERE id = ?", (*found, payment_id)
        )
    remember_recipient(db, record.payment.to.address)


def remember_recipient(db: Database, account: Address) -> None:
    """Make `account` findable by its first and last characters."""
    db.execute("INSERT INTO recipients (address, ends) VALUES (?, ?) ON CONFLICT DO NOTHING", (account, ends(account)))


def fill_in(store: Store, read: ReadPayment) -> None:
    """Compute the columns of all payments that lack today's version of them, in batches."""
    while not _is_filled(state := store.rows("SELECT rules, filled, target FROM identity", ())[0]):
        with store.writing("", witnessed=False):
            if state["rules"] == RULES:
                _fill_batch(store.db, state["filled"], read)
            else:  # Payments added from now on get their columns at once.
                newest = store.db.execute("SELECT max(seq) AS seq FROM payments").fetchone()["seq"] or 0
                store.db.execute("UPDATE identity SET rules = ?, filled = 0, target = ?", (RULES, newest))


def _is_filled(state: Row) -> bool:
    return bool(state["rules"] == RULES and state["filled"] >= state["target"])


def _fill_batch(db: Database, after: int, read: ReadPayment) -> None:
    rows = db.execute("SELECT seq, id FROM payments WHERE seq > ? ORDER BY seq LIMIT ?", (after, _BATCH)).fetchall()
    for row in rows:
        derive(db, row["id"], read)
    db.execute("UPDATE identity SET filled = ?", (rows[-1]["seq"] if len(rows) == _BATCH else _ALL,))
