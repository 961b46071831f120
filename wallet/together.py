"""A payment from several chains: every leg is ready before the first one is opened, then all run side by side.

A leg is a payment of its own, with its own steps, order and refund. What is decided here is only what concerns them
together: nothing is opened unless everything can be, and a leg that fails does not stop the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from l2send.core.errors import CannotPay, L2sendError, NodeError, NotFinal, Refused, Sent
from l2send.core.plan import Payment
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount
from l2send.wallet.journal import ChangedMeanwhile, Journal
from l2send.wallet.prepare import affordable, why_not_now
from l2send.wallet.records import GroupRecord, PaymentRecord, Record
from l2send.wallet.states import PaymentState, TxState

Progress = Callable[[str], None]
LegWork = Callable[[PaymentRecord, Progress], Awaitable[object]]
"""Carries one leg on. Raises L2sendError."""

_ENDED_UNPAID = frozenset(
    {
        PaymentState.CANCELLED,
        PaymentState.EXPIRED,
        PaymentState.REVERTED,
        PaymentState.REPLACED,
        PaymentState.REFUNDED,
    }
)


async def refuse_unless_ready(group: GroupRecord, journal: Journal, rpcs: Rpcs) -> None:
    """Before anything of a payment was opened: every leg is in time, succeeds when simulated, and is paid for.

    One that is not ends the whole payment. Raises Refused then, NetworkError where a chain cannot be asked.
    """
    if any(leg.steps[-1].state is not TxState.PLANNED for leg in group.legs):
        return
    reasons = await asyncio.gather(*(_why_not(leg, rpcs) for leg in group.legs))
    problems = [f"{_name(leg)}: {why}" for leg, why in zip(group.legs, reasons, strict=True) if why]
    if not problems:
        return
    try:
        group = journal.abandon(group, "; ".join(problems))
    except ChangedMeanwhile:
        return
    left = "" if group.moved is Sent.NO else " An allowance it gave may be left."
    raise Refused(
        "\n".join([f"{group.id} was cancelled before anything was opened. Nothing was paid.{left}", *problems]),
        hint="Pay anew to get new quotes.",
        sent=group.moved,
    )


async def _why_not(leg: PaymentRecord, rpcs: Rpcs) -> str:
    """Why a leg must not be begun, or an empty string."""
    first = next((tx for tx in leg.steps if tx.state is TxState.PLANNED), leg.steps[-1])
    if reason := await why_not_now(leg, first, rpcs):
        return reason
    rpc = rpcs.on(first.chain_id)
    try:
        await affordable(first, rpc, None)
        results = await rpc.simulate(first.sender, [tx.step.tx for tx in leg.steps if tx.state is TxState.PLANNED])
    except (CannotPay, Refused) as error:
        return error.message
    except NodeError:
        return ""  # It does not simulate; each step is estimated right before it is signed.
    failed = next((result for result in results if not result.succeeded), None)
    return f"it would revert: {failed.reason or 'no reason given'}" if failed else ""


async def side_by_side(group: GroupRecord, journal: Journal, work: LegWork, progress: Progress) -> Record:
    """Do `work` for every open leg at the same time, to the end of each: one that fails does not stop the others.

    Returns the payment as it stands then. Raises the error of a leg where no money can have moved, NotFinal
    with all of them where it may have, and a leg can be carried on.
    """
    legs = [leg for leg in group.legs if leg.meaning.open]
    outcomes = await asyncio.gather(*(work(leg, _named(leg, progress)) for leg in legs), return_exceptions=True)
    errors = list[tuple[PaymentRecord, L2sendError]]()
    for leg, outcome in zip(legs, outcomes, strict=True):
        if isinstance(outcome, L2sendError):
            errors.append((leg, outcome))
        elif isinstance(outcome, BaseException):
            raise outcome
    after = journal.find(group.id)
    if errors and after.moved is Sent.NO:
        raise errors[0][1]
    if errors and after.meaning.open:
        words = [_told(leg, error) for leg, error in errors]
        raise NotFinal(
            "\n".join([f"{after.id} is {after.state}. {after.meaning.money}", *words]),
            hint=f"Run `l2send resume {after.id}` to carry it on; do not pay again.",
            sent=after.moved,
        )
    for leg, error in errors:
        progress(_told(leg, error))
    return after


def missing(record: Record) -> Payment | None:
    """What is left to be paid, where parts of a payment ended without reaching the recipient and others did."""
    unpaid = [leg.payment.amount.units for leg in record.legs if leg.state in _ENDED_UNPAID]
    if not unpaid or not record.delivered.units:
        return None
    return replace(record.payment, amount=Amount(sum(unpaid), record.payment.amount.token))


def _name(leg: PaymentRecord) -> str:
    return f"{leg.id} by {leg.terms.bridge}"


def _told(leg: PaymentRecord, error: L2sendError) -> str:
    """What stopped a leg, with its name once."""
    return error.message if error.message.startswith(leg.id) else f"{_name(leg)}: {error.message}"


def _named(leg: PaymentRecord, progress: Progress) -> Progress:
    """Progress that says which leg it is of."""
    number = leg.id.rpartition(".")[2]
    return lambda sentence: progress(f"leg {number}: {sentence}")
