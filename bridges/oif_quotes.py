"""What an order costs, and the quote made of it: shared by the bridges whose settlers have no API of their own.

A price is the user's own `solver_fee_bps`, the fee in 1/100 % at which they know a solver to fill, or else comes from
the endpoint that the registry names as `quote_api` (the OIF quote schema). Without either there is no offer.
The endpoint's calldata is never used: an order is built here, and its answer is a price.

Source: openintentsframework/oif-specs specs/openapi.yaml (GetQuoteRequest, OifUserOpenIntentOrder);
docs.li.fi/lifi-intents/intents-api/request-quote.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from l2send.bridges import erc7930
from l2send.bridges.gas_costs import approval, cost, refund_cost, refuse_without_gas
from l2send.bridges.json_answers import positive, reason
from l2send.core.address import Address
from l2send.core.bridge import Bridge
from l2send.core.chains import Chain
from l2send.core.effects import Opens
from l2send.core.errors import BadAnswer, CannotPay, L2sendError, Refused
from l2send.core.http import post_json
from l2send.core.plan import BRIDGE_FEE, ChainAddress, Fee, Payment, Quote, StepKind, UnsignedTx
from l2send.core.rpc import Rpcs
from l2send.core.settlers import BPS, HyperlaneSettlers, OifSettlers
from l2send.core.units import Amount, Seconds, Token, UnixTime

_USER_OPEN = "oif-user-open-v0"
_PRICE_HOLDS = Seconds(60)
_USUAL_TIME = Seconds(60)
_FILL_TIME = Seconds(3600)
Priced = HyperlaneSettlers | OifSettlers


@dataclass(frozen=True, slots=True)
class Price:
    """What leaves the sender, and until when that holds (None: nobody said)."""

    pays: Amount
    duration: Seconds
    valid_until: UnixTime | None = None


async def price_of(rpcs: Rpcs, listed: Priced, settler: Address, payment: Payment, held: Amount) -> Price:
    """The price of delivering `payment` exactly, from the token held, by what the registry lists on the origin.

    Ask `is_offered` first. Raises CannotPay where more is needed than is held, NetworkError, Refused.
    """
    if listed.solver_fee_bps is not None:
        price = _local(listed.solver_fee_bps, payment, held.token)
    else:
        price = await _ask(rpcs, listed.quote_api, settler, payment, held.token)
    if price.pays.units > held.units:
        source = rpcs.registry.chain(held.token.chain_id)
        raise CannotPay(f"{source.name} needs {price.pays} to deliver {payment.amount}, you hold {held}.")
    return price


def is_offered(listed: Priced) -> bool:
    """Whether the registry says where a price comes from."""
    return bool(listed.quote_api) or listed.solver_fee_bps is not None


def fill_deadline(price: Price, origin_now: UnixTime, target_now: UnixTime) -> UnixTime:
    """Until when a solver may fill, judged by the chains' clocks. Raises Refused for a price that ran out."""
    now = max(origin_now, target_now)
    if price.valid_until is not None and price.valid_until < now:
        raise Refused("the quote ran out before it could be used.")
    return UnixTime(now + _FILL_TIME)


async def make_quote(
    bridge: Bridge, rpcs: Rpcs, payment: Payment, source: Chain, native: Amount, price: Price, tx: UnsignedTx
) -> Quote:
    """The quote whose last step is `tx`: allowed exactly what it needs, simulated, priced, decoded again.

    Raises CannotPay where `native` does not hold the fees, NetworkError, Refused.
    """
    rpc = rpcs.on(source.chain_id)
    opens = bridge.effects(tx, rpcs.registry)
    if not isinstance(opens, Opens):
        raise Refused(f"the order built for {bridge.name} does not decode.")
    wanted = [*await approval(rpc, payment.sender, tx.to, price.pays), (StepKind.OPEN, tx)]
    costed, refund = await asyncio.gather(cost(rpc, payment.sender, wanted), refund_cost(bridge, opens.order, rpcs))
    pays = price.pays
    refuse_without_gas(costed, pays, source, native)
    holds_until = UnixTime(await rpc.time() + _PRICE_HOLDS)
    return Quote(
        bridge=bridge.name,
        source=source,
        pays=pays,
        delivers=payment.amount,
        fees=(_bridge_fee(payment, pays), *costed.fees),
        duration=price.duration,
        steps=costed.steps,
        order=opens.order,
        expires=min(holds_until, price.valid_until) if price.valid_until else holds_until,
        notes=() if costed.simulated else ("not simulated: the node does not offer it",),
        needs=costed.needs,
        refund=refund,
    )


