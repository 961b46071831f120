"""Resumes many payments together: those of one account on one chain in a window, chains concurrently."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from l2send.core.address import Address
from l2send.core.errors import L2sendError
from l2send.core.units import ChainId
from l2send.wallet.executor import Executor
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.journal.states import TxState
from l2send.wallet.nonce_window import Report, Window, fits

_AT_ONCE = 8
"""How many payments outside windows are resumed at once; payments of one account wait for each other."""

_TIME_TO_SIGN = 15
"""Seconds for which a price must remain valid when the payment's turn comes."""

One = Callable[[str], Awaitable[Record]]
"""Resumes one payment. Raises L2sendError."""


async def resume_all(
    payment_ids: Sequence[str],
    journal: Journal,
    executor: Executor,
    one: One,
    report: Report,
    *,
    size: int,
    patience: float,
) -> Mapping[str, L2sendError]:
    """Resume every payment. Returns the errors that stopped payments, by payment id; the journal has the states."""
    first, windows, others = _sorted(payment_ids, journal)
    failed = dict[str, L2sendError]()

    async def in_window(chain_id: ChainId, sender: Address, records: Sequence[PaymentRecord]) -> None:
        window = Window(executor, chain_id, sender, report, size, failed=failed)
        try:
            await window.run([record.id for record in records], patience=patience)
        except L2sendError as error:  # An error of the lock: nothing was done on this chain.
            failed.update({record.id: error for record in records})

    turn = asyncio.Semaphore(_AT_ONCE)

    async def alone(payment_id: str) -> None:
        async with turn:
            try:
                await _renew_expired(journal.find(payment_id), executor)
                await one(payment_id)
            except L2sendError as error:
                failed[payment_id] = error

    await asyncio.gather(*map(alone, first))
    await asyncio.gather(*(in_window(*account, records) for account, records in windows.items()))
    await asyncio.gather(*map(alone, others))
    return failed


async def _renew_expired(record: Record, executor: Executor) -> None:
    """Get a new quote for each unsigned leg whose price expired while others were paid.

    Raises Refused if the bridge now takes more, NetworkError.
    """
    for leg in record.legs:
        untouched = leg.order is not None and all(tx.state is TxState.PLANNED for tx in leg.transactions)
        if not untouched or leg.terms.expires is None or executor.renew is None or leg.sponsored:
            continue
        if await executor.rpcs.on(leg.terms.source).time() >= leg.terms.expires - _TIME_TO_SIGN:
            await executor.renew(leg)


def _sorted(
    payment_ids: Sequence[str], journal: Journal
) -> tuple[list[str], dict[tuple[ChainId, Address], list[PaymentRecord]], list[str]]:
    """The payments that change an account's code, on which others may depend; those that fit a window, by account; and
    those that are resumed one by one. Ended ones are in none.
    """
    first, windows, others = list[str](), dict[tuple[ChainId, Address], list[PaymentRecord]](), list[str]()
    driven = dict.fromkeys(
        leg.driven_by if leg.ride else record.id for record in map(journal.find, payment_ids) for leg in record.legs
    )
    for payment_id in driven:
        record = journal.find(payment_id)
        if not record.meaning.open:
            continue
        if any(tx.step.over is not None for leg in record.legs for tx in leg.approved):
            first.append(payment_id)
        elif isinstance(record, PaymentRecord) and fits(record):
            windows.setdefault((record.terms.source, record.payment.signer), []).append(record)
        else:
            others.append(payment_id)
    return first, windows, others
