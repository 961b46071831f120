"""Questions on a terminal, on stderr: stdout has the result alone, and may lead into a file. Ctrl-C ends them all.

Those of the conversation can be answered with `back`. Nothing is told by colour or by position alone: choices are
lines of words.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from textwrap import wrap
from typing import Any, TypeVar

from l2send.core.errors import Interrupted, L2sendError, UsageError
from l2send.core.redaction import remember_typed, without_typed_secrets
from l2send.core.text import clean

BACK = "back"
_REDRAWN_EVERY = 0.5  # seconds
_YES, _NO = frozenset({"y", "yes"}), frozenset({"n", "no"})

T = TypeVar("T")
Judge = Callable[[str], object]
"""Raises L2sendError for what is wrong with an answer."""


class Back(Exception):
    """The person wants to change an earlier answer."""


async def yes_or_no(question: str) -> bool:
    """One key, where no is the default. Raises KeyboardInterrupt."""
    import questionary

    agreed: bool = await questionary.confirm(question, default=False, output=_stderr()).unsafe_ask_async()
    return agreed


async def must_agree(question: str, *, yes: bool) -> None:
    """Unless somebody said `yes` beforehand. Raises Interrupted for a no, KeyboardInterrupt."""
    if not yes and not await yes_or_no(question):
        raise Interrupted("not confirmed.")


async def ask_plainly(question: str) -> str:
    """Whatever is typed. Raises KeyboardInterrupt."""
    import questionary

    typed: str = await questionary.text(question, output=_stderr()).unsafe_ask_async()
    return typed.strip()


async def pick(question: str, choices: Iterable[tuple[str, T]], *, searched: bool = False) -> T:
    """One of `choices`, each a line of words and what it stands for; `searched` by typing. Raises KeyboardInterrupt."""
    import questionary

    offered = [questionary.Choice(clean(words, 300), (value,)) for words, value in choices]
    chosen: tuple[T] = await questionary.select(
        question, choices=offered, use_search_filter=searched, use_jk_keys=not searched, output=_stderr()
    ).unsafe_ask_async()
    return chosen[0]


def _stderr() -> Any:
    from prompt_toolkit.output import create_output

    return create_output(sys.stderr)


async def ask_text(
    question: str, judge: Judge, *, below: Callable[[str], str] | None = None, known: Iterable[str] = ()
) -> str:
    """What a person typed, once `judge` has nothing against it. Raises Back, KeyboardInterrupt.

    `below` turns what is typed so far into the line under the question; `known` are answers offered on Tab.
    """
    import questionary
    from prompt_toolkit.application import get_app
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.shortcuts import CompleteStyle

    def line() -> str:
        app = get_app()
        words = clean(below(app.current_buffer.text), 300) if below else ""
        return "\n".join(wrap(words, app.output.get_size().columns))

    text: str = await questionary.text(
        question,
        validate=_in_words(judge),
        validate_while_typing=False,
        completer=WordCompleter([*known, BACK], sentence=True),
        complete_while_typing=False,
        complete_style=CompleteStyle.READLINE_LIKE,
        reserve_space_for_menu=0,
        bottom_toolbar=line if below else None,
        refresh_interval=_REDRAWN_EVERY if below else 0,
        output=_stderr(),
    ).unsafe_ask_async()
    return _unless_back(text.strip())


async def choose(question: str, choices: Sequence[tuple[str, T]]) -> T:
    """One of `choices`, each a line of words and what it stands for. Raises Back, KeyboardInterrupt."""
    chosen = await pick(question, [*((words, (value,)) for words, value in choices), (BACK, ())])
    if not chosen:
        raise Back
    return chosen[0]


async def agree(question: str) -> bool:
    """A typed yes or no. Raises Back, KeyboardInterrupt."""

    def judge(typed: str) -> None:
        if typed.strip().lower() not in _YES | _NO:
            raise UsageError("type yes, no or back.")

    return (await ask_text(f"{question} (yes, no, back)", judge)).lower() in _YES


def _unless_back(text: str) -> str:
    if text.lower() == BACK:
        raise Back
    return text


def _in_words(judge: Judge) -> Callable[[str], bool | str]:
    """A validator for questionary: the error's own words, or True."""

    def validate(typed: str) -> bool | str:
        try:
            if typed.strip().lower() != BACK:
                judge(typed)
        except L2sendError as error:
            remember_typed([typed])
            words = " ".join(part for part in (error.message, error.hint) if part)
            return clean(without_typed_secrets(words), 500)
        return True

    return validate
