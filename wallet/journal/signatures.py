"""Commits signatures to the journal before anything that contains them leaves this machine.

Database constraints allow one step per nonce and one signature per message, and the store checks in the same commit
that this process still holds the account's lock.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from eth_hash.auto import keccak

from l2send.core.plan import Step
from l2send.core.units import Nonce
from l2send.wallet.journal.approved_payment import ApprovedPayment
from l2send.wallet.journal.beginnings import JournalBeginnings, step_body
from l2send.wallet.journal.connection import BEGINNING
from l2send.wallet.journal.errors import ChangedMeanwhile, IllegalMove
from l2send.wallet.journal.records import PaymentRecord, Record, SponsoredRecord, TxRecord
from l2send.wallet.journal.rows import SIGNATURE_LENGTH
from l2send.wallet.journal.states import IN_FLIGHT, REPLACEABLE, SponsoredState, TxState
from l2send.wallet.journal.store import Result


class JournalSignatures(JournalBeginnings):
    """The journal's methods that write signed bytes."""

    def record_signed(
        self,
        tx: TxRecord,
        nonce: Nonce,
        tx_hash: str,
        raw: bytes,
        *,
        elsewhere: bool = False,
        over: int | None = None,
    ) -> TxRecord:
        """See Journal."""
        if tx_hash != "0x" + keccak(raw).hex():
            raise IllegalMove("the hash is not that of the signed bytes.")
        with self._writing(tx.payment_id, witnessed=True):
            if self._transaction(tx.payment_id, tx.index).step != tx.step:
                raise ChangedMeanwhile(f"{tx.payment_id} got a new quote meanwhile.")
            turn = 0 if elsewhere else self._turn(tx, nonce, over)
            self._keep_bytes(tx, (nonce, tx_hash, raw), elsewhere, turn)
        return self._transaction(tx.payment_id, tx.index)

    def record_found(self, one: ApprovedPayment, nonce: Nonce, tx_hash: str, raw: bytes) -> Record:
        """See Journal."""
        if tx_hash != "0x" + keccak(raw).hex():
            raise IllegalMove("the hash is not that of the signed bytes.")
        with self._writing(BEGINNING, witnessed=True):
            payment_id = self._begin(one, ())  # It happened already: limits do not apply.
            (tx,) = self.get(payment_id).transactions
            if tx.state is TxState.PLANNED:
                self._keep_bytes(tx, (nonce, tx_hash, raw), True, 0)
        return self.find(payment_id)

    def record_ran(self, one: ApprovedPayment) -> Record:
        """See Journal."""
        with self._writing(BEGINNING, witnessed=True):
            payment_id = self._begin(one, ())  # It happened already: limits do not apply.
        return self.find(payment_id)

    def _keep_bytes(self, tx: TxRecord, signed: tuple[Nonce, str, bytes], elsewhere: bool, turn: int) -> None:
        nonce, tx_hash, raw = signed
        changed = self._db.execute(
            "UPDATE transactions SET state = ?, nonce = ?, hash = ?, raw = ?, signed_at = ?, elsewhere = ?,"
            " turn = ? WHERE payment_id = ? AND step = ? AND state = ?",
            (
                TxState.SIGNED,
                nonce,
                tx_hash,
                raw,
                int(time.time()),
                int(elsewhere),
                turn,
                tx.payment_id,
                tx.index,
                TxState.PLANNED,
            ),
        )
        expect_one(changed, tx.payment_id)
        self._event(tx.payment_id, f"step {tx.index}", TxState.PLANNED, TxState.SIGNED, tx_hash)

    def _turn(self, tx: TxRecord, nonce: Nonce, over: int | None) -> int:
        """How many other steps were signed with that nonce before: `over`, if the caller knew of them.

        A unique index allows one transaction per turn: if two processes sign at once, the second is refused.
        """
        if over is not None:  # Not for bytes found already sent: recording them signs nothing.
            self._store.refuse_if_taken(tx.chain_id, tx.sender)
        rows = self._rows(
            "SELECT count(*) AS n FROM transactions WHERE chain_id = ? AND sender = ? AND nonce = ?"
            " AND replaces IS NULL AND elsewhere = 0",
            tx.chain_id,
            tx.sender,
            nonce,
        )
        found = int(rows[0]["n"])
        if over is not None and found != over:
            raise ChangedMeanwhile(f"another l2send has taken the nonce {nonce} of {tx.sender}.")
        return found

    def replace(self, former: TxRecord, step: Step, tx_hash: str, raw: bytes) -> TxRecord:
        """See Journal."""
        if tx_hash != "0x" + keccak(raw).hex():
            raise IllegalMove("the hash is not that of the signed bytes.")
        with self._writing(former.payment_id, witnessed=True):
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
        with self._writing(former.payment_id, witnessed=True):
            record = self.get(former.payment_id)
            attempts = record.attempts(former.step_index)
            if any(tx.state not in IN_FLIGHT or tx.hash == tx_hash for tx in attempts):
                raise ChangedMeanwhile(f"another l2send is working on {record.id}.")
            index = self._insert_attempt(record, former, step, tx_hash, raw, TxState.BROADCAST)
            self._db.execute(
                "UPDATE transactions SET elsewhere = 1 WHERE payment_id = ? AND step = ?", (record.id, index)
            )
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
                step_body(step),
                state,
                former.nonce,
                tx_hash,
                raw,
                int(time.time()),
            ),
        )
        return index

    def record_messages_signed(self, payment: PaymentRecord, signatures: Sequence[bytes]) -> PaymentRecord:
        """See Journal."""
        record = sponsored_of(payment)
        if [len(one) for one in signatures] != [SIGNATURE_LENGTH] * len(record.sponsored.messages):
            raise IllegalMove("every message has one signature of 65 bytes.")
        with self._writing(payment.id, witnessed=True) as db:
            self._store.refuse_if_taken(payment.terms.source, payment.payment.sender)
            changed = db.execute(
                "UPDATE sponsored SET state = ?, signatures = ?, signed_at = ? WHERE payment_id = ? AND state = ?",
                (SponsoredState.SIGNED, b"".join(signatures), int(time.time()), payment.id, SponsoredState.PLANNED),
            )
            expect_one(changed, payment.id)
            self._event(payment.id, "messages", SponsoredState.PLANNED, SponsoredState.SIGNED, "")
        return self.get(payment.id)


def sponsored_of(payment: PaymentRecord) -> SponsoredRecord:
    """The messages of a payment. Raises IllegalMove if no sponsor opens its order."""
    if payment.sponsored is None:
        raise IllegalMove(f"{payment.id} is opened by no sponsor.")
    return payment.sponsored


def expect_one(changed: Result, payment_id: str) -> None:
    """Raises ChangedMeanwhile unless a statement changed one row: otherwise another process was faster."""
    if changed.rowcount != 1:
        raise ChangedMeanwhile(f"another l2send is working on {payment_id}.")
