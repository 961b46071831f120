"""Reads `-` from stdin: the destination, the whole payment, or a list."""

from __future__ import annotations

import sys
from dataclasses import replace

from l2send.cli.options import PaymentWords
from l2send.cli.terminal_echo import with_echo
from l2send.core.errors import UsageError
from l2send.core.redaction import remember_typed

FROM_STDIN = "-"
_MOST = 1024 * 1024  # bytes


def words_from_stdin(words: PaymentWords) -> PaymentWords:
    """The words of a payment, with `-` replaced by stdin. Raises UsageError."""
    if words.destination == FROM_STDIN:
        return replace(words, destination=_one_line())
    if words.amount != FROM_STDIN or words.token is not None:
        return words
    match _one_line().split():
        case [link]:
            return PaymentWords(link)
        case [amount, token, destination]:
            return PaymentWords(amount, token, destination)
        case read:
            raise UsageError(
                f"stdin has {len(read)} words, and three make a payment: AMOUNT TOKEN DESTINATION.",
                hint="Or one, which is a payment link. Nothing else may be in the line.",
            )


def _one_line() -> str:
    lines = lines_of_stdin()
    if len(lines) > 1:
        raise UsageError(f"stdin has {len(lines)} lines, and one payment is made at a time.", hint="Send one line.")
    return lines[0]


def lines_of_stdin() -> list[str]:
    """Every non-empty line, at least one. Raises UsageError."""
    with with_echo():
        data = sys.stdin.buffer.read(_MOST + 1)
    try:
        lines = [line for part in data.decode("utf-8-sig").splitlines() if (line := part.strip())]
    except UnicodeDecodeError:
        raise UsageError("stdin is not UTF-8 text.") from None
    if not lines or len(data) > _MOST:
        raise UsageError(f"stdin is {f'longer than {_MOST} bytes' if data else 'empty'}, and `-` reads it.")
    remember_typed(lines)
    return lines
