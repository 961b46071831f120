"""The quote schema of OIF: accounts and tokens are ERC-7930 interoperable addresses.

Source: openintentsframework/oif-specs specs/openapi.yaml (GetQuoteRequest, OifUserOpenIntentOrder).
"""

from __future__ import annotations

from typing import Any

from l2send.bridges.json_answers import positive
from l2send.bridges.quote_offers import USER_OPEN, Offer, Schema, allowances_in, times_of
from l2send.core import erc7930
from l2send.core.plan import ChainAddress, Payment
from l2send.core.units import Token


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
    return {"user": user, "intent": intent, "supportedTypes": [USER_OPEN]}


def _read(offer: Any) -> Offer:
    order, preview = offer["order"], offer["preview"]
    (given,), (wanted,) = preview["inputs"], preview["outputs"]
    eta, valid_until = times_of(offer)
    return Offer(
        gives=_account(given, "asset"),
        paid=positive(given["amount"]),
        gets=_account(wanted, "asset"),
        delivered=positive(wanted["amount"]),
        receiver=_account(wanted, "receiver"),
        opened_by=_account(order["openIntentTx"], "to") if order["type"] == USER_OPEN else None,
        allowances=allowances_in(order, _account),
        eta=eta,
        valid_until=valid_until,
    )


def _account(item: Any, name: str) -> ChainAddress:
    text = item[name]
    if not isinstance(text, str) or not text.startswith("0x"):
        raise TypeError
    return erc7930.evm_account(bytes.fromhex(text[2:]))


OIF = Schema("the OIF quote endpoint", _request, _read)
