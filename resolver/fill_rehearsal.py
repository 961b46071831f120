"""Simulates the last step of a fill: whether the destination's token would let the settler pay the recipient.

The solver's own transaction cannot be simulated, since its sender is not known yet. Its last step can: the settler
transfers the token to the recipient. A transfer of zero is simulated, which needs no balance and which ERC-20 treats
like any other: a token that is paused, or blocks the settler or the recipient, refuses it.
"""

from __future__ import annotations

from l2send.core.calldata import TRANSFER
from l2send.core.errors import NodeError, Refused
from l2send.core.plan import Order
from l2send.core.rpc import Rpc, if_offered

_FOR_FEES = 10**18  # wei


_UNTRIED = "the last step, which pays the recipient, was not tried: the node does not support that"


async def refuse_undeliverable(order: Order, rpc: Rpc) -> str:
    """Raises Refused if the destination would not let the settler pay the recipient, NetworkError.

    Returns a note for the sender if that cannot be simulated, else an empty string. Source: eth_call, with a state
    override if the node supports it.
    """
    token, settler, recipient = order.delivers.token, order.destination_settler, order.recipient
    message: dict[str, str] = {"from": settler, "to": token.address or recipient}
    if token.address:
        message["data"] = "0x" + TRANSFER.encode(recipient, 0).hex()
    else:
        message["value"] = hex(order.delivers.units)
    # The settler holds coin only during a fill, and pays no L1 fee, which some nodes require of callers without coin:
    # so this call gives it coin by an override, if the node supports that.
    lent = {settler: {"balance": hex(order.delivers.units + _FOR_FEES)}}
    try:
        tried = await if_offered(lambda: rpc.returned(message, "latest", lent))
        if tried is None and token.address:
            tried = await if_offered(lambda: rpc.returned(message))
    except NodeError as error:
        raise Refused(
            f"{recipient} could not be paid {token.symbol} on {rpc.chain.name}: {error.message}",
            hint="Ask the recipient for another address, or pay another token.",
        ) from error
    return _UNTRIED if tried is None else ""
