"""Payments from several chains: no leg is opened before all are ready; then all run concurrently.

A leg is a payment of its own, with its own steps, order and refund. This file decides only what concerns all legs:
nothing is opened unless everything can be, and a leg that fails does not stop the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from l2send.core.errors import CannotPay, L2sendError, NodeError, NotFinal, Refused, Sent
from l2send.core.plan import Payment
from l2send.core.rpc import Rpcs, both, if_offered
from l2send.core.text import in_words
from l2send.core.units import Amount
from l2send.wallet.before_signing import affordable, why_not_now
from l2send.wallet.broadcasting import Say
from l2send.wallet.ends import Ends
from l2send.wallet.journal.protocol import ChangedMeanwhile, Journal
from l2send.wallet.journal.records import GroupRecord, PaymentRecord, Record, TxRecord
from l2send.wallet.journal.states import IN_FLIGHT, SUCCEEDED, PaymentState, TxState

LegWork = Callable[[PaymentRecord, Say], Awaitable[object]]
"""Continues a leg. Raises L2sendError."""
LegCheck = Callable[[PaymentRecord], Awaitable[str]]
"""Why a leg must not begin, or an empty string. Raises NetworkError."""

_ENDED_UNPAID = frozenset(
    {
        PaymentState.CANCELLED,
        PaymentState.EXPIRED,
        PaymentState.REVERTED,
        PaymentState.REPLACED,
        PaymentState.REFUNDED,
    }
)


async def make_ready(
    group: GroupRecord, ends: Ends, approve: LegWork, why_void: LegCheck, look: LegWork, say: Say
) -> None:
    """Check that every leg can be opened, have its approvals mined, and check again, before any leg is opened.

    A leg can be opened if its quote is valid, its contracts run the pinned code, its transactions succeed in a
    simulation, and its fees are covered. For a leg that a sponsor opens, `why_void` decides: its messages must still do
    what was approved. A leg that cannot be opened ends the whole payment. `look` prefetches what the leg's next
    signature depends on. `approve` continues a leg until only its paying step is left. From then until its opening a
    leg does not hold its account's lock: the second check notices if another payment used its allowance. Raises
    Refused, NetworkError, NotFinal.
    """
    if _begun(group):
        return

    async def why_not(leg: PaymentRecord) -> str:
        return await (why_void(leg) if leg.sponsored else _why_not(leg, ends.rpcs))

    await _end_unless(group, await _ask(group.legs, why_not, look, say), ends)
    approving = [leg for leg in group.legs if any(tx.outcome not in SUCCEEDED for tx in leg.steps[:-1])]
    if not approving:
        return
    outcomes = await asyncio.gather(*(approve(leg, _named(leg, say)) for leg in approving), return_exceptions=True)
    found = ends.journal.find(group.id)
    group = GroupRecord(found.id, found.legs)
    if _begun(group):
        return
    reasons = {leg.id: _ending(outcome) for leg, outcome in zip(approving, outcomes, strict=True)}
    still = await _ask([leg for leg in group.legs if not reasons.get(leg.id)], why_not, look, say)
    later = iter(still)
    await _end_unless(group, [reasons.get(leg.id) or next(later) for leg in group.legs], ends)


async def _ask(legs: Sequence[PaymentRecord], why_not: LegCheck, look: LegWork, say: Say) -> Sequence[str]:
    """The answer of `why_not` for each leg, with `look` run beside it."""
    reasons, _ = await both(
        asyncio.gather(*(why_not(leg) for leg in legs)), asyncio.gather(*(look(leg, _named(leg, say)) for leg in legs))
    )
    return reasons


def _ending(outcome: object) -> str:
    """Why a leg can never be paid, or an empty string. Raises every other error: those that may pass, and bugs."""
    if isinstance(outcome, CannotPay | Refused):
        return outcome.message
    if isinstance(outcome, BaseException):
        raise outcome
    return ""


def _begun(group: GroupRecord) -> bool:
    """Whether a paying step was signed for any leg, or all legs ended: then no leg needs to wait for the others.

    A leg that was cancelled before that cancels the others: the payment was to be made whole.
    """
    ended = all(leg.state is PaymentState.CANCELLED for leg in group.legs)
    return ended or not all(leg.is_unsigned for leg in group.legs)


async def _end_unless(group: GroupRecord, reasons: Sequence[str], ends: Ends) -> None:
    """Cancel the whole payment if there is a reason against any leg; raises Refused then."""
    problems = [f"{_name(leg)}: {why}" for leg, why in zip(group.legs, reasons, strict=True) if why]
    if not problems:
        return
    try:
        group = await ends.abandoned(group, "; ".join(problems))
    except ChangedMeanwhile:
        return
    allowances = [
        f"{leg.id} left an allowance of {leg.terms.pays}: revoke it with l2send cancel {leg.id}"
        for leg in group.legs
        if leg.left_allowed
    ]
    raise Refused(
        "\n".join([f"{group.id} was cancelled before anything was opened. Nothing was paid.", *problems, *allowances]),
        hint="Start a new payment to get new quotes.",
        sent=group.moved,
    )


async def _why_not(leg: PaymentRecord, rpcs: Rpcs) -> str:
    """Why a leg must not begin, or an empty string."""
    first = next((tx for tx in leg.steps if tx.state is TxState.PLANNED), None)
    if first is None:
        return f"it is {in_words(leg.state)}"
    if any(tx.outcome in IN_FLIGHT - SUCCEEDED for tx in leg.steps[:-1]):
        # Its approval transaction is pending: the paying step can be simulated once that is mined.
        return await why_not_now(leg, rpcs)
    return await _why_it_fails(leg, first, rpcs)


async def _why_it_fails(leg: PaymentRecord, first: TxRecord, rpcs: Rpcs) -> str:
    """The same for a leg with the next step `first`, all requested in one round trip; the first reason is returned."""
    rpc = rpcs.on(first.chain_id)
    planned = [tx.step.tx for tx in leg.steps if tx.state is TxState.PLANNED]
    reason, price, results = await asyncio.gather(
        why_not_now(leg, rpcs),
        affordable(first, rpc, None),
        if_offered(lambda: rpc.simulate(first.sender, planned)),
        return_exceptions=True,
    )
    for answer in (reason, price, results):
        if isinstance(answer, str) and answer:
            return answer
        if isinstance(answer, CannotPay | Refused):
            return answer.message
        if isinstance(answer, NodeError) and answer is not reason:
            return f"it would revert: {answer.message}" if answer.is_revert else ""
        if isinstance(answer, BaseException):
            raise answer
    # If the node cannot simulate, each step is estimated right before it is signed.
    simulated = results if isinstance(results, list) else []
    failed = next((result for result in simulated if not result.succeeded), None)
    return f"it would revert: {failed.reason or 'no reason given'}" if failed else ""


async def side_by_side(group: GroupRecord, journal: Journal, work: LegWork, say: Say) -> Record:
    """Run `work` for all open legs concurrently, until each finishes: one that fails does not stop the others.

    Returns the payment's record then. Raises a leg's error if no money can have moved; NotFinal with all errors if
    money may have moved and a leg can be continued.
    """
    legs = [leg for leg in group.legs if leg.meaning.open]
    outcomes = await asyncio.gather(*(work(leg, _named(leg, say)) for leg in legs), return_exceptions=True)
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
            "\n".join([f"{after.id} is {in_words(after.state)}. {after.meaning.money}", *words]),
            hint=f"Run `l2send resume {after.id}` to carry it on; do not pay again.",
            sent=after.moved,
        )
    for leg, error in errors:
        say(_told(leg, error))
    return after


def missing(record: Record) -> Payment | None:
    """What remains to be paid, if some parts ended without reaching the recipient and others reached it."""
    unpaid = [leg.payment.amount.units for leg in record.legs if leg.state in _ENDED_UNPAID]
    if not unpaid or not record.delivered.units:
        return None
    return replace(record.payment, amount=Amount(sum(unpaid), record.payment.amount.token))


def _name(leg: PaymentRecord) -> str:
    return f"{leg.id} by {leg.terms.bridge}"


def _told(leg: PaymentRecord, error: L2sendError) -> str:
    """The error that stopped a leg, naming the leg once."""
    return error.message if error.message.startswith(leg.id) else f"{_name(leg)}: {error.message}"


def _named(leg: PaymentRecord, say: Say) -> Say:
    """`say`, with the leg's name before each sentence."""
    number = leg.id.rpartition(".")[2]
    return lambda sentence: say(f"leg {number}: {sentence}")
