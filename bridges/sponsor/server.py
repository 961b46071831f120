"""The API of a sponsor that submits user operations: its fee, and posting an operation.

Only the fee is taken from the sponsor's answers, and the review shows it. The operation has the form of ERC-7769's
`eth_sendUserOperation`; the two requests around it are a protocol of our own, served by the devnet's sponsor.
"""

from __future__ import annotations

from l2send.bridges.json_answers import parse_uint, reason
from l2send.core.address import ZERO_ADDRESS
from l2send.core.errors import BadAnswer, Refused
from l2send.core.http import Http, get_json, post_json
from l2send.core.operation import Operation
from l2send.core.units import Token

_WHO = "the sponsor"


async def ask_fee(http: Http, url: str, token: Token) -> int:
    """The sponsor's fee for an operation that pays with `token`, in its base units; coin has the zero address.

    Raises NetworkError, Refused.
    """
    asked = {"chainId": str(token.chain_id), "token": token.address or ZERO_ADDRESS}
    answer = await get_json(http, f"{url}/v1/fee", asked, _WHO)
    if answer.status >= 400:
        raise Refused(f"the sponsor does not take this payment: {reason(answer.body)}")
    try:
        return parse_uint(answer.body["operation"])
    except (KeyError, TypeError, ValueError):
        raise BadAnswer("the sponsor answered outside its schema.") from None


async def post_operation(http: Http, url: str, operation: Operation, signature: bytes) -> str:
    """Post a signed operation to the sponsor, which identifies it by its hash and accepts it again.

    Returns its refusal, empty if it accepted it. Raises NetworkError.
    """
    request = {
        "chainId": str(operation.chain_id),
        "entryPoint": operation.entry_point,
        "operation": operation.json(signature),
    }
    answer = await post_json(http, f"{url}/v1/operations", request, _WHO)
    if answer.status < 300 and isinstance(answer.body, dict) and answer.body.get("status") == "received":
        return ""
    return reason(answer.body)
