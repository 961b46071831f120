"""The journal in one SQLite file, for the processes of one user on one machine.

Every method that writes is one transaction that begins by taking the write lock: what it read before it wrote still
holds. Events are added beside every change and are never taken away.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from eth_hash.auto import keccak

from l2send.core.address import Address
from l2send.core.bridge import OrderState
from l2send.core.errors import Refused, UsageError
from l2send.core.plan import Payment, Quote, Sponsored, Step, StepKind
from l2send.core.text import clean
from l2send.core.units import BlockNumber, ChainId, Nonce, UnixTime
from l2send.wallet.journal import codec
from l2send.wallet.journal.database import failure, open_database
from l2send.wallet.journal.protocol import ChangedMeanwhile, IllegalMove
from l2send.wallet.journal.records import (
    EventRecord,
    GroupRecord,
    OrderRecord,
    PaymentRecord,
    Record,
    SponsoredRecord,
    TxRecord,
)
from l2send.wallet.journal.rows import SIGNATURE_LENGTH, order_record, sponsored_record, tx_record
from l2send.wallet.journal.states import (
    ENDED,
    ENDED_IN_BLOCK,
    IN_FLIGHT,
    ORDER_TRANSITIONS,
    REPLACEABLE,
    SPONSORED_TRANSITIONS,
    TRANSITIONS,
    SponsoredState,
    TxState,
)

# Without 0 o 1 i l u: an id survives being read aloud and typed.
_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"
_ID_LENGTH = 8
_SHORTEST_PREFIX = 3
_LEG_MARK = "."
"""Between the id of a payment and the number of its leg."""
_MAX_DETAIL = 300

# Every payment once, its legs counted as one, with its place in the history.
_WHOLE = "SELECT coalesce(group_id, id) AS whole, min(seq) AS seq FROM payments GROUP BY whole"
_HISTORY_HINT = "`l2send history` lists every payment."

# A superset of the open payments that the indexes can find; the derived state decides.
_MAYBE_OPEN = """
    SELECT * FROM payments WHERE id IN (
        SELECT payment_id FROM transactions
        WHERE state NOT IN ('final', 'reverted', 'replaced', 'cancelled', 'void')
        UNION SELECT payment_id FROM orders WHERE state NOT IN ('filled', 'refunded')
    ) ORDER BY seq DESC
