"""Whether the destination would let the order's recipient have the money: the fill, tried as far as anybody can.

The solver's own transaction cannot be simulated, since nobody knows who it will be. Its last step can: the settler
hands the token to the recipient. A transfer of nothing is asked for, which ERC-20 wants treated like any other, so
it needs nobody's balance: a token that is paused, or that blocks the settler or the recipient, refuses it.
"""

from __future__ import annotations

from l2send.core.calldata import TRANSFER
from l2send.core.errors import NodeError, Refused
from l2send.core.plan import Order
from l2send.core.rpc import Rpc

_FOR_FEES = 10**18  # wei


async def refuse_undeliverable(order: Order, rpc: Rpc) -> None:
    """Raises Refused if the destination would not let the settler pay the recipient, NetworkError. Source: eth_call."""
    token, settler, recipient = order.delivers.token, order.destination_settler, order.recipient
    # The settler holds the coin only while it fills, and pays no L1 fee, which some nodes want of any caller that
    # has none: coin is lent to it for this call, where the node can do that.
    lent = {settler: {"balance": hex(order.delivers.units + _FOR_FEES)}}
    if token.address:
        data = "0x" + TRANSFER.encode(recipient, 0).hex()
        call = [{"from": settler, "to": token.address, "data": data}, "latest", lent]
    else:
        call = [{"from": settler, "to": recipient, "value": hex(order.delivers.units)}, "latest", lent]
    try:
        await rpc.call("eth_call", *call)
    except NodeError as error:
        if error.is_revert:
            raise Refused(
                f"{recipient} could not be paid {token.symbol} on {rpc.chain.name} by anybody: {error.message}",
                hint="Ask the recipient for another address, or pay another token.",
            ) from error
        if token.address:
            raise
