"""The quote schema of LI.FI Intents, POST /api/v1/integrator/quote/request: chains by CAIP-2, plain addresses.

The client's types have neither `eta` nor `validUntil`; the documentation has `validUntil`. Both are read if present.
The solver of `metadata.exclusiveFor` is ignored: any solver may fill what l2send opens.

Source: lifinance/intent.ts 2fb4e29 (2026-05-06) src/api/intentApi.ts, which requests orders of OIF's type
`oif-user-open-v0`; docs.li.fi/lifi-intents/intents-api/request-quote (no amount on the side that is not fixed).
"""

from __future__ import annotations

import re
from typing import Any

from l2send.bridges.json_answers import positive
from l2send.bridges.quote_offers import USER_OPEN, Offer, Schema, allowances_in, times_of
from l2send.core import erc7930
from l2send.core.address import checksum
from l2send.core.plan import ChainAddress, Payment
from l2send.core.units import ChainId, Token

_CAIP2 = re.compile(r"eip155:([1-9][0-9]{0,77})", re.ASCII)


def _request(payment: Payment, source: Token) -> dict[str, Any]:
    """A request for an exact delivery, paid by a transaction of the user's own."""
    sender = ChainAddress(source.chain_id, payment.sender)
    given, wanted = erc7930.asset(source), erc7930.asset(payment.amount.token)
    intent = {
        "intentType": "oif-swap",
        "swapType": "exact-output",
        "inputs": [{"chain": _chain(sender), "user": sender.address, "asset": given.address, "amount": None}],
        "outputs": [
            {
                "chain": _chain(payment.to),
                "receiver": payment.to.address,
                "asset": wanted.address,
                "amount": str(payment.amount.units),
            }
        ],
        "partialFill": False,
    }
    user = {"chain": _chain(sender), "address": sender.address}
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
    """The address in field `name`, on the chain given beside it."""
    found = _CAIP2.fullmatch(item["chain"])
    if not found or not isinstance(item[name], str):
        raise ValueError
    return ChainAddress(ChainId(int(found[1])), checksum(item[name]))


def _chain(account: ChainAddress) -> str:
    return f"eip155:{account.chain_id}"


LIFI = Schema("the quote API of LI.FI", _request, _read)
