"""Shows, approves, makes, follows and reports a payment, for every command that pays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from l2send.cli.consent import consent, equal_payment, notes_of, refuse_look_alike, refuse_or_ask_again
from l2send.cli.devnet_clock import count_from_the_chain
from l2send.cli.json_documents import payment_document
from l2send.cli.late_text import awaited, when_late
from l2send.cli.options import PayOptions
from l2send.cli.outcome import show_outcome
from l2send.cli.plan_request import PlanRequest, plan_of
from l2send.cli.progress import Live, Waiting
from l2send.cli.review_text import show_review
from l2send.cli.screen import err, print_json, print_words, styled
from l2send.cli.sender import Sender
from l2send.cli.what_is_left import left_now
from l2send.client import Client
from l2send.core.chains import Registry
from l2send.core.errors import Interrupted, NotFinal, Refused
from l2send.core.plan import Payment
from l2send.core.text import in_words
from l2send.resolver.destination import Destination
from l2send.resolver.way_limits import Limits
from l2send.review import Review
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.keys.signer import Signer

_TRIES = 5  # for prices that expire while a person reads


@dataclass(frozen=True, slots=True)
class Approved:
    """A review that was shown and approved."""

    review: Review
    again: bool
    """Whether it may be made although an equal payment is open or recent."""


async def approve(
    client: Client,
    request: PlanRequest,
    limits: Limits,
    target: Destination,
    who: Sender | None,
    *,
    yes: bool,
    options: PayOptions,
) -> Approved:
    """A plan that was shown and approved, with valid prices; `who` is unlocked then. Raises Refused, Interrupted.

    None for `who` if nothing is signed here.
    """
    if who:
        who.prepare_to_plan()
    for _ in range(_TRIES):
        again = options.again
        if isinstance(request, Payment):
            again = await _meant_again(client, request, yes=yes, options=options)
        with Live.of_answers("asking all chains"):
            review = await plan_of(client, request, limits)
        if who:
            who.prepare_to_sign()
        if not isinstance(request, Payment):
            again = await _meant_again(client, review.plan.payment, yes=yes, options=options)
        show_review(review, client.registry, target, notes=notes_of(target, review, client.paths))
        if yes:
            refuse_look_alike(review)
        else:
            await consent(target, review, client.registry)
        if who:
            who.unlock()
        if not await client.has_expired(review):
            return Approved(review, again)
        err().print("The prices have expired. Asking for new ones.", style="yellow")
    raise Refused("the prices expire before they can be used.", hint="Try again, or another bridge with --via.")


async def _meant_again(client: Client, payment: Payment, *, yes: bool, options: PayOptions) -> bool:
    """Whether the user confirms a payment equal to a recent one."""
    recent = equal_payment(client, payment, options)
    return await refuse_or_ask_again(payment, recent, yes=yes, again=options.again)


async def pay(
    client: Client, review: Review, target: Destination, who: Sender, options: PayOptions, *, as_json: bool
) -> int:
    """Make an approved payment and report it. Returns its exit status. Raises as `follow` does."""
    signer = who.unlock()
    record = client.begin(review, key=options.key, again=options.again, typed_name=target.typed_name, memo=options.memo)
    err().print(styled(f"payment {record.id}", "bold"))
    record = await follow(client, record.id, signer, options.timeout, estimate=review.plan.way.duration)
    is_said = record.state is PaymentState.DELIVERED and not as_json
    left = await left_now(client, review, record) if is_said else ""
    return report(record, client.registry, as_json=as_json, left=left)


async def follow(
    client: Client,
    payment_id: str,
    signer: Signer | None,
    timeout: float,
    *,
    estimate: int | None = None,
    resend_refund: bool = False,
) -> Record:
    """Make and follow a payment of the journal until it ends, or for `timeout` seconds.

    Shows progress beside the `estimate` in seconds. Raises Interrupted on Ctrl-C.
    """
    try:
        waiting = _waiting(client, payment_id, time.time() + timeout)
        live = Live("starting", payment_id=payment_id, estimate=estimate, waiting=waiting)
        with live, interruptible(client, payment_id):
            record = await client.resume(
                payment_id, signer, patience=timeout, progress=live.update, resend_refund=resend_refund
            )
            live.ended(record)
            return record
    except NotFinal as unfinished:
        record = client.find(payment_id)
        if not (isinstance(record, PaymentRecord) and record.order):  # The outcome has all of an order.
            for line in [*unfinished.message.splitlines(), unfinished.hint]:
                print_words(err(), styled(line, limit=600))
        return record


def _waiting(client: Client, payment_id: str, until: float) -> Waiting:
    """What is said of a payment while it is followed, `until` that UNIX time."""
    return Waiting(
        lambda: awaited(client.find(payment_id), client.registry),
        lambda: when_late(client.find(payment_id), client.registry, until),
    )


@contextmanager
def interruptible(client: Client, payment_id: str) -> Iterator[None]:
    """Turns Ctrl-C and SIGTERM into an Interrupted with the payment's state."""
    try:
        yield
        count_from_the_chain(client, client.find(payment_id).legs[0].terms.source)
    except (asyncio.CancelledError, KeyboardInterrupt):
        record = client.find(payment_id)
        raise Interrupted(
            f"interrupted; the payment {payment_id} is {in_words(record.state)}. {record.meaning.money}",
            sent=record.moved,
            hint=f"Resume it with: l2send resume {payment_id}",
        ) from None


def report(record: Record, registry: Registry, *, as_json: bool, left: str = "") -> int:
    """Report a payment's state, and return its exit status."""
    if as_json:
        print_json(payment_document(record, registry))
    else:
        show_outcome(record, registry, left)
    return record.meaning.exit_status
