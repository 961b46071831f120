"""Gets a price from a quote endpoint: the request, the solvers' offers, and the cheapest offer that fits.

There are two schemas, OIF's (oif_quotes.py) and LI.FI's (lifi_quotes.py). Each builds the request and parses an offer;
the rules for offers are here. Only the price and the times of an offer are used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from l2send.bridges.json_answers import parse_duration, parse_time, positive, reason
from l2send.bridges.quoting import USUAL_FILL_TIME, SolverPrice
from l2send.core import erc7930
from l2send.core.address import Address
from l2send.core.errors import BadAnswer, L2sendError, Refused
from l2send.core.http import Http, post_json
from l2send.core.plan import ChainAddress, Payment
from l2send.core.units import Amount, Seconds, Token, UnixTime

USER_OPEN = "oif-user-open-v0"
"""The type of an order that the user opens by a transaction of their own."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """The allowance that the endpoint says the settler needs."""

    token: ChainAddress
    spender: ChainAddress
    units: int


@dataclass(frozen=True, slots=True)
class Offer:
    """One offer of an endpoint."""

    gives: ChainAddress
    """The token that leaves the sender."""
    paid: int
    """In base units of that token."""
    gets: ChainAddress
    """The token that is delivered."""
    delivered: int
    receiver: ChainAddress
    opened_by: ChainAddress | None
    """The contract where the user opens the order; None if the user does not open it."""
    allowances: tuple[Allowance, ...]
    eta: Seconds | None
    valid_until: UnixTime | None


@dataclass(frozen=True, slots=True)
class Schema:
    """How to build an endpoint's request and parse its offers."""

    who: str
    """Its name in errors."""
    request: Callable[[Payment, Token], dict[str, Any]]
    read: Callable[[Any], Offer]
    """Raises KeyError, TypeError, ValueError, AttributeError or Refused for an offer that does not fit the schema."""


def allowances_in(order: Any, account: Callable[[Any, str], ChainAddress]) -> tuple[Allowance, ...]:
    """The allowances that an order's `checks` name, the same in both schemas but for their accounts.

    `account` reads the account in a field of an allowance. Raises as `Schema.read` does.
    """
    found = order["checks"]["allowances"]
    if not isinstance(found, list):
        raise TypeError
    items: list[Any] = found
    return tuple(Allowance(account(a, "token"), account(a, "spender"), positive(a["required"])) for a in items)


def times_of(offer: Any) -> tuple[Seconds | None, UnixTime | None]:
    """How long an offer's fill takes, and until when it is valid; None if it does not say. Raises ValueError."""
    eta, until = offer.get("eta"), offer.get("validUntil")
    return None if eta is None else parse_duration(eta), None if until is None else parse_time(until)


async def cheapest_offer(
    http: Http, url: str, schema: Schema, settler: Address, payment: Payment, source: Token
) -> SolverPrice:
    """The lowest price at which a solver delivers `payment` from `source`. Raises NetworkError, Refused."""
    answer = await post_json(http, url, schema.request(payment, source), schema.who)
    if answer.status >= 400:
        raise Refused(f"{schema.who} does not quote this: {reason(answer.body)}")
    offers = answer.body.get("quotes") if isinstance(answer.body, dict) else None
    if not isinstance(offers, list):
        raise BadAnswer(f"{schema.who} answered outside its schema.")
    if not offers:
        raise Refused(f"no solver of {schema.who} offers this.")
    prices, problems = list[SolverPrice](), list[L2sendError]()
    for offer in offers:
        try:
            prices.append(_price_of(_read(offer, schema), settler, payment, source))
        except (BadAnswer, Refused) as error:
            problems.append(error)
    if not prices:
        raise problems[0]
    return min(prices, key=lambda price: price.pays.units)


def _read(offer: Any, schema: Schema) -> Offer:
    try:
        return schema.read(offer)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadAnswer(f"{schema.who} answered outside its schema.") from None


def _price_of(offer: Offer, settler: Address, payment: Payment, source: Token) -> SolverPrice:
    """The price of an offer that fits the request, through the registry's settler. Raises Refused."""
    pinned = ChainAddress(source.chain_id, settler)
    here, there = erc7930.asset(source), erc7930.asset(payment.amount.token)
    if offer.opened_by != pinned:
        raise Refused("the quote is for another settler than the registry's.")
    if (offer.gives, offer.gets) != (here, there) or offer.receiver != payment.to:
        raise Refused("the quote is for another payment than was asked.")
    if offer.delivered < payment.amount.units:
        raise Refused("the quote delivers less than was asked.")
    if offer.allowances != (() if source.is_native else (Allowance(here, pinned, offer.paid),)):
        raise Refused("the quote wants another allowance than its price.")
    if offer.valid_until == 0:
        raise Refused("the quote ran out before it was given.")
    duration = USUAL_FILL_TIME if offer.eta is None else offer.eta
    return SolverPrice(Amount(offer.paid, source), duration, offer.valid_until)
