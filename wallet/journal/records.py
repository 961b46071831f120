"""What a journal returns: frozen records of payments, their transactions and their orders."""

from __future__ import annotations

from dataclasses import dataclass, replace

from l2send.core.address import Address
from l2send.core.bridge_protocol import OrderState
from l2send.core.errors import Sent
from l2send.core.plan import Order, Payment, Proposal, Sponsored, Step, StepKind
from l2send.core.tx_fee import TxFee
from l2send.core.units import Amount, BlockNumber, ChainId, Nonce, UnixTime
from l2send.wallet.journal.codec import Terms
from l2send.wallet.journal.proposal_states import ProposalState, money_of_proposal, proposal_payment_state
from l2send.wallet.journal.shared_tx import Ride
from l2send.wallet.journal.states import (
    CANCEL_OUTCOME,
    ENDED,
    SUCCEEDED,
    Meaning,
    PaymentState,
    SponsoredState,
    TxState,
    deciding,
    meaning_of,
    money_moved,
    money_of_messages,
    payment_state,
    sponsored_payment_state,
    state_of_legs,
)

_AFTERWARDS = frozenset({StepKind.REFUND, StepKind.REVOKE, StepKind.EXECUTE})
"""Kinds of steps that are added after the plan."""
_UNSIGNED = frozenset({TxState.PLANNED, TxState.CANCELLED, SponsoredState.PLANNED, SponsoredState.CANCELLED})
_NEVER_PAID = frozenset({TxState.PLANNED, TxState.CANCELLED, TxState.REVERTED, TxState.REPLACED})
"""States in which the paying step used no allowance and, as far as known, never will."""


@dataclass(frozen=True, slots=True)
class TxRecord:
    """One transaction of a payment. Until it is signed it has no nonce, no hash and no bytes."""

    payment_id: str
    index: int
    """Position among the payment's transactions, from 0: the plan's steps first, then refunds and replacements."""
    step: Step
    sender: Address
    state: TxState
    nonce: Nonce | None = None
    hash: str = ""
    """keccak of the signed bytes, computed here, 0x-prefixed."""
    raw: bytes = b""
    """The signed bytes. Nodes get exactly these, also after a crash."""
    block: BlockNumber | None = None
    """The block it is in; for `indeterminate`, the head when its nonce was first seen used up."""
    block_hash: str = ""
    signed_at: UnixTime | None = None
    """By this machine's clock."""
    detail: str = ""
    maybe_paid: bool = False
    """Whether, by the last look, something else with its nonce may have made the payment: its user alone can tell."""
    replaces: int | None = None
    """The index of the step that it was signed for again, with the same nonce; None for a step's first transaction."""
    elsewhere: bool = False
    """Whether another wallet signed it and chose its fee; it was found on the chain."""
    fee: TxFee | None = None
    """What it cost, by its final receipt; None before its end state, and if no receipt reported it."""

    @property
    def step_index(self) -> int:
        """The index of the step it was signed for."""
        return self.index if self.replaces is None else self.replaces

    @property
    def outcome(self) -> TxState:
        """The state it gives its step: a final cancelling transaction means that the step never happens."""
        return CANCEL_OUTCOME.get(self.state, self.state) if self.step.kind is StepKind.CANCEL else self.state

    @property
    def chain_id(self) -> ChainId:
        """The chain of the transaction."""
        return self.step.tx.chain_id


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """The order that a payment opens."""

    order: Order
    state: OrderState
    fill_tx: str = ""
    """Hash of the transaction that paid the recipient, on the destination."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SponsoredRecord:
    """The messages that a sponsor submits to the chain. Until they are signed there are no signatures."""

    sponsored: Sponsored
    state: SponsoredState
    signatures: tuple[bytes, ...] = ()
    """One for each message. The sponsor gets exactly these, also after a crash."""
    signed_at: UnixTime | None = None
    """By this machine's clock."""
    opening_tx: str = ""
    """Hash of the transaction that submitted them, from any sender."""
    block: BlockNumber | None = None
    """The block of that transaction."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ProposalRecord:
    """The Safe transaction that the owners sign, and its state on the chain."""

    proposal: Proposal
    hash: str
    """The SafeTx hash that owners sign, 0x-prefixed."""
    state: ProposalState
    tx_hash: str = ""
    """Hash of the transaction with which any account had the Safe run it."""
    block: BlockNumber | None = None
    """The block of that transaction; for `indeterminate`, the head when its nonce was first seen used."""
    detail: str = ""
    maybe_paid: bool = False


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One line of a payment's history. `at` is by this machine's clock."""

    at: UnixTime
    subject: str
    """`payment`, `order`, or `step 0`, `step 1`, …"""
    before: str
    after: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PaidBefore:
    """Delivered payments to an account."""

    times: int
    last_at: UnixTime
    """When the newest of them was recorded, by this machine's clock."""
    more: bool = False
    """Whether there are more than `times`: counting stopped there."""


