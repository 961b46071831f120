"""Writes payments into a journal, and brings them to the state that a test needs."""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import replace

from eth_hash.auto import keccak

from l2send.core.plan import ChainAddress, Payment, Quote, StepKind, UnsignedTx
from l2send.core.units import Amount, Nonce, Wei
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.journal.states import TRANSITIONS, TxState
from l2send.wallet.journal.transitions import JournalMoves
from tests.support.addresses import new_address
from tests.wallet.rig import CHAIN_ID, NATIVE, chain_at, order_of, paying_quote

SENDER = new_address()


def _database_errors() -> tuple[type[Exception], ...]:
    try:
        from psycopg import IntegrityError
    except ImportError:
        return (sqlite3.IntegrityError,)
    return sqlite3.IntegrityError, IntegrityError


DATABASE_ERRORS = _database_errors()
"""How a database refuses what no program may do to a journal."""
CHAIN = chain_at("http://127.0.0.1:1")


def a_payment(units: int = 1) -> Payment:
    return Payment(SENDER, ChainAddress(CHAIN_ID, new_address()), Amount(units, NATIVE))


def begin(journal: JournalMoves, payment: Payment | None = None, key: str | None = None) -> PaymentRecord:
    payment = payment or a_payment()
    return begin_one(journal, payment, paying_quote(payment, CHAIN), key)


def begin_one(journal: JournalMoves, payment: Payment, quote: Quote, key: str | None = None) -> PaymentRecord:
    record = journal.begin(payment, [quote], key)
    assert isinstance(record, PaymentRecord)
    return record


def begin_order(journal: JournalMoves) -> PaymentRecord:
    payment = a_payment()
    approve = UnsignedTx(CHAIN_ID, new_address(), Wei(0), b"\1")
    return begin_one(journal, payment, paying_quote(payment, CHAIN, approve, order=order_of(payment, 2**33)))


def sign_again(journal: JournalMoves, tx: TxRecord, kind: StepKind | None = None) -> TxRecord:
    raw = secrets.token_bytes(100)
    return journal.replace(tx, replace(tx.step, kind=kind or tx.step.kind), "0x" + keccak(raw).hex(), raw)


def sign(journal: JournalMoves, tx: TxRecord, nonce: int = 0) -> TxRecord:
    raw = secrets.token_bytes(100)
    return journal.record_signed(tx, Nonce(nonce), "0x" + keccak(raw).hex(), raw)


def bring_to(journal: JournalMoves, tx: TxRecord, state: TxState, nonce: int = 0) -> TxRecord:
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
