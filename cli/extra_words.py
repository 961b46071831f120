"""Refuses words that a command does not take, with the line or the option to type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from l2send.cli.word_order import apart
from l2send.core.errors import UsageError

if TYPE_CHECKING:
    from l2send.cli.word_readings import Known


def refuse_extra_words(command: str, line: Sequence[str], params: Sequence[Any], known: Callable[[], Known]) -> None:
    """Raises UsageError for a second id, and for the word of `receive`, which takes options only."""
    words, _ = apart(line, params) or ([], [])
    if command != "receive" and len(words) > 1:
        every = " Or resume all that are open: l2send resume --all" if command == "resume" else ""
        raise UsageError(
            f"{command} takes one payment, and {len(words)} words were typed.",
            hint=f"One at a time: l2send {command} {words[0][:40]}.{every}",
        )
    if command == "receive" and words:
        word = words[0][:60]
        here = known()
        chain = here.registry.find(word)
        options = [f"For a chain: --chain {chain.short_name}"] if chain else []
        options += [f"For an account: --account {word}"] if word in here.own or not chain else []
        raise UsageError(f"receive takes options only, and {word!r} is none.", hint=". ".join(options))