"""


class SqliteJournal:
    """A journal in one SQLite file, for the processes of one user on one machine."""

    def __init__(self, path: Path) -> None:
        """Open the journal, or create it. Raises ConfigError if it cannot be trusted or read."""
        self.path = path
        self._db = open_database(path)

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One committed transaction, or none of it. Raises ConfigError where the disk fails."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise failure(self.path, error) from error

    def _rows(self, query: str, *values: str | int | None) -> list[sqlite3.Row]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise failure(self.path, error) from error

    def begin(
        self,
        payment: Payment,
        legs: Sequence[Quote],
        key: str | None = None,
        *,
        again: bool = False,
        typed_name: str = "",
    ) -> Record:
        """See Journal."""
        fingerprint = codec.fingerprint(payment)
        with self._writing():
            known = self._with_key(key, fingerprint) if key is not None else None
            if known:
                return known
            if not again:
                self._refuse_if_open(fingerprint, key)
            payment_id = self._insert_all(payment, legs, key, fingerprint, clean(typed_name, 100))
        return self.find(payment_id)

    def known(self, payment: Payment, key: str) -> Record | None:
        """See Journal."""
        return self._with_key(key, codec.fingerprint(payment))

    def _with_key(self, key: str, fingerprint: str) -> Record | None:
        rows = self._rows("SELECT id, fingerprint FROM payments WHERE idempotency_key = ?", key)
        if not rows:
            return None
        if rows[0]["fingerprint"] != fingerprint:
            raise UsageError(
                f"the idempotency key {key[:60]!r} belongs to another payment, {_whole_id(rows[0]['id'])}.",
                hint="A key stands for one payment. Use a new key for this one.",
            )
        return self.find(rows[0]["id"])

    def _refuse_if_open(self, fingerprint: str, key: str | None) -> None:
        for row in self._rows("SELECT id FROM payments WHERE fingerprint = ?", fingerprint):
            record = self.find(row["id"])
            if not record.meaning.open or (key is not None and record.key is not None):
                continue
            raise Refused(
                f"the same payment is open already: {record.id} ({record.state}). {record.meaning.money}",
                hint=f"Continue it with `l2send resume {record.id}`, or pay a second time with --again.",
            )

    def _insert_all(
        self, payment: Payment, legs: Sequence[Quote], key: str | None, fingerprint: str, typed_name: str
    ) -> str:
        whole_id = self._free_id()
        if len(legs) == 1:
            self._insert(whole_id, payment, legs[0], key, fingerprint, typed_name)
            return whole_id
        if sum(quote.delivers.units for quote in legs) != payment.amount.units:
            raise ValueError("the legs do not sum to the payment")
        for leg, quote in enumerate(legs, 1):
            part, leg_id = replace(payment, amount=quote.delivers), f"{whole_id}{_LEG_MARK}{leg}"
            self._insert(leg_id, part, quote, key if leg == 1 else None, fingerprint, typed_name, leg)
        return whole_id

    def _insert(
        self,
        payment_id: str,
        payment: Payment,
        quote: Quote,
        key: str | None,
        fingerprint: str,
        typed_name: str,
        leg: int | None = None,
    ) -> None:
        now = int(time.time())
        terms = codec.dump(codec.terms_json(codec.Terms.of(quote)))
        self._db.execute(
            "INSERT INTO payments (id, idempotency_key, fingerprint, created_at, sender, payment, terms, group_id, leg,"
            " typed_name) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                payment_id,
                key,
                fingerprint,
                now,
                payment.sender,
                codec.dump(codec.payment_json(payment)),
                terms,
                None if leg is None else _whole_id(payment_id),
                leg,
                typed_name,
            ),
        )
        if not quote.steps and not quote.sponsored:
            raise ValueError("a payment without steps pays nothing")
        if quote.steps and quote.sponsored:
            raise ValueError("a payment has steps, or messages for a sponsor, and never both")
        if quote.sponsored:
            self._insert_sponsored(payment_id, quote.sponsored)
        for index, step in enumerate(quote.steps):
            self._insert_step(payment_id, index, payment.sender, step)
        if quote.order:
            self._db.execute(
                "INSERT INTO orders (payment_id, body, state) VALUES (?, ?, ?)",
                (payment_id, codec.dump(codec.order_json(quote.order)), OrderState.NOT_OPEN),
            )
        self._event(payment_id, "payment", "", "planned", quote.bridge)

    def _insert_step(self, payment_id: str, index: int, sender: Address, step: Step) -> None:
        self._db.execute(
            "INSERT INTO transactions (payment_id, step, kind, chain_id, sender, body, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (payment_id, index, step.kind, step.tx.chain_id, sender, _body(step), TxState.PLANNED),
        )

    def _insert_sponsored(self, payment_id: str, sponsored: Sponsored) -> None:
        self._db.execute(
            "INSERT INTO sponsored (payment_id, body, state) VALUES (?, ?, ?)",
            (payment_id, codec.dump(codec.sponsored_json(sponsored)), SponsoredState.PLANNED),
        )

    def _free_id(self) -> str:
        while True:
            payment_id = "p-" + "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
            if not self._rows("SELECT 1 FROM payments WHERE ? IN (id, group_id)", payment_id):
                return payment_id

    def _event(self, payment_id: str, subject: str, before: str, after: str, detail: str) -> None:
        self._db.execute(
            "INSERT INTO events (payment_id, at, subject, before, after, detail) VALUES (?, ?, ?, ?, ?, ?)",
            (payment_id, int(time.time()), subject, before, after, detail),
        )

    def find(self, payment_id: str) -> Record:
        """See Journal."""
        wanted = payment_id.strip().lower()
        wanted = _whole_id(wanted if wanted.startswith("p-") else f"p-{wanted}")
        if not re.fullmatch(rf"p-[{_ALPHABET}]{{{_SHORTEST_PREFIX},{_ID_LENGTH}}}", wanted):
            raise UsageError(f"{clean(payment_id, 40)!r} is not a payment's id.", hint=_HISTORY_HINT)
        ids = [row["whole"] for row in self._rows(_WHOLE + " HAVING whole LIKE ? ORDER BY seq", wanted + "%")]
        if not ids:
            raise UsageError(f"no payment {wanted} in this journal.", hint=_HISTORY_HINT)
        if len(ids) > 1:
            raise UsageError(
                f"{wanted} is the start of {len(ids)} payments: {', '.join(ids[:5])}.", hint="Type more of it."
            )
        return self._whole(ids[0])

    def get(self, payment_id: str) -> PaymentRecord:
        """See Journal."""
        exact = self._rows("SELECT * FROM payments WHERE id = ?", payment_id)
        if exact:
            return self._payment(exact[0])
        found = self.find(payment_id)
        if isinstance(found, GroupRecord):
            legs = ", ".join(leg.id for leg in found.legs)
            raise UsageError(f"{found.id} is paid from several chains.", hint=f"Name one of its legs: {legs}")
        return found

    def history(self, limit: int | None = None) -> list[Record]:
        """See Journal."""
        rows = self._rows(_WHOLE + " ORDER BY seq DESC LIMIT ?", -1 if limit is None else limit)
        return [self._whole(row["whole"]) for row in rows]

    def open_payments(self) -> list[Record]:
        """See Journal."""
        ids = dict.fromkeys(_whole_id(row["id"]) for row in self._rows(_MAYBE_OPEN))
        records = (self._whole(payment_id) for payment_id in ids)
        return [record for record in records if record.meaning.open]

    def _whole(self, whole_id: str) -> Record:
        """The payment of exactly that id, with all its legs."""
        rows = self._rows("SELECT * FROM payments WHERE ? IN (id, group_id) ORDER BY leg", whole_id)
        legs = tuple(self._payment(row) for row in rows)
        return legs[0] if legs[0].group_id is None else GroupRecord(whole_id, legs)

    def events(self, payment_id: str) -> list[EventRecord]:
        """See Journal."""
        rows = self._rows("SELECT * FROM events WHERE payment_id = ? ORDER BY seq", payment_id)
        return [EventRecord(UnixTime(r["at"]), r["subject"], r["before"], r["after"], r["detail"]) for r in rows]

    def record_signed(self, tx: TxRecord, nonce: Nonce, tx_hash: str, raw: bytes) -> TxRecord:
        """See Journal."""
        if tx_hash != "0x" + keccak(raw).hex():
            raise IllegalMove("the hash is not that of the signed bytes.")
        with self._writing() as db:
            if self._transaction(tx.payment_id, tx.index).step != tx.step:
                raise ChangedMeanwhile(f"{tx.payment_id} got a new quote meanwhile.")
            changed = db.execute(
                "UPDATE transactions SET state = ?, nonce = ?, hash = ?, raw = ?, signed_at = ?"
                " WHERE payment_id = ? AND step = ? AND state = ?",
                (
                    TxState.SIGNED,
                    nonce,
                    tx_hash,
                    raw,
                    int(time.time()),
                    tx.payment_id,
                    tx.index,
                    TxState.PLANNED,
                ),
            )
            _expect_one(changed, tx.payment_id)
            self._event(tx.payment_id, f"step {tx.index}", TxState.PLANNED, TxState.SIGNED, tx_hash)
        return self._transaction(tx.payment_id, tx.index)

    def replace(self, former: TxRecord, step: Step, tx_hash: str, raw: bytes) -> TxRecord:
        """See Journal."""
        if tx_hash != "0x" + keccak(raw).hex():
            raise IllegalMove("the hash is not that of the signed bytes.")
        with self._writing():
            record = self.get(former.payment_id)
            attempts = record.attempts(former.step_index)
            if attempts[-1].index != former.index or any(tx.state not in REPLACEABLE for tx in attempts):
                raise ChangedMeanwhile(f"another l2send is working on {record.id}.")
            index = self._insert_attempt(record, former, step, tx_hash, raw, TxState.SIGNED)
            detail = f"{tx_hash}, instead of {former.hash}"
            self._event(record.id, f"step {index}", "", TxState.SIGNED, detail)
        return self._transaction(record.id, index)

    def adopt(self, former: TxRecord, step: Step, tx_hash: str, raw: bytes) -> TxRecord:
        """See Journal."""
        if tx_hash != "0x" + keccak(raw).hex():
            raise IllegalMove("the hash is not that of the signed bytes.")
        with self._writing():
            record = self.get(former.payment_id)
            attempts = record.attempts(former.step_index)
            if any(tx.state not in IN_FLIGHT or tx.hash == tx_hash for tx in attempts):
                raise ChangedMeanwhile(f"another l2send is working on {record.id}.")
            index = self._insert_attempt(record, former, step, tx_hash, raw, TxState.BROADCAST)
            detail = f"{tx_hash}, sent by another wallet with the nonce of {former.hash}"
            self._event(record.id, f"step {index}", "", TxState.BROADCAST, detail)
        return self._transaction(record.id, index)

    def _insert_attempt(
        self, record: PaymentRecord, former: TxRecord, step: Step, tx_hash: str, raw: bytes, state: TxState
    ) -> int:
        index = len(record.transactions)
        self._db.execute(
            "INSERT INTO transactions (payment_id, step, replaces, kind, chain_id, sender, body, state,"
            " nonce, hash, raw, signed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.id,
                index,
                former.step_index,
                step.kind,
                step.tx.chain_id,
                former.sender,
                _body(step),
                state,
                former.nonce,
                tx_hash,
                raw,
                int(time.time()),
            ),
        )
        return index

    def move_tx(
        self,
        tx: TxRecord,
        to: TxState,
        *,
        block: BlockNumber | None = None,
        block_hash: str = "",
        detail: str = "",
    ) -> TxRecord:
        """See Journal."""
        if to is TxState.SIGNED:
            raise IllegalMove("only record_signed makes a transaction signed.")
        if to is TxState.VOID:
            raise IllegalMove("a transaction becomes void with the end of another.")
        if to not in TRANSITIONS[tx.state]:
            raise IllegalMove(f"a transaction that is {tx.state} cannot become {to}.")
        detail = clean(detail, _MAX_DETAIL)
        with self._writing() as db:
            changed = db.execute(
                "UPDATE transactions SET state = ?, block = ?, block_hash = ?, detail = ?"
                " WHERE payment_id = ? AND step = ? AND state = ?",
                (to, block, block_hash, detail, tx.payment_id, tx.index, tx.state),
            )
            _expect_one(changed, tx.payment_id)
            self._event(tx.payment_id, f"step {tx.index}", tx.state, to, detail)
            if to in ENDED_IN_BLOCK:
                self._void_rivals(tx)
        return self._transaction(tx.payment_id, tx.index)

    def _void_rivals(self, tx: TxRecord) -> None:
        """What else was signed for the step of `tx` can never be mined: its nonce is used up for good."""
        for rival in self.get(tx.payment_id).attempts(tx.step_index):
            if rival.index == tx.index or rival.state in ENDED:
                continue
            self._db.execute(
                "UPDATE transactions SET state = ?, detail = ? WHERE payment_id = ? AND step = ?",
                (TxState.VOID, f"{tx.hash} has its nonce", tx.payment_id, rival.index),
            )
            self._event(tx.payment_id, f"step {rival.index}", rival.state, TxState.VOID, tx.hash)

    def note_tx(self, tx: TxRecord, detail: str) -> TxRecord:
        """See Journal."""
        detail = clean(detail, _MAX_DETAIL)
        if detail == tx.detail:
            return tx
        with self._writing() as db:
            changed = db.execute(
                "UPDATE transactions SET detail = ? WHERE payment_id = ? AND step = ? AND state = ?",
                (detail, tx.payment_id, tx.index, tx.state),
            )
            _expect_one(changed, tx.payment_id)
            self._event(tx.payment_id, f"step {tx.index}", tx.state, tx.state, detail)
        return self._transaction(tx.payment_id, tx.index)

    def record_messages_signed(self, payment: PaymentRecord, signatures: Sequence[bytes]) -> PaymentRecord:
        """See Journal."""
        record = _sponsored_of(payment)
        if [len(one) for one in signatures] != [SIGNATURE_LENGTH] * len(record.sponsored.messages):
            raise IllegalMove("every message has one signature of 65 bytes.")
        with self._writing() as db:
            changed = db.execute(
                "UPDATE sponsored SET state = ?, signatures = ?, signed_at = ? WHERE payment_id = ? AND state = ?",
                (SponsoredState.SIGNED, b"".join(signatures), int(time.time()), payment.id, SponsoredState.PLANNED),
            )
            _expect_one(changed, payment.id)
            self._event(payment.id, "messages", SponsoredState.PLANNED, SponsoredState.SIGNED, "")
        return self.get(payment.id)

    def move_sponsored(
        self,
        payment: PaymentRecord,
        to: SponsoredState,
        *,
        opening_tx: str = "",
        block: BlockNumber | None = None,
        detail: str = "",
    ) -> PaymentRecord:
        """See Journal."""
        before = _sponsored_of(payment).state
        if before is SponsoredState.PLANNED or to not in SPONSORED_TRANSITIONS[before]:
            raise IllegalMove(f"messages that are {before} cannot become {to} so.")
        detail = clean(detail, _MAX_DETAIL)
        with self._writing() as db:
            changed = db.execute(
                "UPDATE sponsored SET state = ?, opening_tx = ?, block = ?, detail = ?"
                " WHERE payment_id = ? AND state = ?",
                (to, opening_tx, block, detail, payment.id, before),
            )
            _expect_one(changed, payment.id)
            self._event(payment.id, "messages", before, to, detail or opening_tx)
        return self.get(payment.id)

    def note_sponsored(self, payment: PaymentRecord, detail: str) -> PaymentRecord:
        """See Journal."""
        record, detail = _sponsored_of(payment), clean(detail, _MAX_DETAIL)
        if detail == record.detail:
            return payment
        with self._writing() as db:
            changed = db.execute(
                "UPDATE sponsored SET detail = ? WHERE payment_id = ? AND state = ?",
                (detail, payment.id, record.state),
            )
            _expect_one(changed, payment.id)
            self._event(payment.id, "messages", record.state, record.state, detail)
        return self.get(payment.id)

    def move_order(
        self, payment: PaymentRecord, to: OrderState, *, fill_tx: str = "", detail: str = ""
    ) -> PaymentRecord:
        """See Journal."""
        if payment.order is None:
            raise IllegalMove(f"{payment.id} opens no order.")
        before = payment.order.state
        if to not in ORDER_TRANSITIONS[before]:
            raise IllegalMove(f"an order that is {before} cannot become {to}.")
        return self._set_order(payment, payment.order, to, fill_tx, detail)

    def note_order(self, payment: PaymentRecord, detail: str, fill_tx: str = "") -> PaymentRecord:
        """See Journal."""
        if payment.order is None:
            raise IllegalMove(f"{payment.id} opens no order.")
        if (detail, fill_tx) == (payment.order.detail, payment.order.fill_tx):
            return payment
        return self._set_order(payment, payment.order, payment.order.state, fill_tx, detail)

    def _set_order(
        self, payment: PaymentRecord, order: OrderRecord, to: OrderState, fill_tx: str, detail: str
    ) -> PaymentRecord:
        detail = clean(detail, _MAX_DETAIL)
        with self._writing() as db:
            changed = db.execute(
                "UPDATE orders SET state = ?, fill_tx = ?, detail = ? WHERE payment_id = ? AND state = ?",
                (to, fill_tx, detail, payment.id, order.state),
            )
            _expect_one(changed, payment.id)
            if to is not order.state:
                self._event(payment.id, "order", order.state, to, detail)
        return self.get(payment.id)

    def cancel(self, payment_id: str, detail: str) -> PaymentRecord:
        """See Journal."""
        with self._writing():
            self._cancel(payment_id, clean(detail, _MAX_DETAIL))
        return self.get(payment_id)

    def _cancel(self, payment_id: str, detail: str) -> None:
        rows = self._db.execute(
            "UPDATE transactions SET state = ?, detail = ? WHERE payment_id = ? AND state = ? RETURNING step",
            (TxState.CANCELLED, detail, payment_id, TxState.PLANNED),
        ).fetchall()
        for row in rows:
            self._event(payment_id, f"step {row['step']}", TxState.PLANNED, TxState.CANCELLED, detail)
        messages = self._db.execute(
            "UPDATE sponsored SET state = ?, detail = ? WHERE payment_id = ? AND state = ?",
            (SponsoredState.CANCELLED, detail, payment_id, SponsoredState.PLANNED),
        )
        if messages.rowcount:
            self._event(payment_id, "messages", SponsoredState.PLANNED, SponsoredState.CANCELLED, detail)

    def abandon(self, group: GroupRecord, detail: str) -> GroupRecord:
        """See Journal."""
        with self._writing():
            legs = [self.get(leg.id) for leg in group.legs]
            if not all(leg.is_unsigned for leg in legs):
                raise ChangedMeanwhile(f"another l2send is working on {group.id}.")
            for leg in legs:
                self._cancel(leg.id, clean(detail, _MAX_DETAIL))
        return GroupRecord(group.id, tuple(self.get(leg.id) for leg in group.legs))

    def requote(self, payment: PaymentRecord, quote: Quote) -> PaymentRecord:
        """See Journal."""
        if payment.order is None or quote.order is None or quote.delivers != payment.payment.amount:
            raise IllegalMove("only an order is quoted anew, for the same delivery.")
        with self._writing() as db:
            record = self.get(payment.id)
            planned = [tx for tx in record.approved if tx.state is TxState.PLANNED]
            if record != payment or not planned or planned[-1] != record.approved[-1]:
                raise ChangedMeanwhile(f"another l2send is working on {payment.id}.")
            if len(quote.steps) < len(planned):
                raise IllegalMove("a new quote needs every step that is left.")
            for tx, step in zip(planned, quote.steps, strict=False):
                db.execute(
                    "UPDATE transactions SET kind = ?, body = ? WHERE payment_id = ? AND step = ? AND state = ?",
                    (step.kind, _body(step), record.id, tx.index, TxState.PLANNED),
                )
            for index, step in enumerate(quote.steps[len(planned) :], len(record.transactions)):
                self._insert_step(record.id, index, record.payment.sender, step)
            terms = codec.dump(codec.terms_json(codec.Terms.of(quote)))
            db.execute("UPDATE payments SET terms = ? WHERE id = ?", (terms, record.id))
            body = codec.dump(codec.order_json(quote.order))
            db.execute("UPDATE orders SET body = ? WHERE payment_id = ?", (body, record.id))
            detail = f"pays {quote.pays} instead of {record.terms.pays}"
            self._event(record.id, "payment", "planned", "requoted", detail)
        return self.get(payment.id)

    def add_refund(self, payment_id: str, step: Step) -> TxRecord:
        """See Journal."""
        return self._add_afterwards(payment_id, step, StepKind.REFUND)

    def add_revocation(self, payment_id: str, step: Step) -> TxRecord:
        """See Journal."""
        return self._add_afterwards(payment_id, step, StepKind.REVOKE)

    def _add_afterwards(self, payment_id: str, step: Step, kind: StepKind) -> TxRecord:
        if step.kind is not kind:
            raise IllegalMove(f"a {step.kind} is no {kind}.")
        with self._writing():
            record = self.get(payment_id)
            for earlier in record.refunds if kind is StepKind.REFUND else record.revocations:
                if TRANSITIONS[earlier.outcome]:
                    raise Refused(f"a {kind} of {record.id} is under way already ({earlier.state}).")
            index = len(record.transactions)
            self._insert_step(record.id, index, record.payment.sender, step)
            self._event(record.id, f"step {index}", "", TxState.PLANNED, kind)
        return self._transaction(record.id, index)

    def highest_nonce(self, chain_id: ChainId, sender: Address) -> Nonce | None:
        """See Journal."""
        rows = self._rows(
            "SELECT max(nonce) AS nonce FROM transactions WHERE chain_id = ? AND sender = ?", chain_id, sender
        )
        return None if rows[0]["nonce"] is None else Nonce(rows[0]["nonce"])

    def signed_from(self, chain_id: ChainId, sender: Address, nonce: Nonce) -> list[TxRecord]:
        """See Journal."""
        rows = self._rows(
            "SELECT * FROM transactions WHERE chain_id = ? AND sender = ? AND nonce >= ? ORDER BY nonce",
            chain_id,
            sender,
            nonce,
        )
        return [tx_record(row) for row in rows]

    def _transaction(self, payment_id: str, index: int) -> TxRecord:
        rows = self._rows("SELECT * FROM transactions WHERE payment_id = ? AND step = ?", payment_id, index)
        return tx_record(rows[0])

    def _payment(self, row: sqlite3.Row) -> PaymentRecord:
        steps = self._rows("SELECT * FROM transactions WHERE payment_id = ? ORDER BY step", row["id"])
        orders = self._rows("SELECT * FROM orders WHERE payment_id = ?", row["id"])
        sponsored = self._rows("SELECT * FROM sponsored WHERE payment_id = ?", row["id"])
        return PaymentRecord(
            id=row["id"],
            key=row["idempotency_key"],
            created_at=UnixTime(row["created_at"]),
            payment=codec.payment_from(codec.load(row["payment"])),
            terms=codec.terms_from(codec.load(row["terms"])),
            transactions=tuple(tx_record(step) for step in steps),
            order=order_record(orders),
            group_id=row["group_id"],
            sponsored=sponsored_record(sponsored),
            typed_name=row["typed_name"],
        )


def _whole_id(payment_id: str) -> str:
    """The id of the payment that a leg of this id belongs to; else the id itself."""
    return payment_id.partition(_LEG_MARK)[0]


def _body(step: Step) -> str:
    return codec.dump(codec.step_json(step))


def _sponsored_of(payment: PaymentRecord) -> SponsoredRecord:
    if payment.sponsored is None:
        raise IllegalMove(f"{payment.id} is opened by no sponsor.")
    return payment.sponsored


def _expect_one(changed: sqlite3.Cursor, payment_id: str) -> None:
    if changed.rowcount != 1:
        raise ChangedMeanwhile(f"another l2send is working on {payment_id}.")
