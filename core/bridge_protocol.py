"""The protocol that every bridge implements: a transfer on one chain, or an intent protocol."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Protocol, runtime_checkable

from l2send.core.chains import Chain, Registry
from l2send.core.effects import Effects
from l2send.core.plan import Order, Payment, Quote, Sponsored, Step, UnsignedTx
from l2send.core.rpc import Rpc, Rpcs
from l2send.core.typed_data import TypedData
from l2send.core.units import Amount, BlockNumber, ChainId, UnixTime


@unique
class OrderState(StrEnum):
    """The state of an order, according to the chains."""

    UNKNOWN = "unknown"
    """A chain did not answer. This does not mean unfilled."""
    NOT_OPEN = "not_open"
    """The origin settler holds nothing for this order."""
    OPEN = "open"
    """Locked on the origin; the recipient has nothing yet."""
    FILLED = "filled"
    """The recipient has the money."""
    REFUND_DUE = "refund_due"
    """Not filled, and too late to be filled; a refund is possible."""
    REFUNDED = "refunded"
    """The sender has the money back."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The evidence for an order's end state, which each endpoint of a chain shows or does not show independently."""

    chain_id: ChainId
    shows: Callable[[Rpc, str], Awaitable[bool]]
    """Whether a single endpoint shows it as of `block`: a number in hex, or `latest`. Raises NetworkError."""


async def _no_transaction() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """An order's state, with a sentence for the user.

    FILLED and REFUNDED are the result of a single query. They become end states once every proof holds with enough
    blocks and endpoints: see wallet/ends.py.
    """

    state: OrderState
    detail: str = ""
    """Who acts next, and when, in a sentence."""
    find_fill: Callable[[], Awaitable[str]] = _no_transaction
    """Searches for the hash of the transaction that paid the recipient, for display; empty if not found."""
    proofs: tuple[Proof, ...] = ()
    """The evidence for FILLED and REFUNDED; they are never trusted without it."""


@unique
class OpeningState(StrEnum):
    """Whether a sponsor's order was opened, according to the origin chain."""

    WAITING = "waiting"
    """Not yet, or not seen."""
    OPENED = "opened"
    """In a block: the money is in the order."""
    USED_UP = "used_up"
    """The messages' nonces are used, but no order made from them was found."""
    TOO_LATE = "too_late"
    """A single query showed that it was not opened and never can be: see Opening.proof."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The result of a single query about a sponsor's order."""

    state: OpeningState
    tx_hash: str = ""
    """Hash of the transaction that opened it, from any sender."""
    block: BlockNumber | None = None
    detail: str = ""
    proof: Proof | None = None
    """The evidence for TOO_LATE, an end state once it holds with enough blocks and endpoints."""


@dataclass(frozen=True, slots=True)
class SentRefund:
    """A refund that was requested with a message and has not arrived yet."""

    tx_hash: str
    """Hash of the transaction that sent the message."""
    message_id: str
    """The message's id in the messenger's explorers; empty if not found."""
    at: UnixTime
    """When it was sent, by the clock of the chain that sent it."""


@unique
class RefundAddress(StrEnum):
    """The account that gets an order's refund on its origin."""

    SENDER = "sender"
    """The account that calls the settler, even if the order names another."""
    NAMED = "named"
    """The account that the order names; l2send names the sender."""
    NONE = "none"
    """There are no refunds: nothing is locked."""


@dataclass(frozen=True, slots=True)
class ContractSenders:
    """Whether a contract account, such as a Safe, may be the sender of an order."""

    ok: bool
    """True if the refund of an unfilled order goes to that contract, on the chain where it paid."""
    refunds_to: RefundAddress
    why: str
    """The reason, in a sentence for the sender."""


class Bridge(Protocol):
    """A way to move money. Implementations keep no state: an order carries everything that is needed later."""

    name: str
    contract_senders: ContractSenders
    refunds_by_itself: bool
    """Whether the money of an unfilled order comes back without a transaction of its sender."""

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """This bridge's offer to fund `payment` from `source`, or None if it does not serve that pair.

        `held` is the sender's balance of the asset on `source`, `native` that of the coin that pays gas. The quote's
        steps carry calldata built here; only the price is taken from a remote answer. Raises NetworkError, CannotPay,
        Refused.
        """
        ...

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        """The effects of `tx`, decoded from its own bytes, or None if it is not this bridge's. Raises Refused."""
        ...

    async def status(self, order: Order, rpcs: Rpcs) -> OrderStatus:
        """The order's state, read from both chains. UNKNOWN, not an error, if a chain does not answer."""
        ...

    async def refund(self, order: Order, rpcs: Rpcs) -> Step | None:
        """The transaction that refunds an expired order, or None if no transaction is needed.

        Raises NetworkError, Refused.
        """
        ...

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        """Whether this receipt of the `open` transaction emitted the order's own event."""
        ...

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        """Whether the origin's settler has the order in its storage at `block`, open or ended, from any sender.

        False for a settler that keeps no record: then only the sender's nonce can prove it.

        Raises NetworkError.
        """
        ...


@runtime_checkable
class MessageRefundBridge(Bridge, Protocol):
    """A bridge whose refund travels as a message, which can be lost and sent again."""

    async def sent_refund(self, order: Order, rpcs: Rpcs) -> SentRefund | None:
        """The newest refund of `order` requested by any account; None if none is found. Raises NetworkError."""
        ...


@runtime_checkable
class SponsoredBridge(Bridge, Protocol):
    """A bridge where a sponsor sends the transactions, and the sender only signs messages.

    `order` is None where the messages pay by themselves.
    """

    def message_effects(self, data: TypedData, registry: Registry) -> Effects:
        """The effects of `data` once signed, decoded from its own bytes. Raises Refused for anything unknown."""
        ...

    async def why_not(self, order: Order | None, sponsored: Sponsored, rpcs: Rpcs) -> str:
        """Why the messages must no longer be signed, or an empty string. Raises NetworkError."""
        ...

    async def post(self, order: Order | None, sponsored: Sponsored, signatures: tuple[bytes, ...], rpcs: Rpcs) -> str:
        """Post the messages to the sponsor, the same ones each time. Returns its refusal; empty if it accepted them.

        Raises NetworkError, ConfigError if the registry names no sponsor.
        """
        ...


@runtime_checkable
class OpeningBridge(SponsoredBridge, Protocol):
    """A bridge whose orders a sponsor opens."""

    async def opening(self, order: Order, sponsored: Sponsored, rpcs: Rpcs) -> Opening:
        """Whether the order was opened, according to the origin; the sponsor is not trusted. Raises NetworkError."""
        ...
