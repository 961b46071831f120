"""Payments, steps and orders as JSON and back, without loss.

Amounts of money are decimal strings, since JSON readers other than Python's round above 2^53.
`Order.details` is stored as the bridge made it: JSON values with string keys.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from l2send.core.address import Address
from l2send.core.plan import (
    ChainAddress,
    Fee,
    GasPrice,
    Message,
    MessageKind,
    Order,
    Payment,
    Proposal,
    Quote,
    Sponsored,
    Step,
    StepKind,
    UnsignedTx,
)
from l2send.core.typed_data import TypedData
from l2send.core.units import Amount, BlockNumber, ChainId, Gas, Nonce, Seconds, Token, UnixTime, Wei

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Terms:
    """The approved parts of a quote, except its steps and its order, which have their own tables."""

    bridge: str
    source: ChainId
    pays: Amount
    delivers: Amount
    fees: tuple[Fee, ...]
    duration: Seconds
    expires: UnixTime | None
    notes: tuple[str, ...]
    fee_cap: Wei | None = None
    """The most that its transactions may cost in network fees together, if the sender set a limit in money."""
    carries: tuple[Payment, ...] = ()
    """The payments that its one transaction makes, in the order of its calls."""

    @classmethod
    def of(cls, quote: Quote) -> Terms:
        """The terms of `quote`."""
        return cls(
            quote.bridge,
            quote.source.chain_id,
            quote.pays,
            quote.delivers,
            quote.fees,
            quote.duration,
            quote.expires,
            quote.notes,
            quote.fee_cap,
            quote.carries,
        )


def dump(value: Json) -> str:
    """One line of ASCII JSON. Raises ValueError for what JSON cannot express: NaN, a key that is not a string."""
    _check(value)
    return json.dumps(value, allow_nan=False, separators=(",", ":"), sort_keys=True)


def load(text: str) -> Json:
    """The object in `text`. Raises ValueError."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _check(value: Any) -> None:
    """Refuse what json.dumps would change silently: tuples, and keys that are not strings."""
    match value:
        case dict():
            for key, inner in value.items():
                if not isinstance(key, str):
                    raise ValueError(f"the key {key!r} is not a string")
                _check(inner)
        case list():
            for inner in value:
                _check(inner)
        case None | bool() | int() | float() | str():
            pass
        case _:
            raise ValueError(f"{type(value).__name__} is not a JSON value")


def fingerprint(payment: Payment) -> str:
    """A text that is equal for two payments exactly if sender, recipient, token and amount are equal."""
    token = payment.amount.token
    asset = token.address or "native"
    to = f"{payment.to.chain_id}:{payment.to.address}"
    return f"{payment.sender} pays {payment.amount.units} of {token.chain_id}:{asset} to {to}"


def token_json(token: Token) -> Json:
    """A token; `address` is null for a native coin."""
    return {
        "chain_id": token.chain_id,
        "address": token.address,
        "symbol": token.symbol,
        "decimals": token.decimals,
        "name": token.name,
        "bridged": token.bridged,
        "asset": token.asset,
        "peg": token.peg,
    }


def token_from(data: Json) -> Token:
    """The token that `token_json` wrote."""
    address = data["address"]
    return Token(
        ChainId(data["chain_id"]),
        None if address is None else Address(address),
        data["symbol"],
        data["decimals"],
        data["name"],
        data["bridged"],
        data["asset"],
        data["peg"],
    )


def amount_json(amount: Amount) -> Json:
    """Base units as a string, and the whole token."""
    return {"units": str(amount.units), "token": token_json(amount.token)}


def amount_from(data: Json) -> Amount:
    """The amount that `amount_json` wrote."""
    return Amount(int(data["units"]), token_from(data["token"]))


def payment_json(payment: Payment) -> Json:
    """A payment."""
    executor = {} if payment.executor is None else {"executor": payment.executor}
    return {
        "sender": payment.sender,
        "chain_id": payment.to.chain_id,
        "recipient": payment.to.address,
        "amount": amount_json(payment.amount),
        **executor,
        **({"by_owners": True} if payment.by_owners else {}),
    }


def payment_from(data: Json) -> Payment:
    """The payment that `payment_json` wrote."""
    to = ChainAddress(ChainId(data["chain_id"]), Address(data["recipient"]))
    executor = Address(data["executor"]) if "executor" in data else None
    return Payment(Address(data["sender"]), to, amount_from(data["amount"]), executor, data.get("by_owners") is True)


def step_json(step: Step) -> Json:
    """A step; `value` is wei, `data` 0x-prefixed."""
    return {
        "kind": step.kind.value,
        "chain_id": step.tx.chain_id,
        "to": step.tx.to,
        "value": str(step.tx.value),
        "data": "0x" + step.tx.data.hex(),
        "gas": step.gas,
        "price": None if step.price is None else _price_json(step.price),
        "nonce": step.nonce,
        **({} if step.tx.delegate_to is None else {"delegate_to": step.tx.delegate_to}),
        **({} if step.over is None else {"over": step.over}),
    }