@dataclass(frozen=True, slots=True)
class PaymentRecord:
    """A payment and its progress."""

    id: str
    key: str | None
    """The caller's idempotency key."""
    created_at: UnixTime
    """By this machine's clock."""
    payment: Payment
    terms: Terms
    transactions: tuple[TxRecord, ...]
    order: OrderRecord | None
    group_id: str | None = None
    """The id of the whole payment, if this is one of its legs."""
    sponsored: SponsoredRecord | None = None
    """The messages to sign if a sponsor submits them; there are no steps then."""
    proposal: ProposalRecord | None = None
    """What the owners of a Safe sign; there are no steps then. With a ride, that of the payment it rides with."""
    typed_name: str = ""
    """The contact or ENS name that was typed for the recipient, or empty. Only the address counts."""
    memo: str = ""
    """The payer's own note; no chain and no recipient sees it."""
    arrived_units: int | None = None
    """What its transfer or its fill delivered, by the token's own event; None if no event was seen."""
    delivered_at: UnixTime | None = None
    """When it was seen as delivered, by this machine's clock."""
    closed_at: UnixTime | None = None
    """When the user closed it without evidence of its end, by this machine's clock."""
    ride: Ride | None = None
    """Which call of another payment's transaction makes it, if any: `transactions` are that payment's then."""

    @property
    def driven_by(self) -> str:
        """The id of the payment whose transactions make it: its own, or the one it rides with."""
        return self.ride.shared_id if self.ride else self.id

    @property
    def arrived(self) -> Amount | None:
        """What the recipient got, by the token's own event. A token that keeps a part delivers less than was sent."""
        return None if self.arrived_units is None else replace(self.payment.amount, units=self.arrived_units)

    @property
    def legs(self) -> tuple[PaymentRecord, ...]:
        """Itself: a payment from one chain has one leg."""
        return (self,)

    @property
    def delivered(self) -> Amount:
        """The part of it that the recipient has."""
        return self.payment.amount if self.state is PaymentState.DELIVERED else replace(self.payment.amount, units=0)

    @property
    def approved(self) -> tuple[TxRecord, ...]:
        """The planned transactions as they were approved, in order; the last one pays."""
        firsts = (tx for tx in self.transactions if tx.replaces is None)
        return tuple(tx for tx in firsts if tx.step.kind not in _AFTERWARDS)

    @property
    def steps(self) -> tuple[TxRecord, ...]:
        """For each step of the plan, in order, the transaction that decides its state."""
        return tuple(self.at(tx.index) for tx in self.approved)

    @property
    def paying(self) -> TxState | SponsoredState | ProposalState:
        """State of the paying part: the last step, a sponsor's messages, or what the owners of a Safe sign."""
        if self.proposal:
            return self.proposal.state
        return self.sponsored.state if self.sponsored else self.steps[-1].state

    @property
    def is_unsigned(self) -> bool:
        """Whether the paying part is unsigned, so far or for good."""
        return self.paying in _UNSIGNED

    @property
    def is_order_followed(self) -> bool:
        """Whether its order was seen open: from then on the order decides the state, not the transactions."""
        return self.order is not None and self.order.state is not OrderState.NOT_OPEN

    def needs_no_waiting(self, step_index: int) -> bool:
        """Whether a step is in an end state, its order is followed instead, or the payment was closed."""
        tx = self.at(step_index)
        followed = self.is_order_followed and tx.state is TxState.INDETERMINATE
        paying = tx.step.kind is StepKind.EXECUTE or step_index in [one.index for one in self.approved[-1:]]
        return tx.outcome in ENDED or self.closed_at is not None or (followed and paying)

    @property
    def refunds(self) -> tuple[TxRecord, ...]:
        """For each refund, the transaction that decides its state."""
        return self.afterwards(StepKind.REFUND)

    @property
    def executions(self) -> tuple[TxRecord, ...]:
        """For each attempt from here to have a Safe run its proposal, the transaction that decides its state."""
        return self.afterwards(StepKind.EXECUTE)

    @property
    def sent_executions(self) -> tuple[TxRecord, ...]:
        """Those with bytes that may have been sent: once the Safe ran the proposal, unsent bytes stay here."""
        free = self.proposal is not None and self.proposal.state is ProposalState.PROPOSED
        return tuple(tx for tx in self.executions if tx.raw and (free or tx.state is not TxState.SIGNED))

    @property
    def revocations(self) -> tuple[TxRecord, ...]:
        """For each revocation of an allowance, the transaction that decides its state."""
        return self.afterwards(StepKind.REVOKE)

    def afterwards(self, kind: StepKind) -> tuple[TxRecord, ...]:
        """For each step of this kind that was added after the plan, the transaction that decides its state."""
        firsts = (tx for tx in self.transactions if tx.replaces is None and tx.step.kind is kind)
        return tuple(self.at(tx.index) for tx in firsts)

    @property
    def left_allowed(self) -> bool:
        """Whether it signed an approval, but neither the step that uses the allowance nor its revocation.

        This is the journal's view; only the chain knows the allowance.
        """
        approved = any(tx.step.kind is StepKind.APPROVE and tx.outcome in SUCCEEDED for tx in self.steps[:-1])
        taken_back = any(tx.outcome in SUCCEEDED for tx in self.revocations)
        return approved and not taken_back and self.steps[-1].outcome in _NEVER_PAID

    @property
    def can_be_taken_back(self) -> bool:
        """Whether its operation is signed and, as far as is known, its nonce is free: its sender can use that up."""
        return self.sponsored is not None and self.order is None and self.sponsored.state is SponsoredState.SIGNED

    @property
    def nonces_elsewhere(self) -> tuple[Nonce, ...]:
        """Nonces of steps prepared to be signed elsewhere and unsigned here: a file may hold signatures."""
        return tuple(tx.step.nonce for tx in self.approved if tx.nonce is None and tx.step.nonce is not None)

    @property
    def deciding(self) -> tuple[TxRecord, ...]:
        """For each step, those added later included, the transaction that decides its state."""
        return (*self.steps, *self.refunds, *self.revocations, *self.executions)

    def attempts(self, step_index: int) -> tuple[TxRecord, ...]:
        """Every transaction of that step, in the order they were signed: the chain accepts at most one."""
        return tuple(tx for tx in self.transactions if tx.step_index == step_index)

    def at(self, step_index: int) -> TxRecord:
        """The transaction that decides that step's state: the one in a block, else the newest."""
        attempts = self.attempts(step_index)
        return attempts[deciding([tx.state for tx in attempts])]

    @property
    def state(self) -> PaymentState:
        """Derived on each read; the journal's state column serves only lookups."""
        order = self.order.state if self.order else None
        if self.proposal:
            return proposal_payment_state(self.proposal.state, order)
        if self.sponsored:
            return sponsored_payment_state(self.sponsored.state, order)
        return payment_state([tx.outcome for tx in self.steps], order)

    @property
    def meaning(self) -> Meaning:
        """Exit status, whether it is open, and a sentence on where the money is."""
        return meaning_of(self.state, is_closed=self.closed_at is not None)

    @property
    def moved(self) -> Sent:
        """Whether money may have moved."""
        if self.sponsored:
            return money_of_messages(self.sponsored.state)
        if self.proposal and self.proposal.state is not ProposalState.PROPOSED:
            return money_of_proposal(self.proposal.state)
        return money_moved([tx.state for tx in self.transactions])


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """A payment from several chains: its legs are payments on one chain each, recorded together."""

    id: str
    legs: tuple[PaymentRecord, ...]

    @property
    def key(self) -> str | None:
        """The caller's idempotency key, for the whole payment."""
        return self.legs[0].key

    @property
    def created_at(self) -> UnixTime:
        """By this machine's clock."""
        return self.legs[0].created_at

    @property
    def typed_name(self) -> str:
        """The contact or ENS name that was typed for the recipient; empty for an address."""
        return self.legs[0].typed_name

    @property
    def memo(self) -> str:
        """The payer's own note."""
        return self.legs[0].memo

    @property
    def arrived(self) -> Amount | None:
        """What the legs delivered, by the token's own events; None if one of them shows no event."""
        amounts = [leg.arrived for leg in self.legs]
        known = [amount for amount in amounts if amount is not None]
        return self._sum(known) if len(known) == len(amounts) else None

    @property
    def delivered_at(self) -> UnixTime | None:
        """When the last leg was seen as delivered, by this machine's clock; None until then."""
        known = [leg.delivered_at for leg in self.legs if leg.delivered_at is not None]
        return max(known) if len(known) == len(self.legs) else None

    @property
    def payment(self) -> Payment:
        """The requested payment: the sum of the legs."""
        return replace(self.legs[0].payment, amount=self._sum([leg.payment.amount for leg in self.legs]))

    @property
    def delivered(self) -> Amount:
        """The part of it that the recipient has."""
        return self._sum([leg.delivered for leg in self.legs])

    @property
    def transactions(self) -> tuple[TxRecord, ...]:
        """The transactions of every leg."""
        return tuple(tx for leg in self.legs for tx in leg.transactions)

    @property
    def state(self) -> PaymentState:
        """Derived from the legs on each read, never stored."""
        return state_of_legs([leg.state for leg in self.legs])

    @property
    def meaning(self) -> Meaning:
        """Exit status, whether it is open, and a sentence on where the money is."""
        return meaning_of(self.state, is_closed=not any(leg.meaning.open for leg in self.legs))

    @property
    def moved(self) -> Sent:
        """Whether money may have moved."""
        return next(sent for sent in (Sent.YES, Sent.MAYBE, Sent.NO) if any(leg.moved is sent for leg in self.legs))

    def _sum(self, amounts: list[Amount]) -> Amount:
        return replace(amounts[0], units=sum(amount.units for amount in amounts))


Record = PaymentRecord | GroupRecord
"""One payment, as the user sees it."""
