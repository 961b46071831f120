"""Makes journals of any size: the journal writes one real payment, the other rows are copies of it.

The copies differ in id, recipient, key, nonce, bytes and hash. Every tenth goes to one account, in one amount, as a
salary does each month; the others to accounts that are paid twenty times each.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
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
_BATCH = 10_000
_SPREAD = 459_165_024_073
"""Has no factor of the number of ids: each number gets another id, spread over all of them."""

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
    db = sqlite3.connect(path, isolation_level=None)
    for setting in ("synchronous = OFF", "cache_size = -400000", "foreign_keys = OFF"):
        db.execute(f"PRAGMA {setting}")
    for start in range(first, last, _BATCH):
        numbers = range(start, min(start + _BATCH, last))
        db.execute("BEGIN IMMEDIATE")
        _insert(db, "payments", (_payment(template, number) for number in numbers))
        _insert(db, "transactions", (_transaction(template, number) for number in numbers))
        _insert(db, "events", (event for number in numbers for event in _events(template, number)))
        accounts = {account_of(number) for number in numbers}
        db.executemany("INSERT OR IGNORE INTO recipients VALUES (?, ?)", [(one, ends(one)) for one in accounts])
        db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def _insert(db: sqlite3.Connection, table: str, rows: Iterator[Row]) -> None:
    first = next(rows)
    names = [name for name in first if name != "seq"]
    marks = ", ".join("?" * len(names))
    values = ([row[name] for name in names] for row in _again(first, rows))
    db.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", values)


def _again(first: Row, rows: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rows


def _payment(template: Template, number: int) -> Row:
    account = account_of(number)
    moved = {
        name: str(template.payment[name]).replace(template.recipient, account)
        for name in ("payment", "fingerprint", "recipient")
    }
    key = f"invoice-{number}"
    made = {"id": id_of(number), "idempotency_key": key, "key_seen": key, "created_at": 1_600_000_000 + number * 60}
    return template.payment | moved | made


def _transaction(template: Template, number: int) -> Row:
    raw = hashlib.shake_128(b"raw %d" % number).digest(_RAW_BYTES)
    body = str(template.transaction["body"]).replace(template.recipient, account_of(number))
    signed = {"nonce": number, "raw": raw, "hash": "0x" + hashlib.sha256(raw).hexdigest()}
    return template.transaction | {"payment_id": id_of(number), "body": body} | signed


def _events(template: Template, number: int) -> Iterator[Row]:
    return (event | {"payment_id": id_of(number)} for event in template.events)
