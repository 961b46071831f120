"""Changes the states of transactions, messages and orders, each with its event.

A state changes only along the tables in states.py, and only from the state that the caller believed it was in.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from l2send.core.address import Address
from l2send.core.bridge_protocol import OrderState
from l2send.core.errors import Refused
from l2send.core.plan import Quote, Step, StepKind
from l2send.core.text import clean
from l2send.core.tx_fee import TxFee
from l2send.core.units import BlockNumber
from l2send.wallet.journal import codec
from l2send.wallet.journal.beginnings import step_body
from l2send.wallet.journal.errors import ChangedMeanwhile, IllegalMove
from l2send.wallet.journal.records import GroupRecord, OrderRecord, PaymentRecord, TxRecord
from l2send.wallet.journal.signatures import JournalSignatures, expect_one, sponsored_of
from l2send.wallet.journal.states import (
    ENDED,
    ENDED_IN_BLOCK,
    ORDER_TRANSITIONS,
    SPONSORED_TRANSITIONS,
    TRANSITIONS,
    PaymentState,
    SponsoredState,
    TxState,
)

MAX_DETAIL = 300
"""How many characters of a detail are kept."""
_SHOWN_AGAIN = frozenset({TxState.BROADCAST, TxState.MINED, TxState.FINAL})
"""States that a query of the chain finds again. After a power cut the state may be the previous one, as after a kill
right before that commit: a durable commit waits milliseconds for the disk, and these need none.
"""


@dataclass(frozen=True, slots=True)
class Messages:
    """What is signed here and submitted by another party: a sponsor, or an owner of the Safe."""

    called: str
    """The subject of its events."""
    move: str
    """An UPDATE of: new state, hash of the transaction, block, detail, payment id, state before."""


SPONSORED = Messages(
    "messages",
    "UPDATE sponsored SET state = ?, opening_tx = ?, block = ?, detail = ? WHERE payment_id = ? AND state = ?",
)


class JournalMoves(JournalSignatures):
    """The journal's methods that change existing payments."""

    def move_tx(
        self,
        tx: TxRecord,
        to: TxState,
        *,
        block: BlockNumber | None = None,
        block_hash: str = "",
        detail: str = "",
        fee: TxFee | None = None,
        arrived: int | None = None,
        arrivals: Sequence[int | None] | None = None,
    ) -> TxRecord:
        """See Journal."""
        if to is TxState.SIGNED:
            raise IllegalMove("only record_signed makes a transaction signed.")
        if to is TxState.VOID:
            raise IllegalMove("a transaction becomes void with the end of another.")
        if to not in TRANSITIONS[tx.state]:
            raise IllegalMove(f"a transaction that is {tx.state} cannot become {to}.")
        if (to is TxState.FINAL and tx.step.kind is StepKind.TOGETHER) is (arrivals is None):
            raise IllegalMove("each payment of a transaction that makes several is delivered on evidence of its own.")
        detail = clean(detail, MAX_DETAIL)
        with self._writing(tx.payment_id, durable=to not in _SHOWN_AGAIN) as db:
            changed = db.execute(
                "UPDATE transactions SET state = ?, block = ?, block_hash = ?, detail = ?, maybe_paid = 0"
                " WHERE payment_id = ? AND step = ? AND state = ?",
                (to, block, block_hash, detail, tx.payment_id, tx.index, tx.state),
            )
            expect_one(changed, tx.payment_id)
            self._event(tx.payment_id, f"step {tx.index}", tx.state, to, detail)
            if to in ENDED_IN_BLOCK:
                self._keep_fee(tx, fee)
                self._void_rivals(tx)
            if to is TxState.FINAL and tx.step.kind is StepKind.TRANSFER:
                self._keep_arrival(tx.payment_id, arrived)
            if arrivals is not None:
                for one, units in zip(self.carried_by(tx.payment_id), arrivals, strict=True):
                    self._keep_arrival(one.id, units)
        return self._transaction(tx.payment_id, tx.index)

    def _keep_fee(self, tx: TxRecord, fee: TxFee | None) -> None:
        """Record what a transaction cost, in the commit of its end state."""
        if fee is not None:
            l1_fee = None if fee.l1_fee is None else str(fee.l1_fee)
            self._db.execute(
                "UPDATE transactions SET gas_used = ?, gas_price = ?, l1_fee = ?, operator_fee = ?"
                " WHERE payment_id = ? AND step = ?",
                (fee.gas_used, str(fee.gas_price), l1_fee, str(fee.operator_fee), tx.payment_id, tx.index),
            )

    def _keep_arrival(self, payment_id: str, units: int | None) -> None:
        """Record what arrived, in the commit of the delivery."""
        self._db.execute(
            "UPDATE payments SET arrived = ?, delivered_at = ? WHERE id = ?",
            (None if units is None else str(units), int(time.time()), payment_id),
        )

    def _void_rivals(self, tx: TxRecord) -> None:
        """Void what else was signed for the step of `tx`: its nonce is used, so it can never be mined."""
        for rival in self.get(tx.payment_id).attempts(tx.step_index):
            if rival.index == tx.index or rival.state in ENDED:
                continue
            self._db.execute(
                "UPDATE transactions SET state = ?, detail = ? WHERE payment_id = ? AND step = ?",
                (TxState.VOID, f"{tx.hash} has its nonce", tx.payment_id, rival.index),
            )
            self._event(tx.payment_id, f"step {rival.index}", rival.state, TxState.VOID, tx.hash)

    def note_tx(self, tx: TxRecord, detail: str, *, maybe_paid: bool = False) -> TxRecord:
        """See Journal."""
        detail = clean(detail, MAX_DETAIL)
        if (detail, maybe_paid) == (tx.detail, tx.maybe_paid):
            return tx
        with self._writing(tx.payment_id, durable=False) as db:
            changed = db.execute(
                "UPDATE transactions SET detail = ?, maybe_paid = ? WHERE payment_id = ? AND step = ? AND state = ?",
                (detail, int(maybe_paid), tx.payment_id, tx.index, tx.state),
            )
            expect_one(changed, tx.payment_id)
            self._event(tx.payment_id, f"step {tx.index}", tx.state, tx.state, detail)
        return self._transaction(tx.payment_id, tx.index)

    def move_sponsored(
        self,
        payment: PaymentRecord,
        to: SponsoredState,
        *,
        opening_tx: str = "",
        block: BlockNumber | None = None,
        detail: str = "",
        arrived: int | None = None,
    ) -> PaymentRecord:
        """See Journal."""
        before = sponsored_of(payment).state
        if before is SponsoredState.PLANNED or to not in SPONSORED_TRANSITIONS[before]:
            raise IllegalMove(f"messages that are {before} cannot become {to} so.")
        with self._writing(payment.id):
            self._move_messages(SPONSORED, payment.id, before, to, opening_tx, block, clean(detail, MAX_DETAIL))
            if to is SponsoredState.FINAL:
                self._keep_arrival(payment.id, arrived)
        return self.get(payment.id)

    def _move_messages(
        self,
        messages: Messages,
        payment_id: str,
        before: StrEnum,
        to: StrEnum,
        tx_hash: str,
        block: BlockNumber | None,
        detail: str,
    ) -> None:
        """Record the new state of what another party submits, in the caller's transaction."""
        changed = self._db.execute(messages.move, (to, tx_hash, block, detail, payment_id, before))
        expect_one(changed, payment_id)
        self._event(payment_id, messages.called, before, to, detail or tx_hash)

    def note_sponsored(self, payment: PaymentRecord, detail: str) -> PaymentRecord:
        """See Journal."""
        record, detail = sponsored_of(payment), clean(detail, MAX_DETAIL)
        if detail == record.detail:
            return payment
        with self._writing(payment.id) as db:
            changed = db.execute(
                "UPDATE sponsored SET detail = ? WHERE payment_id = ? AND state = ?",
                (detail, payment.id, record.state),
            )
            expect_one(changed, payment.id)
            self._event(payment.id, "messages", record.state, record.state, detail)
        return self.get(payment.id)

    def move_order(
        self,
        payment: PaymentRecord,
        to: OrderState,
        *,
        fill_tx: str = "",
        detail: str = "",
        arrived: int | None = None,
    ) -> PaymentRecord:
        """See Journal."""
        if payment.order is None:
            raise IllegalMove(f"{payment.id} opens no order.")
        before = payment.order.state
        if to not in ORDER_TRANSITIONS[before]:
            raise IllegalMove(f"an order that is {before} cannot become {to}.")
        return self._set_order(payment, payment.order, to, fill_tx, detail, arrived)

    def note_order(self, payment: PaymentRecord, detail: str, fill_tx: str = "") -> PaymentRecord:
        """See Journal."""
        if payment.order is None:
            raise IllegalMove(f"{payment.id} opens no order.")
        if (detail, fill_tx) == (payment.order.detail, payment.order.fill_tx):
            return payment
        return self._set_order(payment, payment.order, payment.order.state, fill_tx, detail)

    def _set_order(
        self,
        payment: PaymentRecord,
        order: OrderRecord,
        to: OrderState,
        fill_tx: str,
        detail: str,
        arrived: int | None = None,
    ) -> PaymentRecord:
        detail = clean(detail, MAX_DETAIL)
        with self._writing(payment.id) as db:
            changed = db.execute(
                "UPDATE orders SET state = ?, fill_tx = ?, detail = ? WHERE payment_id = ? AND state = ?",
                (to, fill_tx, detail, payment.id, order.state),
            )
            expect_one(changed, payment.id)
            if to is not order.state:
                self._event(payment.id, "order", order.state, to, detail)
                if to is OrderState.FILLED:
                    self._keep_arrival(payment.id, arrived)
        return self.get(payment.id)

    def close_payment(self, payment: PaymentRecord) -> PaymentRecord:
        """See Journal."""
        if payment.state is not PaymentState.INDETERMINATE:
            raise IllegalMove(f"a payment that is {payment.state} is not closed.")
        with self._writing(payment.id) as db:
            if self.get(payment.id) != payment:
                raise ChangedMeanwhile(f"another l2send is working on {payment.id}.")
            db.execute("UPDATE payments SET closed_at = ? WHERE id = ?", (int(time.time()), payment.id))
            self._event(payment.id, "payment", payment.state, "closed", "by the user")
        return self.get(payment.id)

    def cancel(self, payment_id: str, detail: str) -> PaymentRecord:
        """See Journal."""
        with self._writing(payment_id, witnessed=True):
            self._cancel(self.get(payment_id).driven_by, clean(detail, MAX_DETAIL))
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

    def separate(self, payment_id: str, steps: Mapping[str, Step], detail: str) -> list[PaymentRecord]:
        """See Journal."""
        with self._writing(payment_id, witnessed=True):
            carried = self.carried_by(payment_id)
            if [one.id for one in carried] != list(steps) or self.get(payment_id).steps[0].state is not TxState.PLANNED:
                raise ChangedMeanwhile(f"another l2send is working on {payment_id}.")
            self._cancel(payment_id, clean(detail, MAX_DETAIL))
            for one in carried:
                self._insert_step(one.id, 0, one.payment.signer, steps[one.id])
                self._event(one.id, "step 0", "", TxState.PLANNED, clean(detail, MAX_DETAIL))
        return [self.get(one) for one in steps]

    def abandon(self, group: GroupRecord, detail: str) -> GroupRecord:
        """See Journal."""
        with self._writing(group.id, witnessed=True):
            legs = [self.get(leg.id) for leg in group.legs]
            if not all(leg.is_unsigned for leg in legs):
                raise ChangedMeanwhile(f"another l2send is working on {group.id}.")
            for leg in legs:
                self._cancel(leg.id, clean(detail, MAX_DETAIL))
        return GroupRecord(group.id, tuple(self.get(leg.id) for leg in group.legs))

    def requote(self, payment: PaymentRecord, quote: Quote) -> PaymentRecord:
        """See Journal."""
        if payment.order is None or quote.order is None or quote.delivers != payment.payment.amount:
            raise IllegalMove("only an order can get a new quote, and for the same delivery.")
        with self._writing(payment.id) as db:
            record = self.get(payment.id)
            planned = [tx for tx in record.approved if tx.state is TxState.PLANNED]
            if record != payment or not planned or planned[-1] != record.approved[-1]:
                raise ChangedMeanwhile(f"another l2send is working on {payment.id}.")
            if len(quote.steps) < len(planned):
                raise IllegalMove("a new quote needs every step that is left.")
            for tx, step in zip(planned, quote.steps, strict=False):
                db.execute(
                    "UPDATE transactions SET kind = ?, body = ? WHERE payment_id = ? AND step = ? AND state = ?",
                    (step.kind, step_body(step), record.id, tx.index, TxState.PLANNED),
                )
            for index, step in enumerate(quote.steps[len(planned) :], len(record.transactions)):
                self._insert_step(record.id, index, record.payment.signer, step)
            terms = codec.dump(codec.terms_json(codec.Terms.of(quote)))
            db.execute("UPDATE payments SET terms = ? WHERE id = ?", (terms, record.id))
            body = codec.dump(codec.order_json(quote.order))
            db.execute("UPDATE orders SET body = ? WHERE payment_id = ?", (body, record.id))
            detail = f"pays {quote.pays} instead of {record.terms.pays}"
            self._event(record.id, "payment", "planned", "requoted", detail)
        return self.get(payment.id)

    def add_refund(self, payment_id: str, step: Step, sender: Address | None = None) -> TxRecord:
        """See Journal."""
        return self._add_afterwards(payment_id, step, StepKind.REFUND, sender)

    def add_revocation(self, payment_id: str, step: Step) -> TxRecord:
        """See Journal."""
        return self._add_afterwards(payment_id, step, StepKind.REVOKE)

    def add_execution(self, payment_id: str, step: Step, sender: Address) -> TxRecord:
        """See Journal."""
        return self._add_afterwards(payment_id, step, StepKind.EXECUTE, sender)

    def _add_afterwards(self, payment_id: str, step: Step, kind: StepKind, sender: Address | None = None) -> TxRecord:
        if step.kind is not kind:
            raise IllegalMove(f"a {step.kind} is no {kind}.")
        with self._writing():  # An id may be abbreviated, so the transaction is about any payment.
            record = self.get(payment_id)
            for earlier in record.afterwards(kind):
                if TRANSITIONS[earlier.outcome]:
                    raise Refused(f"a {kind} of {record.id} is under way already ({earlier.state}).")
            index = len(record.transactions)
            self._insert_step(record.id, index, sender or record.payment.signer, step)
            self._event(record.id, f"step {index}", "", TxState.PLANNED, kind)
        return self._transaction(record.id, index)
