"""Which nonce comes next: the chain's count and the journal's own, whichever is higher.

Called with the account's lock held, so that nobody on this machine signs in between. A nonce the
journal has used is never given out again, with one exception that is stated in `choose`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import groupby

from l2send.core.address import Address
from l2send.core.errors import NetworkError, Refused
from l2send.core.rpc import Rpc
from l2send.core.units import Nonce
from l2send.wallet.journal import Journal
from l2send.wallet.records import TxRecord
from l2send.wallet.states import ENDED, TxState

_LOOKS = 4
_PAUSE = 1.0

Stale = Callable[[TxRecord], Awaitable[bool]]
"""Whether a signed transaction that no node is known to have is too late to be sent."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The nonce to sign with, and what must reach the node before it: earlier bytes it does not know."""

    nonce: Nonce
    first: tuple[TxRecord, ...] = ()


async def choose(rpc: Rpc, sender: Address, journal: Journal, stale: Stale) -> Choice:
    """The next nonce. Raises Refused for a gap that l2send cannot fill, NetworkError for a node that lags.

    A transaction that was signed, never handed to a node and is now too late for its order leaves its
    nonce free: taking it is what makes sure that the late one can never happen.
    Source: eth_getTransactionCount at `pending`.
    """
    looks = _LOOKS
    while True:
        pending = await rpc.nonce(sender, "pending")
        highest = journal.highest_nonce(rpc.chain.chain_id, sender)
        if highest is None or pending > highest:
            return Choice(pending)
        missing = journal.signed_from(rpc.chain.chain_id, sender, pending)
        if all(tx.state not in ENDED for tx in missing):
            return await _after(pending, missing, stale)
        looks -= 1
        if not looks:
            raise _lagging(rpc, sender, pending, highest)
        await asyncio.sleep(_PAUSE)


async def _after(pending: Nonce, missing: list[TxRecord], stale: Stale) -> Choice:
    """The nonce after `missing`, which the node does not know and must be given first."""
    first = list[TxRecord]()
    expected = pending
    for nonce, txs in groupby(missing, key=lambda tx: tx.nonce):
        same_nonce = list(txs)
        if nonce != expected:
            raise _gap(expected, same_nonce[0])
        alive = [tx for tx in same_nonce if tx.state is not TxState.SIGNED or not await stale(tx)]
        if not alive:
            break
        newest = {(tx.payment_id, tx.step_index): tx for tx in sorted(alive, key=lambda tx: tx.index)}
        first += newest.values()  # Of several that were signed for one step.
        expected = Nonce(expected + 1)
    return Choice(expected, tuple(first))


def _lagging(rpc: Rpc, sender: Address, pending: Nonce, highest: Nonce) -> NetworkError:
    return NetworkError(
        f"an RPC of {rpc.chain.name} counts {pending} transactions of {sender}; "
        f"the journal saw the one with nonce {highest} at its end.",
        hint="The node lags behind, or the chain was reset. Nothing was signed; try again later.",
    )


def _gap(nonce: Nonce, after: TxRecord) -> Refused:
    return Refused(
        f"nonce {nonce} of {after.sender} is unused, while {after.payment_id} was signed with {after.nonce}: "
        "a transaction of another wallet is missing in between.",
        hint="Nothing was signed. Send it again from that wallet, or wait until it is mined.",
    )
