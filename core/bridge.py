"""What every way of moving money promises, whether it is a transfer on one chain or an intent protocol."""

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
    """Where the money of an order is, as far as the chains tell."""

    UNKNOWN = "unknown"
    """A chain could not be asked. Not the same as unfilled."""
    NOT_OPEN = "not_open"
    """The origin settler holds nothing for this order."""
    OPEN = "open"
    """Locked on the origin; the recipient has nothing yet."""
    FILLED = "filled"
    """The recipient has the money."""
    REFUND_DUE = "refund_due"
    """Not filled and too late for it; the money can be had back."""
    REFUNDED = "refunded"
    """The money is back with the sender."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What an end of an order rests on: something that each endpoint of a chain shows by itself, or does not."""

    chain_id: ChainId
    shows: Callable[[Rpc, str], Awaitable[bool]]
    """Whether one endpoint alone shows it, as of a block: a number in hex, or `latest`. Raises NetworkError."""


async def _no_transaction() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """An order's state, and what a person should know of it.

    Of FILLED and REFUNDED this is what one look showed. They become the order's end once every proof holds, by as many
    blocks and as many endpoints as the end needs: see wallet/ends.py.
    """

    state: OrderState
    detail: str = ""
    """Who acts next, and when, in words."""
    find_fill: Callable[[], Awaitable[str]] = _no_transaction
    """Looks for the hash of the transaction that paid the recipient, for people: empty where it is not found."""
    proofs: tuple[Proof, ...] = ()
    """What FILLED and REFUNDED rest on; without a proof they are never believed."""
    chain_time: UnixTime | None = None
    """The origin's clock when this was read."""


@unique
class OpeningState(StrEnum):
    """Whether an order that a sponsor is to open was opened, as far as the origin tells."""

    WAITING = "waiting"
    """Not yet, or not seen."""
    OPENED = "opened"
    """In a block: the money is in the order."""
    USED_UP = "used_up"
    """The messages can do nothing any more, and no order of them is found."""
    TOO_LATE = "too_late"
    """It was not opened, and never can be, as far as one look showed: see Opening.proof."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One look at an order that a sponsor is to open."""

    state: OpeningState
    tx_hash: str = ""
    """Of the transaction that opened it, whoever sent that."""
    block: BlockNumber | None = None
    detail: str = ""
    proof: Proof | None = None
    """What TOO_LATE rests on: an end once it holds by as many blocks and endpoints as that needs."""


@dataclass(frozen=True, slots=True)
class SentRefund:
    """A refund that was asked for by a message whose money is not back yet."""

    tx_hash: str
    """Of the transaction that sent the message."""
    message_id: str
    """By which explorers of the messenger know it; empty where it was not found."""
    at: UnixTime
    """When it was sent, by the clock of the chain it left."""


@unique
class RefundAddress(StrEnum):
    """To whom an order's money goes back on its origin."""

    SENDER = "sender"
    """The account that calls the settler, whatever the order says."""
    NAMED = "named"
    """The account that the order names; l2send names the sender."""
    NONE = "none"
    """Nothing is ever locked."""


@dataclass(frozen=True, slots=True)
class ContractSenders:
    """Whether an account that is a contract, such as a Safe, may be the sender of an order."""

    ok: bool
    """The money of an unfilled order comes back to that contract, on the chain where it paid."""
    refunds_to: RefundAddress
    why: str
    """The reason, in words for the sender."""


class Bridge(Protocol):
    """One way to move money. Implementations keep no state: an order carries all that is needed later."""

    name: str
    contract_senders: ContractSenders

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """This bridge's offer to fund `payment` from `source`, or None if it does not serve that pair.

        `held` is the sender's balance of the asset on `source`, `native` that of the coin that pays gas.
        The quote's steps carry calldata built here; a remote answer is a price and nothing more.
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
        """The transaction that brings the money of an expired order back, or None where nobody has to send one.

        Raises NetworkError, Refused.
        """
        ...

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        """Whether this receipt of the `open` transaction emitted the order's own event."""
        ...

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        """Whether the origin's settler has the order in its storage as of `block`, whoever opened it, open or ended.

        False where a settler keeps no record: there only the sender's own nonce can tell.

        Raises NetworkError.
        """
        ...


@runtime_checkable
class MessageRefundBridge(Bridge, Protocol):
    """A way on which a refund travels as a message, which can be lost and sent again."""

    async def sent_refund(self, order: Order, rpcs: Rpcs) -> SentRefund | None:
        """The newest refund of `order` that was asked for, by anyone; None where none is found. Raises NetworkError."""
        ...


@runtime_checkable
class SponsoredBridge(Bridge, Protocol):
    """A way on which somebody else sends the transactions, and the sender signs messages alone."""

    def message_effects(self, data: TypedData, registry: Registry) -> Effects:
        """What `data` does once it is signed, decoded from itself. Raises Refused for what it does not know."""
        ...

    async def why_not(self, order: Order, sponsored: Sponsored, rpcs: Rpcs) -> str:
        """Why the messages must not be signed any more, or an empty string. Raises NetworkError."""
        ...

    async def post(self, order: Order, sponsored: Sponsored, signatures: tuple[bytes, ...], rpcs: Rpcs) -> str:
        """Hand everything to the sponsor, who is given the same ever again. Its words, empty where it took them.

        Raises NetworkError, ConfigError where the registry names no sponsor.
        """
        ...

    async def opening(self, order: Order, sponsored: Sponsored, rpcs: Rpcs) -> Opening:
        """Whether the order was opened, by the origin alone: the sponsor is not believed. Raises NetworkError."""
        ...
