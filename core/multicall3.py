"""Payments of native coin through Multicall3: one transaction of an account without code pays several recipients.

No call may fail, and Multicall3 keeps nothing: it hands on the whole value, or the transaction reverts. Tokens are
never paid this way: anyone can spend an allowance given to Multicall3. Source: mds1/multicall3, src/Multicall3.sol.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from l2send.core.address import Address, checksum
from l2send.core.calldata import Function
from l2send.core.errors import Refused
from l2send.core.pinned_code import code_hash
from l2send.core.plan import UnsignedTx
from l2send.core.rpc import Rpc
from l2send.core.units import Wei

AGGREGATE3_VALUE = Function("aggregate3Value((address,bool,uint256,bytes)[])")


def multicall3_tx(multicall3: Address, calls: Sequence[UnsignedTx]) -> UnsignedTx:
    """The transaction that makes `calls`, two or more transfers of coin on one chain, in order."""
    packed: list[Any] = [(call.to, False, call.value, b"") for call in calls]
    value = Wei(sum(call.value for call in calls))
    return UnsignedTx(calls[0].chain_id, multicall3, value, AGGREGATE3_VALUE.encode(packed))


def is_multicall3_tx(tx: UnsignedTx) -> bool:
    """Whether `tx` calls `aggregate3Value`."""
    return tx.data[:4] == AGGREGATE3_VALUE.selector


def decode_multicall3_tx(tx: UnsignedTx) -> tuple[UnsignedTx, ...]:
    """The transfers of an `aggregate3Value`. Raises Refused unless there are two or more, each pays and calls nothing
    else, none may fail, and together they are the value of `tx`.
    """
    (packed,) = AGGREGATE3_VALUE.decode_call(tx.data)
    if len(packed) < 2:
        raise Refused("the transaction through Multicall3 makes fewer than two payments.")
    if any(may_fail for _, may_fail, _, _ in packed):
        raise Refused("one of the payments through Multicall3 may fail while the others succeed.")
    if any(data for *_, data in packed):
        raise Refused("one of the calls through Multicall3 does more than pay.")
    calls = tuple(UnsignedTx(tx.chain_id, checksum(to), Wei(value), b"") for to, _, value, _ in packed)
    if any(call.to == tx.to or not call.value for call in calls):
        raise Refused("one of the calls through Multicall3 pays nothing, or Multicall3 itself.")
    if sum(call.value for call in calls) != tx.value:
        raise Refused("the payments through Multicall3 are not what the transaction carries.")
    return calls


async def runs_pinned_code(multicall3: Address, rpc: Rpc, block: str = "latest") -> bool:
    """Whether the registry pins the code at this address, and the chain has that code there. Raises NetworkError.

    Source: eth_getCode, EIP-1052.
    """
    pinned = rpc.chain.pinned_multicall3
    if pinned is None or pinned.address != multicall3:
        return False
    return code_hash(await rpc.code(multicall3, block)) == pinned.code_hash
