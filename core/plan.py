"""A payment and the plan for it: frozen data without behaviour.

Payment  what the person asked for
Quote    one leg of making it: which bridge, from which chain, what it costs
Step     one unsigned transaction of that leg
Message  one message that is signed instead, if a sponsor sends the transactions
Way      the legs that make the whole payment; usually one
Plan     the chosen way, and the alternatives
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Any

from l2send.core.address import Address
from l2send.core.chains import Chain
from l2send.core.typed_data import TypedData
from l2send.core.units import Amount, BlockNumber, ChainId, Gas, Nonce, Seconds, UnixTime, Wei


@dataclass(frozen=True, slots=True)
class ChainAddress:
    """An account on one chain, the ERC-3770 notion: `base:0x…`."""

    chain_id: ChainId
    address: Address


@dataclass(frozen=True, slots=True)
class Payment:
    """The request: `amount`, of a token on the destination chain, arrives at `to`."""

    sender: Address
    """The account that holds the money."""
    to: ChainAddress
    amount: Amount
    executor: Address | None = None
    """The owner who sends the transaction if `sender` is a Safe with a threshold of one; else None."""
    by_owners: bool = False
    """Whether `sender` is a Safe whose owners sign a Proposal, which any account may then send."""

    @property
    def signer(self) -> Address:
        """The account that signs, whose nonces are used and which pays the gas; not if owners sign."""
        return self.executor or self.sender

    @property
    def is_of_safe(self) -> bool:
        """Whether `sender` is a Safe: then another account pays the gas."""
        return self.executor is not None or self.by_owners


@dataclass(frozen=True, slots=True)
class UnsignedTx:
    """A transaction without the fields that are set at signing (nonce and fees)."""

    chain_id: ChainId
    to: Address
    value: Wei
    data: bytes
    delegate_to: Address | None = None
    """The sender's delegate from then on (EIP-7702), the zero address for none; None leaves it unchanged."""


@dataclass(frozen=True, slots=True)
class GasPrice:
    """Prices per gas. A chain without EIP-1559 is `legacy`: `max_fee_per_gas` is its gas price, the rest zero."""

    base_fee: Wei
    tip: Wei
    max_fee_per_gas: Wei
    legacy: bool = False

    def expected(self, gas: Gas) -> Wei:
        """The cost of `gas` if it is mined now."""
        return Wei(gas * (self.max_fee_per_gas if self.legacy else min(self.max_fee_per_gas, self.base_fee + self.tip)))

    def most(self, gas: Gas) -> Wei:
        """The most that `gas` can cost; the balance must cover it."""
        return Wei(gas * self.max_fee_per_gas)


@unique
class StepKind(StrEnum):
    """Why a transaction is sent."""

    TRANSFER = "transfer"
    APPROVE = "approve"
    OPEN = "open"
    REFUND = "refund"
    REVOKE = "revoke"
    """Revokes an allowance that a payment gave and no longer needs."""
    DELEGATE = "delegate"
    """Makes the account delegate to code, or stop (EIP-7702)."""
    CANCEL = "cancel"
    """Uses the nonce of another transaction and does nothing else."""
    TOGETHER = "together"
    """Makes several payments of one account: all of them, or none."""
    EXECUTE = "execute"
    """Submits what the owners of a Safe signed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction of a plan. `gas` is its minimum gas limit."""

    kind: StepKind
    tx: UnsignedTx
    gas: Gas
    price: GasPrice | None = None
    """If set, the transaction is signed with exactly this price and `gas`, or not at all. None: it is priced at
    signing."""
    nonce: Nonce | None = None
    """If set, the only nonce it may be signed with: a signature for that nonce may exist elsewhere."""
    over: Address | None = None
    """For a delegation: the account's delegate at approval, the zero address for none."""


@unique
class MessageKind(StrEnum):
    """Why a message is signed."""

    PERMIT = "permit"
    """EIP-2612: allows a contract to take the token."""
    OPEN_FOR = "open_for"
    """ERC-7683: opens the order; anyone may submit it to the settler."""
    OPERATION = "operation"
    """ERC-4337: a transfer of a delegated account; anyone may submit it to the EntryPoint."""


@dataclass(frozen=True, slots=True)
class Message:
    """One EIP-712 message of a plan."""

    kind: MessageKind
    data: TypedData


@dataclass(frozen=True, slots=True)
class Sponsored:
    """What a sponsor submits to the chain, an order or a transfer: the sender signs messages, no transaction."""

    messages: tuple[Message, ...]
    """In the order of submission; the last one pays."""
    open_deadline: UnixTime | None
    """By the origin's clock; after it the messages have no effect. None: until the nonce of the operation is used."""
    since: BlockNumber
    """The origin's head when they were written: barring a reorganisation, they are submitted after it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A Safe transaction that its owners sign. With enough signatures any account may send it, once."""

    execution: UnsignedTx
    """The call of the Safe's `execTransaction` without signatures: see core/safe.py."""
    nonce: Nonce
    """The Safe's nonce. It runs one transaction with each, in order."""
    kind: StepKind
    """Its purpose: a transfer, or an order."""
    gas: Gas
    """The gas limit for `execution`, by simulation; 0 if the Safe had run it before it was recorded."""
    since: BlockNumber
    """The chain's head when it was written: barring a reorganisation, it is executed after it."""
    owners: tuple[Address, ...]
    """The Safe's owners at that time. They may change before it is executed."""
    threshold: int
    """The Safe's threshold at that time."""

    @property
    def was_found(self) -> bool:
        """Whether a recovery found it on the chain: the Safe had run it before it was recorded."""
        return self.gas == 0


