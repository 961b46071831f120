"""Eco's quote API: the cheapest solver's price for delivering a payment exactly. A price and a time, never calldata.

Source: docs.eco.com/api-reference/quotes-v3, whose OpenAPI description docs/bridges/eco.md names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from l2send.bridges.json_answers import parse_duration, positive, reason
from l2send.core.address import ZERO_ADDRESS
from l2send.core.errors import BadAnswer, Refused
from l2send.core.http import post_json
from l2send.core.plan import Payment
from l2send.core.rpc import Rpcs
from l2send.core.settlers import EcoSettlers
from l2send.core.units import Seconds, Token, UnixTime

_WHO = "the quote API of Eco"
_DAPP_ID = "l2send"
_SELF_PUBLISH = "SELF_PUBLISH"


@dataclass(frozen=True, slots=True)
class EcoPrice:
    """The used part of the API's answer."""

    source_units: int
    deadline: UnixTime
    duration: Seconds


async def ask_price(here: EcoSettlers, there: EcoSettlers, rpcs: Rpcs, payment: Payment, source: Token) -> EcoPrice:
    """The cost of delivering the payment exactly from `source`. Raises NetworkError, Refused."""
    asked = {
        "sourceChainID": source.chain_id,
        "destinationChainID": payment.to.chain_id,
        "sourceToken": source.address or ZERO_ADDRESS,
        "destinationToken": payment.amount.token.address or ZERO_ADDRESS,
        "funder": payment.sender,
        "recipient": payment.to.address,
        "refundRecipient": payment.sender,
    }
    contracts = {"sourcePortal": here.portal, "destinationPortal": there.portal, "prover": here.prover}
    # The schema has one amount, `sourceAmount`; with `exactOut`, which fixes the output, it means the output.
    wanted = asked | {"sourceAmount": str(payment.amount.units)}
    request = {
        "dAppID": _DAPP_ID,
        "intentExecutionTypes": [_SELF_PUBLISH],
        "quoteRequest": wanted,
        "contracts": contracts,
    }
    answer = await post_json(rpcs.http, f"{here.quote_api}/api/v3/quotes/exactOut", request, _WHO)
    if answer.status >= 400:
        raise Refused(f"Eco does not quote this: {reason(answer.body)}")
    offers = answer.body.get("data") if isinstance(answer.body, dict) else None
    if not isinstance(offers, list):
        raise BadAnswer(f"{_WHO} answered outside its schema.")
    return _cheapest(offers, asked | {"intentExecutionType": _SELF_PUBLISH}, contracts, payment.amount.units)


def _cheapest(offers: list[Any], asked: Mapping[str, Any], contracts: Mapping[str, Any], wanted_units: int) -> EcoPrice:
    """The lowest price of a solver. Offers that do not fit are skipped; if none fits, an error is raised."""
    prices: list[EcoPrice] = []
    fault: BadAnswer | Refused = Refused("Eco does not quote this: no solver offers it.")
    for offer in offers:
        try:
            prices.append(_read_offer(offer, asked, contracts, wanted_units))
        except (BadAnswer, Refused) as error:
            fault = error
    if not prices:
        raise fault
    return min(prices, key=lambda price: price.source_units)


def _read_offer(offer: Any, asked: Mapping[str, Any], contracts: Mapping[str, Any], wanted_units: int) -> EcoPrice:
    """One solver's price for delivering at least `wanted_units` of the request. Raises BadAnswer, Refused."""
    try:
        quote, named = offer["quoteData"]["quoteResponse"], offer["quoteData"]["contracts"]
        same = all(_is(quote[name], value) for name, value in asked.items())
        ours = all(_is(named[name], value) for name, value in contracts.items())
        delivered = positive(quote["destinationAmount"])
        price = EcoPrice(
            positive(quote["sourceAmount"]),
            UnixTime(positive(quote["deadline"])),
            parse_duration(quote["estimatedFulfillTimeSec"]),
        )
    except (KeyError, TypeError, ValueError):
        raise BadAnswer(f"{_WHO} answered outside its schema.") from None
    if not ours:
        raise Refused("Eco quotes through other contracts than the registry's.")
    if not same:
        raise Refused("Eco quotes another payment than was asked.")
    if delivered < wanted_units:
        raise Refused("Eco quotes a delivery of less than the payment.")
    return price


def _is(found: Any, expected: object) -> bool:
    """Whether an answer repeats the request; addresses in any case."""
    return type(found) is type(expected) and str(found).lower() == str(expected).lower()
