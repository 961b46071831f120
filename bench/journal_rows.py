"""Makes journals of any size: the journal writes one real payment, the other rows are copies of it.

The copies differ in id, recipient, key, nonce, bytes and hash. Every tenth goes to one account, in one amount, as a
salary does each month; the others to accounts that are paid twenty times each. SQLite copies them itself, and makes the
indexes afterwards: a million payments take a minute or two.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from eth_hash.auto import keccak

from l2send.core.address import Address, checksum, ends
from l2send.core.chains import Chain
from l2send.core.plan import ChainAddress, Payment, Quote, Step, StepKind, UnsignedTx
from l2send.core.units import Amount, Gas, Nonce, Seconds, Wei
from l2send.wallet.journal.lookups import ALPHABET, ID_LENGTH
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.states import TxState

_SAME_ACCOUNT_EVERY = 10
_PAID_TIMES = 20
_RAW_BYTES = 120
_BATCH = 100_000
_SPREAD = 459_165_024_073
"""Has no factor of the number of ids: each number gets another id, spread over all of them."""

_COPIES: Mapping[str, Mapping[str, str]] = {
    "payments": {
        "id": "copies.id",
        "idempotency_key": "'invoice-' || copies.number",
        "key_seen": "'invoice-' || copies.number",
        "created_at": "1600000000 + copies.number * 60",
        "payment": "replace(template.payment, :recipient, copies.account)",
        "fingerprint": "replace(template.fingerprint, :recipient, copies.account)",
        "recipient": "copies.account",
    },
    "transactions": {
        "payment_id": "copies.id",
        "body": "replace(template.body, :recipient, copies.account)",
        "nonce": "copies.number",
        "raw": f"randomblob({_RAW_BYTES})",
        "hash": "'0x' || lower(hex(randomblob(32)))",
    },
    "events": {"payment_id": "copies.id"},
}
"""For each table the columns in which a copy differs from the template, and how. `seq` is counted by SQLite."""

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Template:
    """The rows of one delivered payment, by their tables."""

    payment: Row
    transaction: Row
    events: tuple[Row, ...]
    recipient: Address


def payment_to(account: Address, sender: Address, chain: Chain) -> Payment:
    """One wei of the chain's coin, on that chain."""
    return Payment(sender, ChainAddress(chain.chain_id, account), Amount(1, chain.native))


def quote_of(payment: Payment, chain: Chain) -> Quote:
    """The direct way."""
    tx = UnsignedTx(chain.chain_id, payment.to.address, Wei(payment.amount.units), b"")
    step = Step(StepKind.TRANSFER, tx, Gas(21_000))
    return Quote("direct", chain, payment.amount, payment.amount, (), Seconds(2), (step,), None)


def account_of(number: int) -> Address:
    """The account that the payment of that number goes to."""
    return _account(0 if number % _SAME_ACCOUNT_EVERY == 0 else 1 + number // _PAID_TIMES)


@lru_cache(1000)
def _account(who: int) -> Address:
    return checksum(keccak(b"account %d" % who)[12:])


@lru_cache(1000)
def id_of(number: int) -> str:
    """An id of the usual form, a different one for each number."""
    value = (number * _SPREAD + _SPREAD) % len(ALPHABET) ** ID_LENGTH
    digits = list[str]()
    for _ in range(ID_LENGTH):
        value, digit = divmod(value, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "p-" + "".join(reversed(digits))


def deliver(journal: SqliteJournal, payment: Payment, chain: Chain, nonce: int) -> PaymentRecord:
    """A payment, from its beginning to its end, written as the executor writes it."""
    record = journal.begin(payment, [quote_of(payment, chain)], again=True)
    assert isinstance(record, PaymentRecord)
    raw = keccak(b"%d" % nonce) * 4
    tx = journal.record_signed(record.transactions[0], Nonce(nonce), "0x" + keccak(raw).hex(), raw)
    for state in (TxState.BROADCAST, TxState.MINED, TxState.FINAL):
        tx = journal.move_tx(tx, state)
    return journal.get(record.id)


def template_in(path: Path, sender: Address, chain: Chain) -> Template:
    """The first payment of the journal at `path`, which is made."""
    journal = SqliteJournal(path)
    account = account_of(0)
    record = deliver(journal, payment_to(account, sender, chain), chain, 0)
    journal.close()
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    (payment,) = db.execute("SELECT * FROM payments WHERE id = ?", (record.id,)).fetchall()
    (transaction,) = db.execute("SELECT * FROM transactions WHERE payment_id = ?", (record.id,)).fetchall()
    events = db.execute("SELECT * FROM events WHERE payment_id = ? ORDER BY seq", (record.id,)).fetchall()
    db.close()
    return Template(dict(payment), dict(transaction), tuple(dict(event) for event in events), account)


def grow(path: Path, template: Template, first: int, last: int) -> None:
    """Add payments with the numbers from `first` to before `last`, without waiting for the disk."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for setting in ("synchronous = OFF", "cache_size = -400000", "foreign_keys = OFF", "journal_mode = OFF"):
            db.execute(f"PRAGMA {setting}").fetchall()
        indexes = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
        for name, _ in indexes:
            db.execute(f"DROP INDEX {name}")
        for start in range(first, last, _BATCH):
            _copy(db, template, range(start, min(start + _BATCH, last)))
        for _, sql in indexes:
            db.execute(sql)
        db.execute("PRAGMA journal_mode = WAL").fetchall()
    with path.open("rb") as file:
        os.fsync(file.fileno())  # otherwise the disk is still written to while commands are measured


def _copy(db: sqlite3.Connection, template: Template, numbers: range) -> None:
    """One copy of the template for each number."""
    db.execute("BEGIN IMMEDIATE")
    db.execute("CREATE TEMP TABLE copies (number INTEGER PRIMARY KEY, id TEXT, account TEXT)")
    rows = ((number, id_of(number), account_of(number)) for number in numbers)
    db.executemany("INSERT INTO copies VALUES (?, ?, ?)", rows)
    _insert(db, "payments", [template.payment], template.recipient)
    _insert(db, "transactions", [template.transaction], template.recipient)
    _insert(db, "events", template.events, template.recipient)
    accounts = {account_of(number) for number in numbers}
    db.executemany("INSERT OR IGNORE INTO recipients VALUES (?, ?)", [(one, ends(one)) for one in accounts])
    db.execute("DROP TABLE copies")
    db.execute("COMMIT")


def _insert(db: sqlite3.Connection, table: str, templates: Sequence[Row], recipient: Address) -> None:
    names = [name for name in templates[0] if name != "seq"]
    columns, marks = ", ".join(names), ", ".join("?" * len(names))
    db.execute(f"CREATE TEMP TABLE template ({columns})")
    db.executemany(f"INSERT INTO template VALUES ({marks})", [[row[name] for name in names] for row in templates])
    values = ", ".join(_COPIES[table].get(name, f"template.{name}") for name in names)
    ordered = "FROM copies CROSS JOIN template ORDER BY copies.number, template.rowid"
    db.execute(f"INSERT INTO {table} ({columns}) SELECT {values} {ordered}", {"recipient": recipient})
    db.execute("DROP TABLE template")
