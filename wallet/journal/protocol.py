"""The journal: what was approved, signed and seen, durable before l2send acts on it.

Two rules ensure that a payment happens once. Bytes are committed to the journal before a node sees them. A state
changes only along the tables in `states`, and only from the state that the caller expected.

The journal knows addresses, names that were typed for them, amounts and signed bytes. It never holds a key or an RPC
URL. This protocol is the contract of every journal; sqlite.py and postgres.py implement it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from l2send.core.address import Address
from l2send.core.bridge_protocol import OrderState
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
    """A store of payments. Every method that writes is one committed database transaction, durable before it returns.

    Of the moves that `move_tx` makes to what a chain shows again, a power cut may undo the newest; a kill undoes none.
    """

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
        """Record a payment as approved, with all steps of all its legs planned: all of it, or none.

        The same key with the same payment returns the existing record. Raises UsageError for the same key with another
        payment; Refused, with its id, if an equal payment is open, unless `again` is set or both have their own keys.
        `typed_name` and `memo` are kept for display. `payment_id` is the id that a file specifies; Refused if another
        payment has it. Refused too if a limit, counted in this database transaction, forbids it: see
        core/spending_limits.py.
        """
        ...

    def begin_all(self, beginnings: Sequence[ApprovedPayment]) -> list[Record]:
        """As `begin`, for many payments in one database transaction: all of them, or none. Raises as `begin` does."""
        ...

    def refuse_over_limits(self, payments: Iterable[Payment]) -> None:
        """Raises Refused if a limit would now make `begin` refuse these payments together."""
        ...

    def known(self, payment: Payment, key: str) -> Record | None:
        """The payment that `key` stands for. Raises UsageError if that is another one than `payment`.

        A key is text, compared by its visible characters: `visible_text` says what is invalid. Keys of older journals
        that hold invisible characters are found by their visible ones.
        """
        ...

    def keyed(self, key: str) -> Record | None:
        """The payment that `key` stands for, without comparing what it pays. Raises UsageError for an invalid key."""
        ...

    def keyed_under(self, prefix: str) -> list[Record]:
        """Every payment whose key starts with `prefix`, in the order in which they were recorded."""
        ...

    def find(self, payment_id: str) -> Record:
        """The payment with that id, or the only one whose id starts with it; a leg's id names it too. Raises
        UsageError.
        """
        ...

    def get(self, payment_id: str) -> PaymentRecord:
        """The leg with that id, or the payment from one chain that `find` finds. Raises UsageError."""
        ...

    def history(self, limit: int | None = None, before: str | None = None) -> list[Record]:
        """At most `limit` payments, newest first; only those older than the payment `before`."""
        ...

    def stream(self, limit: int | None = None, before: str | None = None) -> Iterator[Record]:
        """The payments that `history` lists, read lazily: a journal may hold a million payments."""
        ...

    def count(self) -> int:
        """The number of payments."""
        ...

    def open_payments(self) -> list[Record]:
        """Payments that may still change, newest first."""
        ...

    def all_paid_recently(self, payment: Payment, within: Seconds) -> Iterator[Record]:
        """As `paid_recently`, each of them, newest first."""
        ...

    def paid_recently(self, payment: Payment, within: Seconds) -> Record | None:
        """The newest payment of the same sender, recipient, token and amount recorded in the last `within` seconds,
        unless it is proved that its recipient got nothing and will get nothing.
        """
        ...

    def paid_before(self, account: Address) -> PaidBefore | None:
        """How often and when `account` was paid, on any chain; None if no payment to it was delivered."""
        ...

    def recipients_like(self, account: Address) -> list[Address]:
        """Accounts with the first and last characters of `account` that payments were recorded to; may include
        `account`.
        """
        ...

    def events(self, payment_id: str) -> list[EventRecord]:
        """Every event of a payment, in order; then those of the transaction that makes it with others."""
        ...

    def carried_by(self, payment_id: str) -> list[PaymentRecord]:
        """The payments that this one's transaction makes, in the order of its calls; none for any other payment."""
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
        """Commit the signed bytes of a planned transaction. Only then may they be broadcast.

        `elsewhere`: another wallet signed them, and they were found on the chain. `over`: how many other steps with
        that nonce the caller knows, none of which can happen any more; None for bytes found already sent, even if the
        nonce was signed for before.

        Raises ChangedMeanwhile if it is no longer planned as in `tx`, if another step took the nonce meanwhile, or if
        another machine now holds the account's lock.
        """
        ...

    def record_found(self, one: ApprovedPayment, nonce: Nonce, tx_hash: str, raw: bytes) -> Record:
        """Record a payment that was found on a chain, with its signed bytes, in one database transaction; limits do not
        apply.

        `one` has a single step. If its key is in use, the existing payment is returned.
        """
        ...

    def record_ran(self, one: ApprovedPayment) -> Record:
        """Record a payment that a Safe was found to have run, as a proposal that is followed from now on; limits do not
        apply. If its key is in use, the existing payment is returned.
        """
        ...

    def replace(self, former: TxRecord, step: Step, tx_hash: str, raw: bytes) -> TxRecord:
        """Commit signed bytes that compete for the nonce of `former`, the newest of its step.

        Both are kept and followed. Raises ChangedMeanwhile if something newer was signed for that step, or one of its
        transactions may have used the nonce.
        """
        ...

    def adopt(self, former: TxRecord, step: Step, tx_hash: str, raw: bytes) -> TxRecord:
        """Commit the bytes of a transaction that another wallet sent with the nonce of `former` and the effect of
        `step`.

        It is followed like one signed here. Raises ChangedMeanwhile if it is recorded already, or the step is in an end
        state.
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
        """Change the state of a transaction from that in `tx`. Raises IllegalMove, ChangedMeanwhile.

        With an end state in a block, every other transaction of its step becomes void. `fee`: what the final receipt
        says it cost. `arrived`: the units that a transfer delivered. Both are written once, with the end state, since a
        reorganised block takes no fee. `arrivals`: the units of each payment that the transaction makes, in the order
        of its calls; only with `final`.
        """
        ...

    def note_tx(self, tx: TxRecord, detail: str, *, maybe_paid: bool = False) -> TxRecord:
        """Keep words about a transaction; its state stays. `maybe_paid`: see TxRecord. Raises ChangedMeanwhile."""
        ...

    def record_messages_signed(self, payment: PaymentRecord, signatures: Sequence[bytes]) -> PaymentRecord:
        """Commit the signatures of planned messages, one for each. Only then may the sponsor see them.

        Raises ChangedMeanwhile if they are no longer planned.
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
        arrived: int | None = None,
    ) -> PaymentRecord:
        """Change the state of a payment's messages from that in `payment`. Raises IllegalMove, ChangedMeanwhile.

        `arrived`: the units that an operation delivered, given with its `final`.
        """
        ...

    def note_sponsored(self, payment: PaymentRecord, detail: str) -> PaymentRecord:
        """Keep words about a payment's messages; their state stays. Raises ChangedMeanwhile."""
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
        """Change the state of a payment's order from that in `payment`. Raises IllegalMove, ChangedMeanwhile.

        `arrived`: the units that its fill delivered to the recipient, if known.
        """
        ...

    def note_order(self, payment: PaymentRecord, detail: str, fill_tx: str = "") -> PaymentRecord:
        """Keep words about an order; its state stays. Raises ChangedMeanwhile."""
        ...

    def close_payment(self, payment: PaymentRecord) -> PaymentRecord:
        """Record that the user closed an indeterminate payment: it is no longer open, and its state stays.

        Raises IllegalMove in another state, ChangedMeanwhile.
        """
        ...

    def cancel(self, payment_id: str, detail: str) -> PaymentRecord:
        """Cancel every planned transaction, or planned messages: they are never signed.

        If its transaction makes other payments too, they are cancelled with this one.
        """
        ...

    def separate(self, payment_id: str, steps: Mapping[str, Step], detail: str) -> list[PaymentRecord]:
        """Split an unsigned transaction: give each payment that it makes its own step, and cancel the shared one.

        `steps` are keyed by payment id, in the order of the calls. Raises ChangedMeanwhile, and does nothing, if it was
        signed or cancelled.
        """
        ...

    def abandon(self, group: GroupRecord, detail: str) -> GroupRecord:
        """Cancel every planned transaction and message of every leg: they are never signed.

        Raises ChangedMeanwhile, and does nothing, if the paying step of any leg was signed.
        """
        ...

    def requote(self, payment: PaymentRecord, quote: Quote) -> PaymentRecord:
        """Replace what is not signed yet by the steps, the order and the terms of `quote`.

        For a payment whose quote expired between its approval transaction and its paying step: signed bytes stay,
        planned steps are never signed. Raises ChangedMeanwhile if the paying step is no longer planned.
        """
        ...

    def add_refund(self, payment_id: str, step: Step, sender: Address | None = None) -> TxRecord:
        """Append a planned refund. Raises Refused while an earlier refund is not in an end state."""
        ...

    def add_revocation(self, payment_id: str, step: Step) -> TxRecord:
        """Append a step that revokes an allowance. Raises Refused while an earlier one is not in an end state."""
        ...

    def add_execution(self, payment_id: str, step: Step, sender: Address) -> TxRecord:
        """Append a step, from any account, in which a Safe runs its proposal. Raises Refused while one is open."""
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
        """Change the proposal's state from that in `payment`. Raises IllegalMove, ChangedMeanwhile."""
        ...

    def note_proposal(self, payment: PaymentRecord, detail: str, *, maybe_paid: bool = False) -> PaymentRecord:
        """Keep words about what a Safe's owners sign; its state stays. Raises ChangedMeanwhile."""
        ...

    def proposed(self, chain_id: ChainId, safe: Address, nonce: Nonce) -> PaymentRecord | None:
        """The payment whose proposal uses that nonce of the Safe."""
        ...

    def highest_proposed(self, chain_id: ChainId, safe: Address) -> Nonce | None:
        """The highest nonce of the Safe that any payment proposed."""
        ...

    def highest_nonce(self, chain_id: ChainId, sender: Address) -> Nonce | None:
        """The highest nonce ever signed for that account."""
        ...

    def signed_from(self, chain_id: ChainId, sender: Address, nonce: Nonce) -> list[TxRecord]:
        """Signed transactions of that account with that nonce or a higher one, in order of nonce."""
        ...

    def signed_with(self, chain_id: ChainId, sender: Address, nonce: Nonce) -> list[TxRecord]:
        """Signed transactions of that account with exactly that nonce: the chain accepts at most one."""
        ...

    def take_account(self, chain_id: ChainId, sender: Address) -> bool:
        """Acquire the account's lock among all machines that share this journal; False if another holds it.

        wallet/lock.py calls this, and locks among the processes of one machine itself.
        """
        ...

    def account_holder(self, chain_id: ChainId, sender: Address) -> str:
        """The holder of that lock; empty if unknown."""
        ...

    def release_account(self, chain_id: ChainId, sender: Address) -> None:
        """Release that lock."""
        ...

    @property
    def title(self) -> str:
        """Which kind of store holds the journal, and where; without secrets."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...
