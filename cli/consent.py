"""Shows what a user must know about a recipient before a payment, and asks for consent."""

from __future__ import annotations

import time

from l2send.cli.options import PayOptions
from l2send.cli.own_accounts import whose
from l2send.cli.prompts import BACK, DETAILS, NO, YES, Back, ask_plainly, ask_word
from l2send.cli.review_text import question, show_details
from l2send.cli.times import duration
from l2send.cli.typed_recipient import must_compare, note
from l2send.client import Client
from l2send.core.chains import Registry
from l2send.core.errors import Interrupted, NeedsConfirmation, Refused
from l2send.core.paths import Paths
from l2send.core.plan import Payment
from l2send.core.text import in_words
from l2send.resolver.destination import Destination
from l2send.review import Review
from l2send.wallet.journal.records import Record

_TYPED = 10  # more characters than an imitation can match


def notes_of(target: Destination, review: Review, paths: Paths) -> list[str]:
    """Notes about the recipient for the review screen; `paths` has the user's own accounts."""
    found = review.findings
    return [
        *filter(None, [whose(target.address, paths), note(target)]),
        *found.said,
        *found.confirm,
        *([found.type_out] if found.type_out else []),
    ]


def refuse_look_alike(review: Review) -> None:
    """Raises NeedsConfirmation: --yes does not answer a question that needs typed text."""
    if review.findings.type_out:
        raise NeedsConfirmation(
            review.findings.type_out,
            hint="Compare every character. If it is right, pay it once from a terminal without --yes.",
        )


async def consent(
    target: Destination, review: Review, registry: Registry, *, back: bool = False, verb: str = "Pay"
) -> None:
    """Ask about everything unusual with the recipient, and last about the payment itself.

    `back`: whether `back` is a possible answer, which raises Back. Raises Interrupted for a no, KeyboardInterrupt.
    """
    questions = [f"{why} Pay anyway?" for why in review.findings.confirm]
    if must_compare(target):
        questions.append("Did you compare every character of the address?")
    for words in [*questions, question(review, registry, target, verb)]:
        await _agreed(words, review, registry, back=back)
    if review.findings.type_out:
        end = review.plan.payment.to.address[-_TYPED:]
        if await ask_plainly(f"{review.findings.type_out} Type its last {_TYPED} characters") != end:
            raise Interrupted("those are not its last characters: not confirmed.")


async def _agreed(words: str, review: Review, registry: Registry, *, back: bool) -> None:
    """Ask until the answer is yes. Raises Interrupted for a no, Back."""
    answers = (YES, NO, *([BACK] if back else []), DETAILS)
    while (answer := await ask_word(words, *answers)) == DETAILS:
        show_details(review, registry)
    if answer == BACK:
        raise Back
    if answer == NO:
        raise Interrupted("not confirmed.")


async def refuse_or_ask_again(payment: Payment, recent: Record | None, *, yes: bool, again: bool) -> bool:
    """True if the user confirms a payment equal to a recent one; False if there is none.

    Raises Refused with --yes, unless --again; Interrupted for a no.
    """
    if recent is None or again:
        return again
    ago = duration(max(0.0, time.time() - recent.created_at))
    if not recent.meaning.open:
        said = f"You paid exactly this {ago} ago ({recent.id}, {in_words(recent.state)})."
        if yes:
            raise Refused(said, hint=f"To pay {payment.amount} a second time, add --again.")
        if await ask_word(f"{said} Pay it again?", YES, NO) == NO:
            raise Interrupted("not confirmed.")
        return True
    follow = f"l2send resume {recent.id}"
    if yes:
        raise Refused(
            under_way(recent),
            hint=f"Follow it: {follow}. To pay {payment.amount} a second time as well: --again.",
        )
    which = f"{recent.id}, {in_words(recent.state)}"
    said = f"A payment of exactly this was started {ago} ago and is not finished ({which})."
    if await ask_word(f"{said} Make a second one?", YES, NO) == NO:
        raise Interrupted("not confirmed.", hint=f"Follow the first: {follow}")
    return True


def under_way(recent: Record) -> str:
    """A sentence on an equal payment that is open."""
    return f"A payment of exactly this is under way ({recent.id}, {in_words(recent.state)})."


def equal_payment(client: Client, payment: Payment, options: PayOptions) -> Record | None:
    """A recent payment equal to `payment`, without --again. Two different keys mean two payments."""
    recent = None if options.again else client.paid_recently(payment)
    return None if recent and options.key and recent.key else recent


def note_on(recent: Record | None) -> list[str]:
    """A note for a plan, that an equal payment would be refused with --yes, and asked about without."""
    if recent is None:
        return []
    which = f"{recent.id}, {in_words(recent.state)}"
    said = under_way(recent) if recent.meaning.open else f"You paid exactly this before ({which})."
    return [f"{said} To pay it a second time needs --again, or your yes."]
