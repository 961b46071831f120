"""Decodes a transaction that makes several payments of one account on one chain.

All of its calls succeed, or none. They are those of `executeBatch` if the account delegates (EIP-7702), of
MultiSendCallOnly if it is a Safe, or of Multicall3 if it has no code: those pay only native coin.
"""

from __future__ import annotations

from l2send.core.chains import Chain
from l2send.core.delegation import BATCHING_DELEGATE, EXECUTE_BATCH, decode_batch, delegate_of, known_delegate
from l2send.core.errors import Refused
from l2send.core.multicall3 import decode_multicall3_tx, is_multicall3_tx
from l2send.core.plan import UnsignedTx
from l2send.core.safe import EXECUTE, decode_execution

TOGETHER = "together"
"""The value in place of the bridge's name in such a transaction's journal entry."""


def calls_of(tx: UnsignedTx, chain: Chain) -> tuple[UnsignedTx, ...]:
    """The calls that make the payments in `tx`, in order. Raises Refused for any other transaction."""
    if tx.data[:4] == EXECUTE.selector:
        return decode_execution(tx, {safe.multi_send_call_only.address for safe in chain.safes}).calls
    if tx.data[:4] == EXECUTE_BATCH.selector:
        return decode_batch(tx)
    if is_multicall3_tx(tx):
        return decode_multicall3_tx(tx)
    raise Refused("the transaction makes no calls that l2send knows.")


def can_batch(code: bytes, chain: Chain) -> bool:
    """Whether an account with this code can batch calls: it delegates to the pinned code."""
    delegate = delegate_of(code)
    known = known_delegate(delegate, chain) if delegate else None
    return known is not None and known.name == BATCHING_DELEGATE


def refuse_unless_batching(code: bytes, tx: UnsignedTx, sender: str, chain: Chain) -> None:
    """Raises Refused if an account would call itself without the code that handles it: nothing would happen."""
    if tx.to == sender and tx.data and not can_batch(code, chain):
        raise Refused(
            f"your account does not delegate to the code that makes several calls on {chain.name} (EIP-7702).",
            hint="Nothing was signed. l2send wallet delegate NAME --chain … delegates; without it, pay one by one.",
        )
