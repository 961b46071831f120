"""The journal: what was approved, signed and seen, durable before l2send acts on it.

Two rules make a payment happen once. Bytes are in the journal, committed, before a node sees them.
A state changes only along the tables in `states`, and only from the state the caller believed it was in.

The journal knows addresses, names that were typed for them, amounts and signed bytes. It never holds a key or an RPC
URL. What is here is what every journal promises: sqlite.py and postgres.py keep it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from l2send.core.address import Address
from l2send.core.bridge import OrderState
from l2send.core.plan import Payment, Quote, Step
from l2send.core.tx_fee import TxFee
from l2send.core.units import BlockNumber, ChainId, Nonce, Seconds
from l2send.wallet.journal.approved_payment import ApprovedPayment
from l2send.wallet.journal.errors import ChangedMeanwhile, IllegalMove
from l2send.wallet.journal.proposal_states import ProposalState
from l2send.wallet.journal.queue_lines import Queue
from l2send.wallet.journal.records import (
    EventRecord,
    GroupRecord,
    PaidBefore,
    PaymentRecord,
    Record,
    TxRecord,
)
from l2send.wallet.journal.states import SponsoredState, TxState

__all__ = ["ChangedMeanwhile", "IllegalMove", "Journal"]


class Journal(Queue, Protocol):
    """A store of payments. Every method that writes is one committed, durable transaction."""

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
        """Write a payment down as approved, all steps of all its legs planned: all of it, or none.

        The same key with the same payment gives the record that exists. Raises UsageError for the same
        key with another payment; Refused, naming it, if the same payment is open already, unless
        `again` is set or both carry keys of their own. `typed_name` and `memo` are kept, and decide nothing.
        `payment_id` is the id that a file brings along; Refused if another payment has it. Refused too where a limit
        forbids it, counted in this transaction: see core/spending_limits.py.
        """
        ...

    def begin_all(self, beginnings: Sequence[ApprovedPayment]) -> list[Record]:
        """As `begin`, for many payments in one transaction: all of them, or none. Raises as `begin` does."""
        ...

    def refuse_over_limits(self, payments: Iterable[Payment]) -> None:
        """Raises Refused where `begin` would refuse these payments, together, for a limit as things stand now."""
        ...

    def known(self, payment: Payment, key: str) -> Record | None:
        """The payment that `key` stands for. Raises UsageError if that is another one than `payment`.

        A key is text, compared as it is seen: `visible_text` says what is none. Keys of older journals that hold more
        than is seen are found by what is seen of them.
        """
        ...

    def keyed(self, key: str) -> Record | None:
        """The payment that `key` stands for, without comparing what it pays. Raises UsageError for an invalid key."""
        ...

    def keyed_under(self, prefix: str) -> list[Record]:
        """Every payment whose key starts with `prefix`, in the order in which they were begun."""
        ...

    def find(self, payment_id: str) -> Record:
        """The payment with that id, or the only one whose id starts with it; a leg's id names it too. Raises
        UsageError.
        """
        ...

    def get(self, payment_id: str) -> PaymentRecord:
        """The leg of that id, or the payment from one chain, as `find` finds it. Raises UsageError."""
        ...

    def history(self, limit: int | None = None, before: str | None = None) -> list[Record]:
        """At most `limit` payments, the newest first; of those that are older than the payment `before`."""
        ...

    def stream(self, limit: int | None = None, before: str | None = None) -> Iterator[Record]:
        """The payments that `history` lists, read lazily: a journal may hold a million payments."""
        ...

    def count(self) -> int:
        """How many payments there are."""
        ...

    def open_payments(self) -> list[Record]:
        """Payments that may still change, the newest first."""
        ...

    def paid_recently(self, payment: Payment, within: Seconds) -> Record | None:
        """The newest payment of the same sender, recipient, token and amount that was begun in the last `within`
        seconds, unless it is known that its recipient got nothing and will not.
        """
        ...

    def paid_before(self, account: Address) -> PaidBefore | None:
        """How often and when `account` was paid, on any chain; None if no payment to it was delivered."""
        ...

    def recipients_like(self, account: Address) -> list[Address]:
        """Accounts that payments were begun to, and that have the ends of `account`; itself, if it is one of them."""
        ...

    def events(self, payment_id: str) -> list[EventRecord]:
        """Everything that happened to a payment, in order; then to the transaction that makes it with others."""
        ...

    def carried_by(self, payment_id: str) -> list[PaymentRecord]:
        """The payments that the transaction of this one makes, in the order of its calls; none of any other payment."""
        ...

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
        """Commit signed bytes to a planned transaction. Only then may they be broadcast.

        `elsewhere`: another wallet signed them, and they were found on the chain. `over`: how many other steps the
        caller knows to be signed with that nonce, none of which can happen any more; None for bytes that were found
        sent, even if the nonce was signed for before.

        Raises ChangedMeanwhile if it is not planned any more, or planned otherwise than in `tx`; if the nonce was
        taken by another step meanwhile; and if another machine has the account's lock by now.
        """
        ...

    def record_found(self, one: ApprovedPayment, nonce: Nonce, tx_hash: str, raw: bytes) -> Record:
        """Write down a payment that was found on a chain, with its signed bytes, in one step; no limit forbids it.

        `one` has a single step. A payment that its key stands for already is returned as it is.
        """
        ...

    def replace(self, former: TxRecord, step: Step, tx_hash: str, raw: bytes) -> TxRecord:
        """Commit signed bytes that compete for the nonce of `former`, the newest of its step.

        Both are kept, and followed. Raises ChangedMeanwhile if something newer was signed for that step, or
        any of its transactions may have used up the nonce.
        """
        ...

    def adopt(self, former: TxRecord, step: Step, tx_hash: str, raw: bytes) -> TxRecord:
        """Commit the bytes of a transaction that another wallet sent with the nonce of `former`, which does `step` too.

        It is followed as one signed here is. Raises ChangedMeanwhile if it is there already, or the step ended.
        """
        ...

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
        """Move a transaction from the state in `tx` to another. Raises IllegalMove, ChangedMeanwhile.

        When it comes to its end in a block, every other transaction of its step becomes void with it, and what it
        cost is kept: `fee`, by the receipt that ended it. `arrived`: the units that a transfer brought. Both are
        written once, with the end, and never before it: a block that is taken back takes no fee. `arrivals`: the same
        for each payment that the transaction makes, in the order of its calls; given with its `final`, and only then.
        """
        ...

    def note_tx(self, tx: TxRecord, detail: str) -> TxRecord:
        """Keep words about a transaction, its state as it is. Raises ChangedMeanwhile."""
        ...

    def record_messages_signed(self, payment: PaymentRecord, signatures: Sequence[bytes]) -> PaymentRecord:
        """Commit the signatures of planned messages, one for each. Only then may the sponsor see them.

        Raises ChangedMeanwhile if they are not planned any more.
        """
        ...

    def move_sponsored(
        self,
        payment: PaymentRecord,
        to: SponsoredState,
        *,
        opening_tx: str = "",
        block: BlockNumber | None = None,
        detail: str = "",
    ) -> PaymentRecord:
        """Move a payment's messages from the state in `payment`. Raises IllegalMove, ChangedMeanwhile."""
        ...

    def note_sponsored(self, payment: PaymentRecord, detail: str) -> PaymentRecord:
        """Keep words about a payment's messages, their state as it is. Raises ChangedMeanwhile."""
        ...

    def move_order(
        self,
        payment: PaymentRecord,
        to: OrderState,
        *,
        fill_tx: str = "",
        detail: str = "",
        arrived: int | None = None,
    ) -> PaymentRecord:
        """Move a payment's order from the state in `payment`. Raises IllegalMove, ChangedMeanwhile.

        `arrived`: the units that its fill brought the recipient, where that is known.
        """
        ...

    def note_order(self, payment: PaymentRecord, detail: str, fill_tx: str = "") -> PaymentRecord:
        """Keep words about an order, its state as it is. Raises ChangedMeanwhile."""
        ...

    def cancel(self, payment_id: str, detail: str) -> PaymentRecord:
        """Mark every planned transaction, or planned messages, as never to be signed.

        A transaction that makes other payments too is never signed then: they are cancelled with this one.
        """
        ...

    def separate(self, payment_id: str, steps: Mapping[str, Step], detail: str) -> list[PaymentRecord]:
        """Have each payment of a transaction that is not signed made by a step of its own, and never sign that one.

        `steps` are by the id of each, in the order of the calls. Raises ChangedMeanwhile, and does nothing, if it was
        signed or cancelled.
        """
        ...

    def abandon(self, group: GroupRecord, detail: str) -> GroupRecord:
        """Mark every planned transaction and message of every leg as never to be signed.

        Raises ChangedMeanwhile, and does nothing, if what pays of any leg was signed.
        """
        ...

    def requote(self, payment: PaymentRecord, quote: Quote) -> PaymentRecord:
        """Put the steps, the order and the terms of `quote` in the place of what is not signed yet.

        For a payment whose quote ran out between its approval and what pays: bytes that were signed stay, what is
        planned was never signed and never will be. Raises ChangedMeanwhile if what pays is not planned any more.
        """
        ...

    def add_refund(self, payment_id: str, step: Step, sender: Address | None = None) -> TxRecord:
        """Append a planned refund. Raises Refused while an earlier refund is not at its end."""
        ...

    def add_revocation(self, payment_id: str, step: Step) -> TxRecord:
        """Append a step that revokes an allowance. Raises Refused while an earlier one is not at its end."""
        ...

    def add_execution(self, payment_id: str, step: Step, sender: Address) -> TxRecord:
        """Append what has a Safe run its proposal, sent by any account. Raises Refused while an earlier one is open."""
        ...

    def move_proposal(
        self,
        payment: PaymentRecord,
        to: ProposalState,
        *,
        tx_hash: str = "",
        block: BlockNumber | None = None,
        detail: str = "",
    ) -> PaymentRecord:
        """Move what a Safe's owners sign from the state in `payment`. Raises IllegalMove, ChangedMeanwhile."""
        ...

    def note_proposal(self, payment: PaymentRecord, detail: str) -> PaymentRecord:
        """Keep words about what a Safe's owners sign, its state as it is. Raises ChangedMeanwhile."""
        ...

    def proposed(self, chain_id: ChainId, safe: Address, nonce: Nonce) -> PaymentRecord | None:
        """The payment whose proposal has that nonce of the Safe."""
        ...

    def highest_proposed(self, chain_id: ChainId, safe: Address) -> Nonce | None:
        """The highest nonce of the Safe that any payment proposed."""
        ...

    def highest_nonce(self, chain_id: ChainId, sender: Address) -> Nonce | None:
        """The highest nonce ever signed for that account."""
        ...

    def signed_from(self, chain_id: ChainId, sender: Address, nonce: Nonce) -> list[TxRecord]:
        """Signed transactions of that account with that nonce or a higher one, by nonce."""
        ...

    def signed_with(self, chain_id: ChainId, sender: Address, nonce: Nonce) -> list[TxRecord]:
        """Signed transactions of that account with exactly that nonce: the chain takes one of them at most."""
        ...

    def take_account(self, chain_id: ChainId, sender: Address) -> bool:
        """Take the account's lock among all machines that share this journal; False while another has it.

        wallet/lock.py asks for it, and has the lock among the processes of one machine.
        """
        ...

    def account_holder(self, chain_id: ChainId, sender: Address) -> str:
        """Who has that lock; empty if it is not known."""
        ...

    def release_account(self, chain_id: ChainId, sender: Address) -> None:
        """Give that lock back."""
        ...

    @property
    def title(self) -> str:
        """What holds the journal, and where; without secrets."""
        ...

    def close(self) -> None:
        """Release the store."""
        ...
