"""A payment, and how it will be made: frozen data, no behaviour that touches the world.

Payment  what the person asked for
Quote    one leg of making it: which bridge, from which chain, what it costs
Step     one unsigned transaction of that leg
Message  one message that is signed instead, where a sponsor sends the transactions
Way      the legs that make the whole payment; mostly there is one
Plan     the chosen way, and the ways that lost
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Any

from l2send.core.address import Address
from l2send.core.chains import Chain
from l2send.core.typed import TypedData
from l2send.core.units import Amount, BlockNumber, ChainId, Gas, Nonce, Seconds, UnixTime, Wei


@dataclass(frozen=True, slots=True)
class ChainAddress:
    """An account on one chain, the ERC-3770 notion: `base:0x…`."""

    chain_id: ChainId
    address: Address


@dataclass(frozen=True, slots=True)
class Payment:
    """What the person asked for: `amount` (its token lives on the destination chain) arrives at `to`."""

    sender: Address
    """Whose money it is."""
    to: ChainAddress
    amount: Amount
    executor: Address | None = None
    """The owner who sends the transaction, where `sender` is a Safe; None where the sender signs for itself."""

    @property
    def signer(self) -> Address:
        """The account that signs, whose nonces are used and which pays the gas."""
        return self.executor or self.sender


@dataclass(frozen=True, slots=True)
class UnsignedTx:
    """What a transaction says, without what is filled in at signing (nonce and fees)."""

    chain_id: ChainId
    to: Address
    value: Wei
    data: bytes


@dataclass(frozen=True, slots=True)
class GasPrice:
    """Prices per gas. A chain without EIP-1559 is `legacy`: `max_fee` is its gas price, the rest zero."""

    base_fee: Wei
    tip: Wei
    max_fee: Wei
    legacy: bool = False

    def expected(self, gas: Gas) -> Wei:
        """What `gas` will cost if it is mined now."""
        return Wei(gas * (self.max_fee if self.legacy else min(self.max_fee, self.base_fee + self.tip)))

    def most(self, gas: Gas) -> Wei:
        """What `gas` can cost at most; the balance must hold it."""
        return Wei(gas * self.max_fee)


@unique
class StepKind(StrEnum):
    """Why a transaction is sent."""

    TRANSFER = "transfer"
    APPROVE = "approve"
    OPEN = "open"
    REFUND = "refund"
    REVOKE = "revoke"
    """Takes back an allowance that a payment gave and that nothing needs any more."""
    CANCEL = "cancel"
    """Takes the nonce of another transaction, and does nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction of a plan. `gas` is the limit it will be signed with, at least."""

    kind: StepKind
    tx: UnsignedTx
    gas: Gas
    price: GasPrice | None = None
    """Where it is given, the transaction is signed with exactly this price and `gas`, or not at all.
    None: it is priced when it is signed."""
    nonce: Nonce | None = None
    """Where it is given, what it is signed with, or not at all: somebody may hold a signature for it."""


@unique
class MessageKind(StrEnum):
    """Why a message is signed."""

    PERMIT = "permit"
    """EIP-2612: allows the token to be taken."""
    OPEN_FOR = "open_for"
    """ERC-7683: opens the order, whoever brings it to the settler."""


@dataclass(frozen=True, slots=True)
class Message:
    """One EIP-712 message of a plan."""

    kind: MessageKind
    data: TypedData


@dataclass(frozen=True, slots=True)
class Sponsored:
    """An order that somebody else opens: the sender signs messages, and sends no transaction."""

    messages: tuple[Message, ...]
    """In the order in which they are brought to the chain; the last one pays."""
    open_deadline: UnixTime
    """By the origin's clock; after it no message does anything any more."""
    since: BlockNumber
    """The origin's head when they were written: the order is opened after it, but for a reorganisation."""


@dataclass(frozen=True, slots=True)
class Order:
    """A cross-chain order in full: any later process can recognise its fill, or have it refunded."""

    bridge: str
    order_id: str
    """0x-prefixed bytes32 that commits to everything below; the id its `Open` event must carry."""
    origin: ChainId
    origin_settler: Address
    destination: ChainId
    destination_settler: Address
    sender: Address
    recipient: Address
    pays: Amount
    """What leaves the sender on the origin."""
    delivers: Amount
    """What the recipient gets on the destination."""
    fill_deadline: UnixTime
    """By the destination's clock; no fill after it."""
    refund_after: UnixTime
    """By the origin's clock; until then the money stays locked."""
    details: dict[str, Any] = field(default_factory=dict[str, Any], hash=False)
    """What this bridge needs besides, as JSON values."""


