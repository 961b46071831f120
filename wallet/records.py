"""What a journal hands out: frozen records of payments, their transactions and their orders."""

from __future__ import annotations

from dataclasses import dataclass

from l2send.core.address import Address
from l2send.core.bridge import OrderState
from l2send.core.errors import Sent
from l2send.core.plan import Order, Payment, Step, StepKind
from l2send.core.units import BlockNumber, ChainId, Nonce, UnixTime
from l2send.wallet.codec import Terms
from l2send.wallet.states import MEANINGS, Meaning, PaymentState, TxState, money_moved, payment_state


@dataclass(frozen=True, slots=True)
class TxRecord:
    """One transaction of a payment. Until it is signed it has no nonce, no hash and no bytes."""

    payment_id: str
    index: int
    """Place among the payment's steps, from 0; refunds follow them."""
    step: Step
    sender: Address
    state: TxState
    nonce: Nonce | None = None
    hash: str = ""
    """keccak of the signed bytes, computed here, 0x-prefixed."""
    raw: bytes = b""
    """The signed bytes: whatever happens, these and no others are handed to nodes."""
    block: BlockNumber | None = None
    """The block it is in; for `indeterminate`, the head when its nonce was first seen used up."""
    block_hash: str = ""
    signed_at: UnixTime | None = None
    """By this machine's clock."""
    detail: str = ""

    @property
    def chain_id(self) -> ChainId:
        """The chain it is for."""
        return self.step.tx.chain_id


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """The order a payment opens."""

    order: Order
    state: OrderState
    fill_tx: str = ""
    """Hash of the transaction that paid the recipient, on the destination."""
    detail: str = ""


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
class PaymentRecord:
    """A payment, as far as it got."""

    id: str
    key: str | None
    """The caller's idempotency key."""
    created_at: UnixTime
    """By this machine's clock."""
    payment: Payment
    terms: Terms
    transactions: tuple[TxRecord, ...]
    order: OrderRecord | None

    @property
    def steps(self) -> tuple[TxRecord, ...]:
        """The transactions of the plan, in order; the last one pays."""
        return tuple(tx for tx in self.transactions if tx.step.kind is not StepKind.REFUND)

    @property
    def refunds(self) -> tuple[TxRecord, ...]:
        """Transactions sent to have the money back."""
        return tuple(tx for tx in self.transactions if tx.step.kind is StepKind.REFUND)

    @property
    def state(self) -> PaymentState:
        """Derived each time, never stored."""
        order = self.order.state if self.order else None
        return payment_state([tx.state for tx in self.steps], order)

    @property
    def meaning(self) -> Meaning:
        """Exit status, whether it is open, and a sentence about the money."""
        return MEANINGS[self.state]

    @property
    def moved(self) -> Sent:
        """Whether money may have moved."""
        return money_moved([tx.state for tx in self.transactions])
