"""Checks that a token arrives in full and does not rebase: a bridge must lock exactly the agreed amount.

Some tokens keep a part of every transfer, others change balances by themselves (they rebase). An order with such a
token locks less than it states: it fails, or no solver fills it, or its refund differs. The first kind is detected by
simulating a transfer to an unused account. The second kind has views that other tokens lack.
"""

from __future__ import annotations

import asyncio

from eth_hash.auto import keccak

from l2send.core.address import Address, checksum
from l2send.core.calldata import BALANCE_OF, TRANSFER, Function
from l2send.core.errors import NodeError, Refused
from l2send.core.plan import UnsignedTx
from l2send.core.rpc import Call, Rpc, if_offered
from l2send.core.units import Amount, Wei

_UNUSED_ACCOUNT: Address = checksum(keccak(b"l2send: an account that nothing else uses")[12:])
_SHARES = (
    Function("sharesOf(address)", "uint256"),  # Lido's stETH, ether.fi's eETH
    Function("scaledBalanceOf(address)", "uint256"),  # Aave's aTokens
    Function("scaledTotalSupply()", "uint256"),  # Ampleforth's AMPL
    Function("rebasingCreditsPerToken()", "uint256"),  # Origin's OETH and OUSD
)


async def refuse_inexact(pays: Amount, sender: Address, rpc: Rpc) -> str:
    """Raises Refused for a token that cannot be locked exactly, NetworkError. Source: eth_simulateV1.

    Returns a note for the payer if that cannot be simulated, else an empty string.
    """
    token = pays.token
    if token.address is None:
        return ""
    views = [Call(token.address, view, (sender,) if "address" in view.signature else ()) for view in _SHARES]
    transfer = UnsignedTx(token.chain_id, token.address, Wei(0), TRANSFER.encode(_UNUSED_ACCOUNT, pays.units))
    count = UnsignedTx(token.chain_id, token.address, Wei(0), BALANCE_OF.encode(_UNUSED_ACCOUNT))
    seen, results = await asyncio.gather(
        rpc.aggregate(views), if_offered(lambda: rpc.simulate(sender, [count, transfer, count])), return_exceptions=True
    )
    if isinstance(seen, BaseException):
        raise seen
    if any(value is not None for value in seen.values):
        raise Refused(f"balances of {token.symbol} change by themselves: no bridge can hold an exact amount of it.")
    if isinstance(results, NodeError):
        raise Refused(f"{token.symbol} on {rpc.chain.name} refuses to be sent: {results.message}") from results
    if isinstance(results, BaseException):
        raise results
    if results is None:
        return f"whether {token.symbol} arrives whole was not tried: the node of {rpc.chain.name} does not simulate"
    before, moved, after = results
    if not moved.succeeded:
        raise Refused(f"{token.symbol} on {rpc.chain.name} refuses to be sent: {moved.reason or 'no reason given'}.")
    (had,), (has,) = BALANCE_OF.decode_result(before.output), BALANCE_OF.decode_result(after.output)
    if has - had != pays.units:
        arrives = Amount(max(has - had, 0), token)
        raise Refused(f"of {pays}, {arrives} would arrive: {token.symbol} keeps a part of every transfer.")
    return ""
