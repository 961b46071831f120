"""Reports errors to people or scripts: what is wrong, whether anything was sent, and what to do."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import typer
from typer.exceptions import TyperException

from l2send.cli.cast_hints import answer
from l2send.cli.command_table import is_about_a_payment, may_send
from l2send.cli.forgotten_devnet import hint_of_the_devnet
from l2send.cli.interruptible import has_run, is_of_an_interrupt
from l2send.cli.lines_to_type import as_typed_here
from l2send.cli.progress_mode import may_be_a_terminal
from l2send.cli.screen import aloud, as_json, print_beside, print_words, styled
from l2send.cli.streams import NotPrinted
from l2send.cli.typed_line import corrected_line, with_options
from l2send.core.errors import Interrupted, L2sendError, Sent, UsageError
from l2send.core.redaction import without_typed_secrets
from l2send.core.text import clean

_SENT_IN_WORDS = {
    "no": "Nothing was sent.",
    "maybe": "Something may have been sent: look with `l2send {look}` before you pay again.",
    "yes": "A transaction is on chain: see `l2send {look}`.",
}
_OF_MANY = frozenset({"batch", "work", "resume", "journal"})
"""Commands about several payments."""
_PAYMENT_ID = re.compile(r"\bp-[2-9a-z]{8}\b")

_PYDANTIC = "Value error, "
"""Prefix of pydantic's messages, meaningless to users."""


class Unexpected(L2sendError):
    """A bug in l2send itself: the state of what it interrupted is unknown."""


def failure_of(error: BaseException, words: Sequence[str] = ()) -> L2sendError:
    """Any error that ends the command line `words`, as one that says whether anything was sent."""
    failure = _failure_of(error)
    of_any_command = isinstance(failure, Interrupted | NotPrinted | Unexpected)
    if of_any_command and failure.sent is Sent.MAYBE and not may_send(words):
        failure.sent = Sent.NO
    if not isinstance(error, TyperException) and (hint := hint_of_the_devnet(failure)):
        failure.hint, failure.correction = hint, None
    return failure


def _whole_hint(error: L2sendError) -> str:
    """The hint, and the line of this run as it is corrected."""
    line = corrected_line(*error.correction) if error.correction else ""
    if not line:
        return error.hint
    return f"{error.hint.rstrip('.')}. The line: {line}".removeprefix(". ")


def _where_to_look(error: L2sendError, words: Sequence[str]) -> str:
    """The command that shows what became of the money: of the payment that the error names, of many their list."""
    named = _PAYMENT_ID.search(f"{error.message} {error.hint}")
    return f"status {named[0]}" if named else "history" if set(words[:1]) & _OF_MANY else "status"


def _failure_of(error: BaseException) -> L2sendError:
    match error:
        case L2sendError():
            return error
        case TyperException():
            known_to_cast = answer(getattr(error, "option_name", ""))
            return UsageError(
                error.format_message().replace(_PYDANTIC, ""),
                hint=known_to_cast or f"`{_command(error)} --help` shows how it is used.",
            )
        case KeyboardInterrupt() | EOFError() | typer.Abort():
            return Interrupted("interrupted.")
        case _ if is_of_an_interrupt(error):
            return Interrupted("interrupted.", sent=Sent.MAYBE if has_run() else Sent.NO)
        case _:
            return _unexpected(error)


def _command(error: TyperException) -> str:
    """The command being parsed, as far as it was recognised."""
    context = getattr(error, "ctx", None)
    return str(context.command_path) if context else "l2send"


def _unexpected(error: BaseException) -> Unexpected:
    """Shows its type and place. Its text may hold anything, even a key, and is not repeated."""
    if os.environ.get("L2SEND_DEBUG"):
        aloud().out("".join(traceback.format_tb(error.__traceback__)), highlight=False)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return Unexpected(
        f"an error in l2send itself: {type(error).__name__} in {Path(place.filename).name}, line {place.lineno}.",
        hint="L2SEND_DEBUG=1 shows where it came from; please report it.",
        sent=Sent.MAYBE,
    )


def report(error: L2sendError, words: Sequence[str] = (), *, as_envelope: bool) -> None:
    """Print the error of the command line `words` on stderr: for people, or as the line of JSON of docs/scripts.md."""
    message, hint = (
        as_typed_here(with_options(without_typed_secrets(text))) for text in (error.message, _whole_hint(error))
    )
    if as_envelope:
        fields = {
            "code": error.code,
            "message": clean(message, 2000),
            "hint": clean(hint, 500),
            "sent": error.sent.value,
            "retryable": error.retryable,
            "exit": int(error.exit_status),
        }
        print(as_json({"schema": "l2send.error/1", "error": fields}, sys.stderr), file=sys.stderr)
        return
    lines = [clean(line, 500) for line in message.splitlines()] or [""]
    is_sent_said = error.sent is not Sent.NO or is_about_a_payment(words)
    after = [_SENT_IN_WORDS[error.sent].format(look=_where_to_look(error, words))] if is_sent_said else []
    after = [as_typed_here(line) for line in [*after, *([clean(hint, 500)] if hint else [])]]
    if not may_be_a_terminal():
        print("\n".join([f"l2send: {lines[0]}", *(f"  {line}" for line in lines[1:]), *after]), file=sys.stderr)
        return
    from rich.text import Text

    print_words(aloud(), f"l2send: {lines[0]}", "bold red")
    for line in lines[1:]:
        print_beside(aloud(), Text("  "), styled(line, limit=500))
    for line in after:
        print_words(aloud(), line)
