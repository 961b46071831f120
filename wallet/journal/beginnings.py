"""Records approved payments in the journal, with all their planned steps: all of them, or nothing."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from l2send.core.address import Address
from l2send.core.bridge_protocol import OrderState
from l2send.core.errors import Refused, UsageError
from l2send.core.operation import is_operation, read_operation
from l2send.core.plan import Payment, Proposal, Quote, Sponsored, Step
from l2send.core.safe import read_execution
from l2send.core.text import clean, in_words, visible_text
from l2send.wallet.journal import codec
from l2send.wallet.journal.approved_payment import ApprovedPayment
from l2send.wallet.journal.connection import BEGINNING
from l2send.wallet.journal.limits import JournalLimiting, take
from l2send.wallet.journal.lookups import ALPHABET, ID_LENGTH, LEG_MARK, THE_KEY, whole_id
from l2send.wallet.journal.proposal_states import ProposalState
from l2send.wallet.journal.queue import refuse_other
from l2send.wallet.journal.queue_lines import QueuedLine, QueueState
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.journal.states import SponsoredState, TxState

if TYPE_CHECKING:
    from l2send.wallet.journal.tally import Tally

MOST_MEMO = 200
"""Characters of a memo that are kept."""


@dataclass(frozen=True, slots=True)
class Said:
    """The payer's options for a payment."""

    key: str | None
    typed_name: str
    memo: str


