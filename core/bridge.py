"""The protocol that every way of moving money implements: a transfer on one chain, or an intent protocol."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Protocol, runtime_checkable

from l2send.core.chains import Chain, Registry
from l2send.core.effects import Effects
from l2send.core.plan import Order, Payment, Quote, Sponsored, Step, UnsignedTx
from l2send.core.rpc import Rpc, Rpcs
from l2send.core.typed import TypedData
from l2send.core.units import Amount, BlockNumber, ChainId, UnixTime


@unique
class OrderState(StrEnum):
    """Where an order's money is, according to the chains."""

    UNKNOWN = "unknown"
    """A chain did not answer. This does not mean unfilled."""
    NOT_OPEN = "not_open"
    """The origin settler holds nothing for this order."""
    OPEN = "open"
    """Locked on the origin; the recipient has nothing yet."""
    FILLED = "filled"
    """The recipient has the money."""
    REFUND_DUE = "refund_due"
    """Not filled, and too late to be filled; the money can be refunded."""
    REFUNDED = "refunded"
    """The money is back with the sender."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The evidence for an order's end: something that each endpoint of a chain shows or does not show by itself."""

    chain_id: ChainId
    shows: Callable[[Rpc, str], Awaitable[bool]]
    """Whether a single endpoint shows it as of `block`: a number in hex, or `latest`. Raises NetworkError."""


async def _no_transaction() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """An order's state, and what a person should know about it.

    FILLED and REFUNDED are what a single look showed. They become the order's end once every proof holds at enough
        blocks and enough endpoints: see wallet/ends.py.
    """

    state: OrderState
    detail: str = ""
    """Who acts next, and when, in words."""
    find_fill: Callable[[], Awaitable[str]] = _no_transaction
    """Looks for the hash of the transaction that paid the recipient, to show it; empty if it is not found."""
    proofs: tuple[Proof, ...] = ()
    """The evidence for FILLED and REFUNDED; without it they are never believed."""


@unique
class OpeningState(StrEnum):
    """Whether an order that a sponsor should open was opened, according to the origin."""

    WAITING = "waiting"
    """Not yet, or not seen."""
    OPENED = "opened"
    """In a block: the money is in the order."""
    USED_UP = "used_up"
    """The messages have expired, and no order made from them was found."""
    TOO_LATE = "too_late"
    """A single look showed that it was not opened and never can be: see Opening.proof."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a single look at an order that a sponsor should open showed."""

    state: OpeningState
    tx_hash: str = ""
    """Hash of the transaction that opened it, from any sender."""
    block: BlockNumber | None = None
    detail: str = ""
    proof: Proof | None = None
    """The evidence for TOO_LATE, which is an end once it holds at enough blocks and endpoints."""


@dataclass(frozen=True, slots=True)
class SentRefund:
    """A refund that was requested by a message, and whose money is not back yet."""

    tx_hash: str
    """Hash of the transaction that sent the message."""
    message_id: str
    """The message's id in the messenger's explorers; empty if it was not found."""
    at: UnixTime
    """When it was sent, by the clock of the chain that sent it."""


@unique
class RefundAddress(StrEnum):
    """Which account an order's money goes back to on its origin."""

    SENDER = "sender"
    """The account that calls the settler, even if the order names another."""
    NAMED = "named"
    """The account that the order names; l2send names the sender."""
    NONE = "none"
    """There are no refunds: nothing is locked."""


@dataclass(frozen=True, slots=True)
class ContractSenders:
    """Whether an account that is a contract, such as a Safe, may be the sender of an order."""

    ok: bool
    """The money of an unfilled order comes back to that contract, on the chain where it paid."""
    refunds_to: RefundAddress
    why: str
    """The reason, in words for the sender."""


class Bridge(Protocol):
    """A way to move money. Implementations keep no state: an order carries everything that is needed later."""

    name: str
    contract_senders: ContractSenders

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """This bridge's offer to fund `payment` from `source`, or None if it does not serve that pair.

        `held` is the sender's balance of the asset on `source`, `native` that of the coin that pays gas.
        The quote's steps carry calldata built here; of a remote answer only the price is used.
        Raises NetworkError, CannotPay, Refused.
        """
        ...

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        """What `tx` does, decoded from its own bytes, or None if it is not this bridge's. Raises Refused."""
        ...

    async def status(self, order: Order, rpcs: Rpcs) -> OrderStatus:
        """Where the order's money is, read from both chains. Raises nothing for a silent chain: UNKNOWN."""
        ...

    async def refund(self, order: Order, rpcs: Rpcs) -> Step | None:
        """The transaction that brings the money of an expired order back, or None if no transaction is needed.

        Raises NetworkError, Refused.
        """
        ...

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        """Whether this receipt of the `open` transaction emitted the order's own event."""
        ...

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        """Whether the origin's settler has the order in its storage as of `block`, open or ended, from any sender.

        False for a settler that keeps no record: only the sender's own nonce can tell then.

        Raises NetworkError.
        """
        ...


@runtime_checkable
class MessageRefundBridge(Bridge, Protocol):
    """A bridge whose refund travels as a message, which can be lost and sent again."""

    async def sent_refund(self, order: Order, rpcs: Rpcs) -> SentRefund | None:
        """The newest refund of `order` that anyone requested; None if none is found. Raises NetworkError."""
        ...


@runtime_checkable
class SponsoredBridge(Bridge, Protocol):
    """A bridge where a sponsor sends the transactions, and the sender only signs messages."""

    def message_effects(self, data: TypedData, registry: Registry) -> Effects:
        """What `data` does once it is signed, decoded from its own bytes. Raises Refused for anything unknown."""
        ...

    async def why_not(self, order: Order, sponsored: Sponsored, rpcs: Rpcs) -> str:
        """Why the messages must not be signed any more, or an empty string. Raises NetworkError."""
        ...

    async def post(self, order: Order, sponsored: Sponsored, signatures: tuple[bytes, ...], rpcs: Rpcs) -> str:
        """Hand the messages to the sponsor, the same ones each time. Its words; empty if it accepted them.

        Raises NetworkError, ConfigError where the registry names no sponsor.
        """
        ...

    async def opening(self, order: Order, sponsored: Sponsored, rpcs: Rpcs) -> Opening:
        """Whether the order was opened, according to the origin; the sponsor is not believed. Raises NetworkError."""
        ...
