"""The API of a sponsor that opens Across orders for senders without gas: its fee, and posting messages.

Only the fee is taken from the sponsor's answers. No sponsor of Across has a published API. The protocol here is a
stand-in, served by the devnet's sponsor: OIF's `POST /v1/orders` as far as it fits, with our own `type`, a second field
for the permit, and a plain request for the fee.

Source: openintentsframework/oif-specs specs/openapi.yaml (PostOrderRequest, PostOrderResponse).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from l2send.bridges.json_answers import parse_uint, reason
from l2send.core.errors import BadAnswer, Refused
from l2send.core.http import Http, get_json, post_json
from l2send.core.plan import Message, Sponsored
from l2send.core.units import Token

_WHO = "the sponsor"


@dataclass(frozen=True, slots=True)
class SponsorFee:
    """A sponsor's fee, in base units of the token that is paid."""

    opening: int
    permit: int
    """The additional fee if it must submit a permit first."""


async def ask_fee(http: Http, url: str, token: Token) -> SponsorFee:
    """The sponsor's fee for opening an order that pays with `token`. Raises NetworkError, Refused."""
    answer = await get_json(http, f"{url}/v1/fee", {"chainId": str(token.chain_id), "token": token.address or ""}, _WHO)
    if answer.status >= 400:
        raise Refused(f"the sponsor opens no such order: {reason(answer.body)}")
    try:
        return SponsorFee(parse_uint(answer.body["opening"]), parse_uint(answer.body["permit"]))
    except (KeyError, TypeError, ValueError):
        raise BadAnswer("the sponsor answered outside its schema.") from None


async def post_order(http: Http, url: str, sponsored: Sponsored, signatures: tuple[bytes, ...]) -> str:
    """Post all messages to the sponsor, which identifies an order by its digest and accepts it again.

    Returns its refusal, empty if it accepted them. Raises NetworkError.
    """
    *permit, opening = zip(sponsored.messages, signatures, strict=True)
    schemes = ["permit2", *(["erc20-permit"] if permit else [])]
    request: dict[str, Any] = {
        "order": {"type": "across-open-for-v0", "payload": _payload(opening[0])},
        "signature": [list(opening[1])],
        "originSubmission": {"mode": "protocol", "schemes": schemes},
    }
    if permit:
        request["permit"] = {"payload": _payload(permit[0][0]), "signature": [list(permit[0][1])]}
    answer = await post_json(http, f"{url}/v1/orders", request, _WHO)
    if answer.status < 300 and isinstance(answer.body, dict) and answer.body.get("status") == "received":
        return ""
    return reason(answer.body)


def _payload(message: Message) -> dict[str, Any]:
    return {"signatureType": "eip712", **message.data.json()}