class JournalBeginnings(JournalLimiting):
    """The journal's methods that add payments."""

    def begin(
        self,
        payment: Payment,
        legs: Sequence[Quote],
        key: str | None = None,
        *,
        again: bool = False,
        typed_name: str = "",
        memo: str = "",
        payment_id: str = "",
    ) -> Record:
        """See Journal."""
        (record,) = self.begin_all([ApprovedPayment(payment, tuple(legs), key, again, typed_name, memo, payment_id)])
        return record

    def begin_all(self, beginnings: Sequence[ApprovedPayment]) -> list[Record]:
        """See Journal."""
        with self._writing(BEGINNING, witnessed=True):
            # Read in this transaction: no other payment is recorded before it commits. Lines recorded now no longer
            # count as waiting.
            tallies = self.tallies([one.key for one in beginnings if one.key is not None])
            ids = [self._begin(one, tallies) for one in beginnings]
        return [self.find(payment_id) for payment_id in ids]

    def enqueue(self, lines: Sequence[QueuedLine], *, again: bool = False) -> int:
        """See Queue."""
        with self._writing(BEGINNING, witnessed=True):
            tallies = self.tallies()  # Read in this transaction: nothing else is approved before it commits.
            return sum(self._enqueue(line, tallies, again=again) for line in lines)

    def _enqueue(self, line: QueuedLine, tallies: Sequence[Tally], *, again: bool) -> bool:
        """Whether the line is newly waiting. Runs in the caller's transaction."""
        if self.known(line.payment, line.key):
            return False
        before = self._queued(line.key)
        if before:
            refuse_other(before, line.payment)
            if before.state is not QueueState.WITHDRAWN:
                return False
        if not again:
            self._refuse_if_open(line.payment, line.key)
        take(tallies, line.payment)
        if before is None:
            self._insert_line(line)
        else:
            self._db.execute(
                "UPDATE queue SET state = 'waiting', caps = ?, approved_at = ?, not_before = 0, detail = ''"
                " WHERE key = ?",
                (line.caps, int(time.time()), before.key),
            )
        return True

    def _begin(self, one: ApprovedPayment, tallies: Sequence[Tally]) -> str:
        """The id of the recorded payment. Runs in the caller's transaction. Raises UsageError, Refused."""
        fingerprint, key = codec.fingerprint(one.payment), one.key
        if key is not None:
            if known := self.known(one.payment, key):
                self._refuse_other_carried(known.legs[0], one)
                return known.id
            key = visible_text(key, THE_KEY)
        if not one.again:
            self._refuse_if_open(one.payment, key)
        if not one.carried:  # The payments it carries are counted instead.
            take(tallies, one.payment)
        whole = self._own_id(one.payment_id) if one.payment_id else self._free_id()
        if key is not None:
            self._begin_queued(key, one.payment, whole, must_wait=one.queued)
        said = Said(key, clean(one.typed_name, 100), clean(one.memo, MOST_MEMO))
        self._insert_all(whole, one.payment, one.legs, fingerprint, said)
        self._begin_carried(whole, one, tallies)
        return whole

    def _begin_carried(self, shared_id: str, shared: ApprovedPayment, tallies: Sequence[Tally]) -> None:
        """Records the payments that its transaction makes. Raises Refused if one was recorded before: it would be paid
        twice.
        """
        if tuple(one.payment for one in shared.carried) != shared.legs[0].carries:
            raise ValueError("a transaction carries other payments than its quote says")
        for call, one in enumerate(shared.carried):
            fingerprint, key = (
                codec.fingerprint(one.payment),
                None if one.key is None else visible_text(one.key, THE_KEY),
            )
            if key is not None and (known := self.known(one.payment, key)):
                raise Refused(f"{known.id} was begun meanwhile, and would be paid by this transaction again.")
            if not one.again:
                self._refuse_if_open(one.payment, key)
            take(tallies, one.payment)
            (quote,), payment_id = one.legs, self._free_id()
            if key is not None:
                self._begin_queued(key, one.payment, payment_id, must_wait=one.queued)
            said = Said(key, clean(one.typed_name, 100), clean(one.memo, MOST_MEMO))
            self._insert(payment_id, one.payment, quote, fingerprint, said, carried=True)
            self._db.execute(
                "INSERT INTO rides (payment_id, shared_id, call, calls) VALUES (?, ?, ?, ?)",
                (payment_id, shared_id, call, len(shared.carried)),
            )

    @staticmethod
    def _refuse_other_carried(known: PaymentRecord, one: ApprovedPayment) -> None:
        """Raises UsageError if the key belongs to a transaction that makes other payments."""
        if known.terms.carries != one.legs[0].carries:
            raise UsageError(f"{THE_KEY} belongs to another payment, {known.id}.", hint="Use a new key for this one.")

    def _refuse_if_open(self, payment: Payment, key: str | None) -> None:
        """Raises Refused, naming it, if an equal payment is open or waits for a worker, unless both have their own
        keys.
        """
        fingerprint, waiting = codec.fingerprint(payment), self.waiting_like(payment) if key is None else []
        if waiting:
            take_back = f"l2send batch withdraw {clean(waiting[0].batch, 60)}"
            raise Refused(
                f"the same payment is approved and waits for a worker: {clean(waiting[0].key, 60)!r}.",
                hint=f"Take it back with `{take_back}`, or pay a second time with --again.",
            )
        same = "SELECT id FROM payments WHERE fingerprint = ? AND is_open = 1 AND (leg IS NULL OR leg = 1)"
        for row in self._rows(same if key is None else f"{same} AND idempotency_key IS NULL", fingerprint):
            record = self.find(row["id"])
            if not record.meaning.open:
                continue
            raise Refused(
                f"the same payment is open already: {record.id} ({in_words(record.state)}). {record.meaning.money}",
                hint=f"Continue it with `l2send resume {record.id}`, or pay a second time with --again.",
            )

    def _own_id(self, payment_id: str) -> str:
        """The id that a file specifies. Raises Refused if another payment has it."""
        if not re.fullmatch(rf"p-[{ALPHABET}]{{{ID_LENGTH}}}", payment_id):
            raise Refused(f"{clean(payment_id, 20)!r} is not a payment's id.")
        if self._is_taken(payment_id):
            raise Refused(f"another payment of this journal has the id {payment_id}.")
        return payment_id

    def _insert_all(self, whole_id: str, payment: Payment, legs: Sequence[Quote], fingerprint: str, said: Said) -> str:
        if len(legs) == 1:
            self._insert(whole_id, payment, legs[0], fingerprint, said)
            return whole_id
        if sum(quote.delivers.units for quote in legs) != payment.amount.units:
            raise ValueError("the legs do not sum to the payment")
        for leg, quote in enumerate(legs, 1):
            part, leg_id = replace(payment, amount=quote.delivers), f"{whole_id}{LEG_MARK}{leg}"
            self._insert(leg_id, part, quote, fingerprint, said if leg == 1 else replace(said, key=None), leg)
        return whole_id

    def _insert(
        self,
        payment_id: str,
        payment: Payment,
        quote: Quote,
        fingerprint: str,
        said: Said,
        leg: int | None = None,
        *,
        carried: bool = False,
    ) -> None:
        self._db.execute(
            "INSERT INTO payments (id, idempotency_key, fingerprint, created_at, sender, payment, terms, group_id, leg,"
            " typed_name, memo) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                payment_id,
                said.key,
                fingerprint,
                int(time.time()),
                payment.sender,
                codec.dump(codec.payment_json(payment)),
                codec.dump(codec.terms_json(codec.Terms.of(quote))),
                None if leg is None else whole_id(payment_id),
                leg,
                said.typed_name,
                said.memo,
            ),
        )
        ways = [bool(quote.steps), quote.sponsored is not None, quote.proposal is not None].count(True)
        if bool(ways) is carried:
            raise ValueError("a payment without steps pays nothing, unless another one's transaction carries it")
        if ways > 1:
            raise ValueError("a payment has steps, or messages for a sponsor, or a proposal, and never both")
        if quote.sponsored:
            self._insert_sponsored(payment_id, quote.sponsored)
        if quote.proposal:
            self._insert_proposal(payment_id, quote.proposal)
        for index, step in enumerate(quote.steps):
            self._insert_step(payment_id, index, payment.signer, step)
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
            (payment_id, index, step.kind, step.tx.chain_id, sender, step_body(step), TxState.PLANNED),
        )

    def _insert_sponsored(self, payment_id: str, sponsored: Sponsored) -> None:
        body, data = codec.dump(codec.sponsored_json(sponsored)), sponsored.messages[-1].data
        operation = read_operation(data) if is_operation(data) else None
        where = (operation.chain_id, operation.sender, str(operation.nonce)) if operation else (None, None, None)
        same = "SELECT payment_id FROM sponsored WHERE chain_id = ? AND account = ? AND nonce = ?"
        if operation and (taken := self._rows(same, *where)):
            raise Refused(f"the nonce of the operation is that of {taken[0]['payment_id']}: one is approved for each.")
        self._db.execute(
            "INSERT INTO sponsored (payment_id, body, state, chain_id, account, nonce) VALUES (?, ?, ?, ?, ?, ?)",
            (payment_id, body, SponsoredState.PLANNED, *where),
        )

    def _insert_proposal(self, payment_id: str, proposal: Proposal) -> None:
        execution = proposal.execution
        taken = self._rows(
            "SELECT payment_id FROM proposals WHERE chain_id = ? AND safe = ? AND nonce = ?",
            execution.chain_id,
            execution.to,
            proposal.nonce,
        )
        if taken:
            raise Refused(
                f"nonce {proposal.nonce} of the Safe {execution.to} is that of {taken[0]['payment_id']}: one "
                "transaction is approved for each nonce.",
                hint="Prepare the payment again: it takes the next nonce.",
            )
        self._db.execute(
            "INSERT INTO proposals (payment_id, chain_id, safe, nonce, hash, body, state) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                payment_id,
                execution.chain_id,
                execution.to,
                proposal.nonce,
                "0x" + read_execution(execution)[0].typed(proposal.nonce).digest.hex(),
                codec.dump(codec.proposal_json(proposal)),
                ProposalState.PROPOSED,
            ),
        )

    def _free_id(self) -> str:
        while True:
            payment_id = "p-" + "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))
            if not self._is_taken(payment_id):
                return payment_id

    def _is_taken(self, payment_id: str) -> bool:
        taken = self._rows("SELECT 1 FROM payments WHERE id = ?", payment_id)
        return bool(taken or self._rows("SELECT 1 FROM payments WHERE group_id = ?", payment_id))


def step_body(step: Step) -> str:
    """The JSON of a step, as its row stores it."""
    return codec.dump(codec.step_json(step))
