"""What must be said of a recipient before they are paid, and the yes to all of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from l2send.cli.prompts import ask_plainly, yes_or_no
from l2send.cli.recipient import must_compare, note
from l2send.core.errors import Interrupted, NeedsConfirmation
from l2send.resolver.destination import Destination
from l2send.review import Review

_TYPED = 10  # more characters than an imitation can match


def notes_of(target: Destination, review: Review) -> list[str]:
    """What is said of the recipient on the review screen."""
    found = review.findings
    return [*filter(None, [note(target)]), *found.said, *found.confirm, *([found.type_out] if found.type_out else [])]


def refuse_look_alike(review: Review) -> None:
    """--yes is no answer to a question that must be typed. Raises NeedsConfirmation."""
    if review.findings.type_out:
        raise NeedsConfirmation(
            review.findings.type_out,
            hint="Compare every character. If it is right, pay it once from a terminal without --yes.",
        )


async def consent(
    target: Destination, review: Review, agree: Callable[[str], Awaitable[bool]] = yes_or_no, *, verb: str = "Pay"
) -> None:
    """Ask once, and once more for everything that is unusual about the recipient. Raises Interrupted for a no."""
    payment, findings = review.plan.payment, review.findings
    questions = [f"{why} Pay anyway?" for why in findings.confirm]
    if must_compare(target):
        questions.append("Did you compare every character of the address?")
    for question in [*questions, f"{verb} {payment.amount}?"]:
        if not await agree(question):
            raise Interrupted("not confirmed.")
    if findings.type_out:
        end = payment.to.address[-_TYPED:]
        if await ask_plainly(f"{findings.type_out} Type its last {_TYPED} characters") != end:
            raise Interrupted("those are not its last characters: not confirmed.")
