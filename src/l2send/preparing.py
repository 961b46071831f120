"""Prepares payments for signing on an offline machine: recorded with fixed nonces and prices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from l2send.core.errors import Refused
from l2send.core.plan import Payment, Quote
from l2send.core.rpc import Rpcs
from l2send.review import Review
from l2send.wallet.broadcasting import Say
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import Record
from l2send.wallet.lock import account_lock
from l2send.wallet.offline import fixed

Begin = Callable[[Payment, Sequence[Quote]], Record]
_PATIENCE = 60.0
"""Seconds to wait for another payment of the account."""


async def prepare_payment(
    review: Review,
    journal: Journal,
    rpcs: Rpcs,
    locks: Path,
    begin: Begin,
    say: Say,
) -> Record:
    """See Client.prepare. `begin` records the payment in the journal.

    Every paying account is locked while its nonces are chosen and recorded.
    """
    payment, legs = review.plan.payment, review.plan.legs
    if payment.executor is not None:
        raise Refused("one owner of the Safe is enough, and pays where the key is.", hint="Nothing was prepared.")
    if payment.by_owners:  # The nonce is the Safe's; the journal allocates each once.
        return begin(payment, legs)
    async with AsyncExitStack() as held:
        for chain_id in sorted(leg.source.chain_id for leg in legs):
            lock = account_lock(locks, chain_id, payment.sender, "l2send prepare", say, _PATIENCE, journal)
            await held.enter_async_context(lock)
        legs = await fixed(legs, payment.sender, journal, rpcs)
        return begin(payment, legs)
