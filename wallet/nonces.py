"""Chooses the next nonce: the higher of the chain's count and the journal's count.

Called with the account's lock held, so that nothing on this machine signs in between. A nonce that the journal has used
is never allocated again, with one exception: see `choose`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby

from l2send.core.address import Address
from l2send.core.errors import NetworkError, NotFinal, Refused, Sent
from l2send.core.rpc import Rpc
from l2send.core.units import Nonce
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import TxRecord
from l2send.wallet.journal.states import ENDED, REPLACEABLE, TxState

_LOOKS = 4
_PAUSE = 1.0

Stale = Callable[[TxRecord], Awaitable[bool]]
"""Whether a signed transaction that no node is known to have is too late to be broadcast."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The nonce to sign with, and the earlier bytes that must reach the node first because it does not have them."""

    nonce: Nonce
    first: tuple[TxRecord, ...] = ()
    over: int = 0
    """How many steps were signed with this nonce before, all of them too late to be mined."""


async def choose(
    rpc: Rpc, sender: Address, journal: Journal, stale: Stale, first: tuple[Nonce, Nonce] | None = None
) -> Choice:
    """The next nonce; `first` are counts requested a moment ago.

    Raises Refused for a gap that l2send cannot fill, NetworkError for a node that lags.

    A transaction that was signed, never broadcast and is now too late for its order leaves its nonce free: using that
    nonce again ensures that the late one can never be mined. A count above the journal's comes from another wallet, or
    is wrong; a transaction with too high a nonce is never mined. So such a count is trusted only once two requests in a
    row agree: the first may be that of `look_ahead`. Source: eth_getTransactionCount at `pending`, if the node supports
    it, and at `latest`.
    """
    chain_id = rpc.chain.chain_id
    highest = journal.highest_nonce(chain_id, sender)
    count = free = Nonce(0 if highest is None else highest + 1)
    former, ahead = None, rpc.counted.get(sender)
    for turn in range(_LOOKS):
        counts = first if first and not turn else await _look(rpc, sender, turn)
        count = max(counts)
        _refuse_behind_delegation(journal.signed_from(chain_id, sender, Nonce(min(counts))))
        if (count == free and former is None) or (count >= free and counts == (former if turn else ahead)):
            return Choice(count)
        if count < free:
            missing = journal.signed_from(chain_id, sender, count)
            if all(tx.state not in ENDED for tx in missing):
                return await _after(count, missing, stale)
        former = counts
    raise _disagree(rpc, sender, count) if count >= free else _lagging(rpc, sender, count, free)


_Counts = tuple[Nonce, Nonce]
"""The account's transaction counts, with pending ones and in blocks: two nodes of a balancer may answer."""


async def look_ahead(rpc: Rpc, sender: Address) -> None:
    """The first of two requests, sent while a payment is planned. Raises nothing for the network.

    It tries the second endpoint first; the request before the signature tries the first one.
    """
    with suppress(NetworkError):
        rpc.counted[sender] = await _at_endpoint(rpc, 1).nonces(sender)


async def _look(rpc: Rpc, sender: Address, turn: int) -> _Counts:
    """Later requests wait a moment and start at the next endpoint; each endpoint must prove its chain again."""
    if turn:
        await asyncio.sleep(_PAUSE)
        rpc = _at_endpoint(rpc, turn)
    return await rpc.nonces(sender)


def _at_endpoint(rpc: Rpc, turn: int) -> Rpc:
    """The same endpoints, starting with a different one each turn."""
    urls = rpc.chain.rpcs
    first = turn % len(urls)
    return Rpc(replace(rpc.chain, rpcs=(*urls[first:], *urls[:first])), rpc.http)


def refuse_unless_prepared_so(tx: TxRecord, free: Nonce, *, maybe_sent: bool) -> None:
    """Raises Refused if `tx` was prepared with a nonce other than the `free` one: its signature may already exist.

    `maybe_sent`: its nonce is used, not provably by something else: raises NotFinal then.
    """
    prepared = tx.step.nonce
    if prepared is None or prepared == free:
        return
    said = f"{tx.payment_id} was prepared with nonce {prepared}"
    again = f"`l2send cancel {tx.payment_id}` and prepare it again."
    if maybe_sent:
        raise NotFinal(
            f"{said}, which is used, and not yet known by what: it may have been sent by other means.",
            hint=f"Look again later: l2send status {tx.payment_id}. Do not pay again before.",
            sent=Sent.MAYBE,
        )
    if prepared < free:
        raise Refused(
            f"{said}, which another transaction of {tx.sender} has taken since: it cannot happen any more.",
            hint=f"Run {again}",
        )
    raise Refused(
        f"{said}, and the next one of {tx.sender} is {free}: what was prepared before it has not been sent.",
        hint=f"Broadcast that first; or run {again}",
    )


async def _after(pending: Nonce, missing: list[TxRecord], stale: Stale) -> Choice:
    """The nonce after `missing`, which the node does not have and which must be sent first."""
    first = list[TxRecord]()
    expected, over = pending, 0
    for nonce, txs in groupby(missing, key=lambda tx: tx.nonce):
        same_nonce = list(txs)
        if nonce != expected:
            raise _gap(expected, same_nonce[0])
        alive = [tx for tx in same_nonce if tx.state is not TxState.SIGNED or not await stale(tx)]
        if not alive:
            over = sum(tx.replaces is None and not tx.elsewhere for tx in same_nonce)
            break
        newest = {(tx.payment_id, tx.step_index): tx for tx in sorted(alive, key=lambda tx: tx.index)}
        first += newest.values()  # Of several that were signed for one step, the newest.
        expected = Nonce(expected + 1)
    return Choice(expected, tuple(first), over)


def _refuse_behind_delegation(signed: Sequence[TxRecord]) -> None:
    """Raises Refused while a change of the account's code is pending: it uses two nonces, or one if cancelled.

    Another transaction, with either of the next two nonces, might never be mined. Source: EIP-7702.
    """
    for tx in signed:
        if tx.step.tx.delegate_to is not None and tx.state in REPLACEABLE:
            raise Refused(
                f"{tx.payment_id} changes the code of {tx.sender} and waits for a block: until then its next nonce is "
                "not known.",
                hint=f"Nothing more was signed. Follow it: l2send resume {tx.payment_id}. Or end it: l2send cancel "
                f"{tx.payment_id}",
            )


def _lagging(rpc: Rpc, sender: Address, count: Nonce, free: int) -> NetworkError:
    return NetworkError(
        f"an RPC of {rpc.chain.name} counts {count} transactions of {sender}; "
        f"the journal saw the one with nonce {free - 1} at its end.",
        hint="Nothing was signed. The node lags behind: try again later. Or the chain was reset, as a devnet is: "
        "pay from another account there.",
    )


def _disagree(rpc: Rpc, sender: Address, count: Nonce) -> NetworkError:
    return NetworkError(
        f"the RPCs of {rpc.chain.name} do not agree how many transactions {sender} has sent; the last said {count}.",
        hint="Nothing was signed. Try again later; if it stays so, correct the chain's rpcs.",
    )


def _gap(nonce: Nonce, after: TxRecord) -> Refused:
    return Refused(
        f"nonce {nonce} of {after.sender} is unused, while {after.payment_id} was signed with {after.nonce}: "
        "a transaction of another wallet is missing in between.",
        hint="Nothing was signed. Send it again from that wallet, or wait until it is mined.",
    )