def with_notes(quote: Quote, *notes: str) -> Quote:
    """The quote with more that a person should know."""
    return replace(quote, notes=(*quote.notes, *notes))


def _bridge_fee(payment: Payment, pays: Amount) -> Fee:
    return Fee(BRIDGE_FEE, Amount(pays.units - payment.amount.in_units_of(pays.token), pays.token))


def _local(bps: int, payment: Payment, source: Token) -> Price:
    """The user's own price."""
    arrives = payment.amount.in_units_of(source)
    return Price(Amount(arrives - (-arrives * bps // BPS), source), _USUAL_TIME)


async def _ask(rpcs: Rpcs, url: str, settler: Address, payment: Payment, source: Token) -> Price:
    """The cheapest offer of an OIF quote endpoint. Raises NetworkError, Refused."""
    answer = await post_json(rpcs.http, url, _request(payment, source), "the OIF quote endpoint")
    if answer.status >= 400:
        raise Refused(f"the OIF quote endpoint does not quote this: {reason(answer.body)}")
    offers = answer.body.get("quotes") if isinstance(answer.body, dict) else None
    if not isinstance(offers, list):
        raise BadAnswer("the OIF quote endpoint answered outside its schema.")
    if not offers:
        raise Refused("no solver of the OIF quote endpoint offers this.")
    return _cheapest(offers, settler, payment, source)


def _cheapest(offers: list[Any], settler: Address, payment: Payment, source: Token) -> Price:
    """The best usable offer; where none is, what is wrong with the first."""
    prices, problems = list[Price](), list[L2sendError]()
    for offer in offers:
        try:
            prices.append(_read(offer, settler, payment, source))
        except (BadAnswer, Refused) as error:
            problems.append(error)
    if not prices:
        raise problems[0]
    return min(prices, key=lambda price: price.pays.units)


def _request(payment: Payment, source: Token) -> dict[str, Any]:
    """A GetQuoteRequest for an exact delivery, paid by a transaction of the user's own."""
    user = erc7930.text(ChainAddress(source.chain_id, payment.sender))
    wanted = {
        "receiver": erc7930.text(payment.to),
        "asset": erc7930.text(erc7930.asset(payment.amount.token)),
        "amount": str(payment.amount.units),
    }
    intent = {
        "intentType": "oif-swap",
        "inputs": [{"user": user, "asset": erc7930.text(erc7930.asset(source))}],
        "outputs": [wanted],
        "swapType": "exact-output",
        "originSubmission": {"mode": "user"},
        "partialFill": False,
    }
    return {"user": user, "intent": intent, "supportedTypes": [_USER_OPEN]}


def _read(offer: Any, settler: Address, payment: Payment, source: Token) -> Price:
    """One offer, for what was asked and through the settler of the registry. Raises BadAnswer, Refused."""
    try:
        order, preview = offer["order"], offer["preview"]
        (given,), (wanted,) = preview["inputs"], preview["outputs"]
        paid, delivered = positive(given["amount"]), positive(wanted["amount"])
        assets = _account(given["asset"]), _account(wanted["asset"])
        receiver = _account(wanted["receiver"])
        until, eta = offer.get("validUntil"), offer.get("eta")
        price = Price(
            Amount(paid, source),
            _USUAL_TIME if eta is None else Seconds(positive(eta)),
            None if until is None else UnixTime(positive(until)),
        )
        opened_by = _account(order["openIntentTx"]["to"]) if order["type"] == _USER_OPEN else None
        allowed = [(_account(a["token"]), _account(a["spender"]), positive(a["required"])) for a in _allowances(order)]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadAnswer("the OIF quote endpoint answered outside its schema.") from None
    pinned = ChainAddress(source.chain_id, settler)
    here, there = erc7930.asset(source), erc7930.asset(payment.amount.token)
    if opened_by != pinned:
        raise Refused("the quote is for another settler than the registry's.")
    if assets != (here, there) or receiver != payment.to or delivered < payment.amount.units:
        raise Refused("the quote is for another payment than was asked.")
    if allowed != ([] if source.is_native else [(here, pinned, paid)]):
        raise Refused("the quote wants another allowance than its price.")
    return price


def _allowances(order: Any) -> list[Any]:
    found = order["checks"]["allowances"]
    if not isinstance(found, list):
        raise TypeError
    return found


def _account(text: Any) -> ChainAddress:
    if not isinstance(text, str) or not text.startswith("0x"):
        raise TypeError
    return erc7930.evm_account(bytes.fromhex(text[2:]))
