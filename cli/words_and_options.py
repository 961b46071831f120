"""Tells the words of a command line from its options, and refuses words that a command does not take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from l2send.core.errors import UsageError

if TYPE_CHECKING:
    from l2send.cli.word_readings import Known

ONE_PAYMENT = frozenset({"resume", "status", "watch"})
"""Commands that take one payment's id, or none."""


def apart(line: Iterable[str], params: Sequence[Any]) -> tuple[list[str], list[str]] | None:
    """The words of `line`, and its options with their values, by the `params` of its command.

    None if it has an option that is not among them: then Typer explains the line as it is.
    """
    takes_value = {
        name: not getattr(param, "is_flag", False)
        for param in params
        for name in (*param.opts, *param.secondary_opts)
        if name.startswith("-")
    }
    words, options, rest = list[str](), list[str](), iter(line)
    for word in rest:
        name, is_joined, _ = word.partition("=")
        if not word.startswith("-") or word == "-":
            words.append(word)
        elif name not in takes_value:
            return None
        else:
            value = [next(rest, None)] if takes_value[name] and not is_joined else []
            options += [word, *(one for one in value if one is not None)]
    return words, options


def refuse_extra_words(command: str, line: Sequence[str], params: Sequence[Any], known: Callable[[], Known]) -> None:
    """Raises UsageError for a second id, and for the word of `receive`, which takes options only."""
    words, _ = apart(line, params) or ([], [])
    if command in ONE_PAYMENT and len(words) > 1:
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