BRIDGE_FEE = "bridge fee"
"""The name of what a bridge keeps; every other fee is for network fees."""
SPONSOR_FEE = "sponsor fee"
"""The name of what a sponsor takes for paying the network fees."""


@dataclass(frozen=True, slots=True)
class Fee:
    """A cost, named, in the token it is paid in. `usd` is None where no price is known: never zero."""

    name: str
    amount: Amount
    usd: float | None = None


@dataclass(frozen=True, slots=True)
class RefundCost:
    """What a sender must hold to have the money of an order back, where no one else sends what asks for it."""

    chain: Chain
    """Where that transaction is sent: the origin or the destination."""
    most: Wei
    """Of the native coin of `chain`, at today's prices."""
    fee: Wei
    """What of `most` is no network fee, but taken by who brings the money back."""


@dataclass(frozen=True, slots=True)
class Quote:
    """One way to make the payment. `pays` leaves the sender; gas fees are in `fees` too."""

    bridge: str
    source: Chain
    pays: Amount
    delivers: Amount
    fees: tuple[Fee, ...]
    duration: Seconds
    steps: tuple[Step, ...]
    order: Order | None = None
    """None for a direct transfer."""
    expires: UnixTime | None = None
    """After this the price no longer holds; by the source's clock."""
    notes: tuple[str, ...] = ()
    needs: Wei | None = None
    """Native coin that can leave the source at most, value and fees together; None where the bridge does not say."""
    sponsored: Sponsored | None = None
    """What is signed instead of steps, where a sponsor sends the transactions."""
    refund: RefundCost | None = None
    """None where nobody has to send a transaction for it."""
    fee_cap: Wei | None = None
    """The most that its transactions may cost in network fees together, where the sender set a limit in money."""

    @property
    def signatures(self) -> int:
        """How many transactions and messages are signed for it."""
        return len(self.steps) + (len(self.sponsored.messages) if self.sponsored else 0)

    @property
    def refund_gas(self) -> Wei:
        """What a refund would need of the source's own coin."""
        here = self.refund is not None and self.refund.chain.chain_id == self.source.chain_id
        return self.refund.most if self.refund and here else Wei(0)

    @property
    def settlers(self) -> str:
        """The name by which the registry lists the contracts that it relies on."""
        return self.order.bridge if self.order else self.bridge

    @property
    def cost_usd(self) -> float | None:
        """Every fee in USD, or None when one of them has no price."""
        prices = [fee.usd for fee in self.fees]
        return None if any(p is None for p in prices) else sum(p for p in prices if p is not None)


@dataclass(frozen=True, slots=True)
class Way:
    """The legs that together make a payment, each from another chain. What they deliver sums to its amount."""

    legs: tuple[Quote, ...]

    @property
    def cost_usd(self) -> float | None:
        """Every fee of every leg in USD, or None when one of them has no price."""
        costs = [leg.cost_usd for leg in self.legs]
        return None if any(c is None for c in costs) else sum(c for c in costs if c is not None)

    @property
    def duration(self) -> Seconds:
        """Until the last leg has arrived: they run side by side."""
        return max(leg.duration for leg in self.legs)

    @property
    def signatures(self) -> int:
        """How many transactions and messages are signed for it."""
        return sum(leg.signatures for leg in self.legs)

    @property
    def fee_percent(self) -> float:
        """What the bridges take, in percent of what arrives."""
        taken = sum(float(leg.pays.units) / 10.0**leg.pays.token.decimals for leg in self.legs)
        arrives = sum(float(leg.delivers.units) / 10.0**leg.delivers.token.decimals for leg in self.legs)
        return 100.0 * (taken - arrives) / arrives

    @property
    def name(self) -> str:
        """Its chains and bridges: `dev2 by eco`, or `dev1 by eco + dev4 by direct`."""
        return " + ".join(f"{leg.source.short_name} by {leg.bridge}" for leg in self.legs)


@dataclass(frozen=True, slots=True)
class Plan:
    """The way chosen, why, and what else there was."""

    payment: Payment
    way: Way
    why: str
    alternatives: tuple[Way, ...] = ()
    rejected: tuple[str, ...] = ()
    """Sources and bridges that could not be used, each with its reason."""

    @property
    def legs(self) -> tuple[Quote, ...]:
        """The quotes of the chosen way."""
        return self.way.legs

    @property
    def quote(self) -> Quote:
        """The only leg of a payment from one source. Raises ValueError where there are several."""
        (only,) = self.legs
        return only
