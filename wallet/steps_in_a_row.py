"""Signs and broadcasts a step, and right behind it those that need not wait for its block: see behind_approval.py.

The order is the same for each: nonce, bytes, journal, node. Only the wait for a block between them is skipped. All that
their signatures depend on is requested in one round trip, before the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from l2send.core.errors import L2sendError
from l2send.core.fees import L1Fee, l1_fee_of
from l2send.core.rpc import Rpc, both
from l2send.core.units import Gas, Nonce
from l2send.wallet.before_signing import price_of
from l2send.wallet.behind_approval import cost_behind, gas_behind, may_follow
from l2send.wallet.broadcasting import Offering
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.signing import LateBehind, Looks, Signing


async def sign_in_a_row(
    record: PaymentRecord,
    first: TxRecord,
    later: Sequence[TxRecord],
    signing: Signing,
    offering: Offering,
    looks: Looks | None = None,
) -> int:
    """Sign and broadcast `first`, and as many of `later` as need not wait for it. Returns how many were signed.

    `looks` were requested a moment ago for `first`; if None, they are requested. Raises as Signing.sign_and_commit:
    what was signed before is in the journal and was broadcast.
    """
    rpc, followers = signing.rpcs.on(first.chain_id), may_follow(first, later)
    asked = (_needs_of(rpc, tx, [first, *followers[:place]]) for place, tx in enumerate(followers))
    looking = _given(looks) if looks else signing.look(record, first)
    looked, needs = await both(looking, asyncio.gather(*asked))
    following = [(tx, need) for tx, need in zip(followers, needs, strict=True) if need]
    signed = await signing.sign_and_commit(record, first, looked)
    # Only the last broadcast of a row waits for its receipt: the steps behind must not wait for a block.
    signed, count = await offering.offer(signed, rpc, hold=not following), 1
    for tx, need in following:
        its_looks = await _looks_behind(looked, signed, tx, need, signing) if offering.is_accepted(signed) else None
        if its_looks is None:
            break
        try:
            signed = await signing.sign_and_commit(record, tx, its_looks)
        except LateBehind:  # Once the approval is mined, a new quote is requested or the allowance reported.
            break
        looked, count = its_looks, count + 1
        signed = await offering.offer(signed, rpc, hold=count > len(following))
    return count


async def _given(looks: Looks) -> Looks:
    return looks


async def _needs_of(rpc: Rpc, tx: TxRecord, before: Sequence[TxRecord]) -> tuple[Gas, L1Fee] | None:
    """Gas and L1 fee of `tx` behind `before`; None if it has to wait. Raises nothing for the network."""
    try:
        gas, data_fee = await asyncio.gather(gas_behind(rpc, tx, before), l1_fee_of(rpc, tx.step.tx))
    except L2sendError:
        return None
    return None if gas is None or isinstance(gas, Exception) else (gas, data_fee)


async def _looks_behind(
    looks: Looks, before: TxRecord, tx: TxRecord, need: tuple[Gas, L1Fee], signing: Signing
) -> Looks | None:
    """The `Looks` of `before` adapted to `tx`, with the next nonce; None if they would not let it be signed."""
    if before.nonce is None or isinstance(looks.cost, BaseException):
        return None
    gas, data_fee = need
    rpc, nonce = signing.rpcs.on(tx.chain_id), Nonce(before.nonce + 1)
    cost = replace(cost_behind(looks.cost, before, gas), l1_fee=data_fee)
    try:
        cap = await signing.guard.fee_cap(signing.journal.get(tx.payment_id), tx, rpc)
        await price_of(tx, rpc, cap, cost)
    except L2sendError:  # It is checked again, and the error reported, once the step before it is mined.
        return None
    return replace(looks, counts=(nonce, nonce), cap=cap, cost=cost)
