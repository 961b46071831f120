"""What is planned: a payment, `max` (as much of a token as all chains can deliver), or the calls of a Safe."""

from __future__ import annotations

from dataclasses import dataclass

from l2send.cli.devnet_clock import count_from_the_chain
from l2send.cli.typed_recipient import Words, payment_of
from l2send.client import Client
from l2send.core.address import Address
from l2send.core.errors import UsageError
from l2send.core.plan import Payment, UnsignedTx
from l2send.core.text import clean
from l2send.core.units import Amount, Token
from l2send.resolver.destination import Destination
from l2send.resolver.way_limits import Limits
from l2send.review import Review

_WORDS = frozenset({"max", "all"})


@dataclass(frozen=True, slots=True)
class MaxPayment:
    """As much of `token` as can be delivered to `to`."""

    sender: Address
    token: str
    """Symbol, or address on the destination chain."""
    to: Destination
    executor: Address | None = None
    """As in Payment, if `sender` is a Safe."""
    by_owners: bool = False

    def is_like(self, payment: Payment) -> bool:
        """Whether `payment`, of any amount, matches this request."""
        return self.of(payment.amount.units) == payment

    def of(self, units: int) -> Payment:
        """The payment of that many base units."""
        amount = Amount(units, self.to.chain.token(self.token))
        return Payment(self.sender, self.to.account, amount, self.executor, self.by_owners)


@dataclass(frozen=True, slots=True)
class CallsPayment:
    """Exactly these calls of a Safe, which make `payment`."""

    payment: Payment
    calls: tuple[UnsignedTx, ...]


PlanRequest = Payment | MaxPayment | CallsPayment


def is_max(text: str) -> bool:
    """Whether an amount means everything: `max` or `all`."""
    return text.strip().lower() in _WORDS


def without_symbol(typed: str, token: Token) -> str:
    """A typed amount of `token` without its symbol behind it: `25 USDC` and `25usdc` are 25, `max USDC` is max."""
    text, symbol = typed.strip(), token.symbol
    number = text[: -len(symbol)]
    is_apart = number[-1:].isspace() or not symbol[:1].isdigit()  # 251INCH may be 25 or 251
    is_named = text[-len(symbol) :].casefold() == symbol.casefold()
    return number.strip() if number.strip() and is_apart and is_named else text


def request_of(client: Client, sender: Address, words: Words, target: Destination) -> Payment | MaxPayment:
    """The payment in the words, the link, or both. Raises UsageError if they disagree."""
    if words.amount is None or words.token is None or not is_max(words.amount):
        return payment_of(client, sender, words, target)
    token = target.chain.token(words.token)
    if target.asked and (target.asked.amount or target.asked.token != token):
        wanted = target.asked.amount or target.asked.token.symbol
        raise UsageError(f"the payment link asks for {wanted}.", hint="Leave the words out.")
    return MaxPayment(sender, words.token, target)


async def plan_of(client: Client, request: PlanRequest, limits: Limits | None = None) -> Review:
    """The best way for the request. Raises CannotPay, NetworkError, Refused."""
    if isinstance(request, Payment):
        review = await client.plan(request, limits)
    elif isinstance(request, CallsPayment):
        review = await client.plan_calls(request.payment, request.calls, limits)
    else:
        review = await client.plan_max(request.of(1), limits)
    count_from_the_chain(client, review.plan.legs[0].source.chain_id)
    return review


def paid_with(client: Client, key: str | None, request: PlanRequest) -> str | None:
    """The id of the payment that `key` stands for: found before planning, which would need the money again.

    Raises UsageError if it is a different one.
    """
    if key is None:
        return None
    if not isinstance(request, MaxPayment):
        known = client.known(request if isinstance(request, Payment) else request.payment, key)
        return known.id if known else None
    known = client.keyed(key)
    if known is None:
        return None
    if not request.is_like(known.payment):
        raise UsageError(
            f"the idempotency key {clean(key, 60)!r} belongs to another payment, {known.id}.",
            hint="A key stands for one payment. Use a new key for this one.",
        )
    return known.id