def step_from(data: Json) -> Step:
    """The step that `step_json` wrote; early versions wrote no price, nonce or `over`."""
    tx = UnsignedTx(
        ChainId(data["chain_id"]),
        Address(data["to"]),
        Wei(int(data["value"])),
        bytes.fromhex(data["data"][2:]),
        Address(data["delegate_to"]) if "delegate_to" in data else None,
    )
    price = data.get("price")
    fixed = None if price is None else _price_from(price)
    over = Address(data["over"]) if "over" in data else None
    return Step(StepKind(data["kind"]), tx, Gas(data["gas"]), fixed, data.get("nonce"), over)


def _price_json(price: GasPrice) -> Json:
    return {
        "base_fee": str(price.base_fee),
        "tip": str(price.tip),
        "max_fee": str(price.max_fee_per_gas),
        "legacy": price.legacy,
    }


def _price_from(data: Json) -> GasPrice:
    return GasPrice(Wei(int(data["base_fee"])), Wei(int(data["tip"])), Wei(int(data["max_fee"])), data["legacy"])


def sponsored_json(sponsored: Sponsored) -> Json:
    """The messages to sign if a sponsor submits them."""
    return {
        "messages": [{"kind": m.kind.value, "data": m.data.json()} for m in sponsored.messages],
        "open_deadline": sponsored.open_deadline,
        "since": sponsored.since,
    }


def sponsored_from(data: Json) -> Sponsored:
    """What `sponsored_json` wrote."""
    return Sponsored(
        messages=tuple(Message(MessageKind(m["kind"]), TypedData.from_json(m["data"])) for m in data["messages"]),
        open_deadline=None if data["open_deadline"] is None else UnixTime(data["open_deadline"]),
        since=BlockNumber(data["since"]),
    )


def proposal_json(proposal: Proposal) -> Json:
    """What the owners of a Safe sign."""
    execution = proposal.execution
    return {
        "chain_id": execution.chain_id,
        "safe": execution.to,
        "execution": "0x" + execution.data.hex(),
        "nonce": proposal.nonce,
        "kind": proposal.kind.value,
        "gas": proposal.gas,
        "since": proposal.since,
        "owners": list(proposal.owners),
        "threshold": proposal.threshold,
    }


def proposal_from(data: Json) -> Proposal:
    """What `proposal_json` wrote."""
    execution = UnsignedTx(
        ChainId(data["chain_id"]), Address(data["safe"]), Wei(0), bytes.fromhex(data["execution"][2:])
    )
    owners, kind = tuple(Address(owner) for owner in data["owners"]), StepKind(data["kind"])
    nonce, gas, since = Nonce(data["nonce"]), Gas(data["gas"]), BlockNumber(data["since"])
    return Proposal(execution, nonce, kind, gas, since, owners, data["threshold"])


def order_json(order: Order) -> Json:
    """An order."""
    return {
        "bridge": order.bridge,
        "order_id": order.order_id,
        "origin": order.origin,
        "origin_settler": order.origin_settler,
        "destination": order.destination,
        "destination_settler": order.destination_settler,
        "sender": order.sender,
        "recipient": order.recipient,
        "pays": amount_json(order.pays),
        "delivers": amount_json(order.delivers),
        "fill_deadline": order.fill_deadline,
        "refund_after": order.refund_after,
        "details": order.details,
    }


def order_from(data: Json) -> Order:
    """The order that `order_json` wrote."""
    return Order(
        bridge=data["bridge"],
        order_id=data["order_id"],
        origin=ChainId(data["origin"]),
        origin_settler=Address(data["origin_settler"]),
        destination=ChainId(data["destination"]),
        destination_settler=Address(data["destination_settler"]),
        sender=Address(data["sender"]),
        recipient=Address(data["recipient"]),
        pays=amount_from(data["pays"]),
        delivers=amount_from(data["delivers"]),
        fill_deadline=UnixTime(data["fill_deadline"]),
        refund_after=UnixTime(data["refund_after"]),
        details=data["details"],
    )


def terms_json(terms: Terms) -> Json:
    """The approved terms."""
    return {
        "bridge": terms.bridge,
        "source": terms.source,
        "pays": amount_json(terms.pays),
        "delivers": amount_json(terms.delivers),
        "fees": [{"name": f.name, "amount": amount_json(f.amount), "usd": f.usd} for f in terms.fees],
        "duration": terms.duration,
        "expires": terms.expires,
        "notes": list(terms.notes),
        "fee_cap": None if terms.fee_cap is None else str(terms.fee_cap),
        **({"carries": [payment_json(payment) for payment in terms.carries]} if terms.carries else {}),
    }


def terms_from(data: Json) -> Terms:
    """The terms that `terms_json` wrote; early versions wrote no fee cap."""
    expires, fee_cap = data["expires"], data.get("fee_cap")
    return Terms(
        bridge=data["bridge"],
        source=ChainId(data["source"]),
        pays=amount_from(data["pays"]),
        delivers=amount_from(data["delivers"]),
        fees=tuple(Fee(f["name"], amount_from(f["amount"]), f["usd"]) for f in data["fees"]),
        duration=Seconds(data["duration"]),
        expires=None if expires is None else UnixTime(expires),
        notes=tuple(data["notes"]),
        fee_cap=None if fee_cap is None else Wei(int(fee_cap)),
        carries=tuple(payment_from(payment) for payment in data.get("carries", ())),
    )
