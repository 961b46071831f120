"""What a chain must show before several payments of coin through Multicall3 are signed."""

from __future__ import annotations

from l2send.core.account_code import those_with_code
from l2send.core.errors import Refused
from l2send.core.multicall3 import decode_multicall3_tx, is_multicall3_tx, runs_pinned_code
from l2send.core.plan import UnsignedTx
from l2send.core.rpc import Rpc, both


async def why_not_together(tx: UnsignedTx, rpc: Rpc) -> str:
    """Why the payments of `tx` must be made one by one; empty if they may be made together, and for other transactions.

    Raises Refused, NetworkError. Source: eth_getCode; eth_call of a program that reads code sizes.
    """
    if not is_multicall3_tx(tx):
        return ""
    recipients = [call.to for call in decode_multicall3_tx(tx)]
    is_pinned, contracts = await both(runs_pinned_code(tx.to, rpc), those_with_code(recipients, rpc))
    if not is_pinned:
        return f"{tx.to} on {rpc.chain.name} does not run the code of Multicall3 that the registry pins"
    if contracts:
        return f"{min(contracts)} has code on {rpc.chain.name} now, and would see Multicall3 as its payer"
    return ""


def refuse_unless_together(why: str) -> None:
    """Raises Refused with the reason, if there is one."""
    if why:
        raise Refused(f"the payments are not made together: {why}.", hint="Nothing was signed. Pay them one by one.")