@dataclass(frozen=True, slots=True)
class Order:
    """A complete cross-chain order: any later process can recognise its fill, or request its refund."""

    bridge: str
    order_id: str
    """0x-prefixed bytes32 that commits to every field below; its `Open` event must carry this id."""
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
    """By the origin's clock; no refund before it."""
    details: dict[str, Any] = field(default_factory=dict[str, Any], hash=False)
    """The bridge's further fields, as JSON values."""


BRIDGE_FEE = "bridge fee"
"""The name of the fee that a bridge keeps; all others are network fees."""
SPONSOR_FEE = "sponsor fee"
"""The name of the fee that a sponsor takes for paying the network fees."""


@dataclass(frozen=True, slots=True)
class Fee:
    """A named cost, in the token in which it is paid. `usd` is None if no price is known: never zero."""

    name: str
    amount: Amount
    usd: float | None = None


@dataclass(frozen=True, slots=True)
class RefundCost:
    """What a sender must hold to refund an order, if no other account sends the refund's transaction."""

    chain: Chain
    """The chain of that transaction: the origin or the destination."""
    most: Wei
    """In the native coin of `chain`, at today's prices."""
    fee: Wei
    """The part of `most` that is not a network fee but is charged by the service that transfers the refund."""


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
    """The price is valid until then, by the source's clock."""
    notes: tuple[str, ...] = ()
    needs: Wei | None = None
    """The most native coin that can leave the source, value plus fees; None if the bridge does not specify it."""
    sponsored: Sponsored | None = None
    """Signed instead of steps if a sponsor sends the transactions."""
    refund: RefundCost | None = None
    """None if a refund needs no transaction."""
    fee_cap: Wei | None = None
    """The most that its transactions may cost in network fees together, if the sender set a limit in dollars."""
    proposal: Proposal | None = None
    """Signed instead of steps if the owners of a Safe sign."""
    carries: tuple[Payment, ...] = ()
    """The payments that its one transaction makes, in the order of its calls; empty for a quote of a single payment."""

    @property
    def signatures(self) -> int:
        """How many transactions and messages are signed for it."""
        return len(self.steps) + (len(self.sponsored.messages) if self.sponsored else 0) + bool(self.proposal)

    @property
    def refund_gas(self) -> Wei:
        """How much of the source's native coin a refund would need."""
        here = self.refund is not None and self.refund.chain.chain_id == self.source.chain_id
        return self.refund.most if self.refund and here else Wei(0)

    @property
    def settlers(self) -> str:
        """The name under which the registry lists its contracts."""
        return self.order.bridge if self.order else self.bridge

    @property
    def cost_usd(self) -> float | None:
        """The sum of all fees in USD, or None if one has no price."""
        prices = [fee.usd for fee in self.fees]
        return None if any(p is None for p in prices) else sum(p for p in prices if p is not None)


@dataclass(frozen=True, slots=True)
class Way:
    """The legs that together make a payment, each from a different chain. Together they deliver its amount."""

    legs: tuple[Quote, ...]

    @property
    def cost_usd(self) -> float | None:
        """The sum of all legs' fees in USD, or None if one has no price."""
        costs = [leg.cost_usd for leg in self.legs]
        return None if any(c is None for c in costs) else sum(c for c in costs if c is not None)

    @property
    def duration(self) -> Seconds:
        """Until the last leg has arrived: they run concurrently."""
        return max(leg.duration for leg in self.legs)

    @property
    def signatures(self) -> int:
        """How many transactions and messages are signed for it."""
        return sum(leg.signatures for leg in self.legs)

    @property
    def fee_percent(self) -> float:
        """What the bridges take, in percent of the delivered amount; 0 for a transaction that makes other payments."""
        taken = sum(float(leg.pays.units) / 10.0**leg.pays.token.decimals for leg in self.legs)
        arrives = sum(float(leg.delivers.units) / 10.0**leg.delivers.token.decimals for leg in self.legs)
        return 100.0 * (taken - arrives) / arrives if arrives else 0.0

    @property
    def name(self) -> str:
        """Its chains and bridges: `dev2 by eco`, or `dev1 by eco + dev4 by direct`."""
        return " + ".join(f"{leg.source.short_name} by {leg.bridge}" for leg in self.legs)


@dataclass(frozen=True, slots=True)
class Plan:
    """The chosen way, the reason for it, and the alternatives."""

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
        """The only leg of a payment from one source. Raises ValueError if there are several."""
        (only,) = self.legs
        return only
