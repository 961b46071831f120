"""Asks questions on stderr: stdout has only the result, and may be a file. Ctrl-C ends every question.

A question that moves money needs a whole word and Enter, never one key, and input typed before it is discarded: the
second line of a pasted text answers nothing. `back` answers every question of the conversation. Nothing is expressed
only by colour or position: choices are lines of words.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import termios
from collections.abc import Callable, Iterable, Sequence
from textwrap import wrap
from typing import Any, TypeVar

from l2send.cli.forgotten_devnet import hint_of_the_devnet
from l2send.cli.lines_to_type import as_typed_here
from l2send.cli.styles import prompt_style
from l2send.core.errors import Interrupted, L2sendError, UsageError
from l2send.core.redaction import remember_typed, without_typed_secrets
from l2send.core.text import clean

YES, NO, BACK, DETAILS = "yes", "no", "back", "details"
_REDRAWN_EVERY = 0.5  # seconds
_BESIDE_A_CHOICE = 3
"""Columns of the pointer before a choice."""
_ANSWER = 12
"""Columns reserved for an answer after its question: a longer one continues below."""
_UNBROKEN = "\N{NO-BREAK SPACE}"
_LONGEST = 1000
"""The most characters of an answer; payment links are the longest."""

T = TypeVar("T")
Line = Callable[[], str]
"""The words of a choice, which may change while it is shown."""
Judge = Callable[[str], object]
"""Raises L2sendError for an invalid answer."""


class Back(Interrupted):
    """The user wants to change an earlier answer; if there is none, the command ends."""

    def __init__(self) -> None:
        super().__init__("there is no question before this one.")


def _how() -> dict[str, Any]:
    """Where a question is asked, and in which colours."""
    return {"output": _stderr(), "style": prompt_style()}


async def ask_word(question: str, *words: str) -> str:
    """One of `words`, typed whole and followed by Enter; the question lists all. Raises KeyboardInterrupt."""
    import questionary

    def judge(typed: str) -> None:
        if _word(typed) not in words:
            asked.application.current_buffer.text = ""  # else the next word would be appended to this one
            raise UsageError(f"Type one of these words: {', '.join(words)}.")

    asked = questionary.text(
        _in_lines(question, max(map(len, words)), words),
        validate=_in_words(judge),
        validate_while_typing=False,
        output=_stderr(),
        style=prompt_style(),
    )
    _forget_what_was_typed(asked)
    return _word(await _typed(asked))


async def yes_or_no(question: str) -> bool:
    """A typed yes or no, and Enter. Raises KeyboardInterrupt."""
    return await ask_word(question, YES, NO) == YES


async def must_agree(question: str, *, yes: bool) -> None:
    """Ask, unless --yes was given. Raises Interrupted for a no, KeyboardInterrupt."""
    if not yes and not await yes_or_no(question):
        raise Interrupted("not confirmed.")


async def ask_plainly(question: str) -> str:
    """The typed line, unchanged. Raises KeyboardInterrupt."""
    import questionary

    asked = questionary.text(_in_lines(question, _ANSWER), **_how())
    _forget_what_was_typed(asked)
    return await _typed(asked)


async def _typed(asked: Any) -> str:
    """The typed line; of a pasted text only one line. A paste longer than any answer is discarded with a message.
    Raises Interrupted, KeyboardInterrupt.
    """
    from prompt_toolkit.buffer import ValidationState
    from prompt_toolkit.validation import ValidationError

    def tidy(line: Any) -> None:
        if "\n" in line.text:
            line.text = line.text.replace("\n", " ")
            line.cursor_position = len(line.text)
        if len(line.text) > _LONGEST:
            said = f"That was {len(line.text)} characters, more than any answer has. It was not taken."
            line.text = ""
            line.validation_state, line.validation_error = ValidationState.INVALID, ValidationError(message=said)

    asked.application.current_buffer.on_text_changed += tidy
    _keep_together(asked.application)
    _show_refusals_whole(asked.application)
    typed: str = await _answer(asked)
    return typed.strip()


def _word(typed: str) -> str:
    """An answer in compared form. `n` means no; a yes is never one key."""
    word = typed.strip().lower()
    return NO if word == NO[0] else word


def _forget_what_was_typed(asked: Any) -> None:
    """Discard input typed or pasted before the question is shown: in the terminal's buffer, or read but unused by the
    previous question.
    """
    from prompt_toolkit.input.typeahead import clear_typeahead

    def forget() -> None:
        with contextlib.suppress(OSError, ValueError, termios.error):
            termios.tcflush(sys.stdin, termios.TCIFLUSH)
        clear_typeahead(asked.application.input)

    asked.application.pre_run_callables.append(forget)


async def pick(question: str, choices: Iterable[tuple[str | Line, T]]) -> T:
    """One of `choices`, each a line of words and what it stands for. Raises KeyboardInterrupt.

    A line that is a function is called again while the question is shown: it may change.
    """
    import questionary

    lines = [(words, questionary.Choice(_wrapped(_now(words)), (value,))) for words, value in choices]
    asked = questionary.select(question, choices=[choice for _, choice in lines], **_how())

    def renew(_: object) -> None:
        for words, choice in lines:
            choice.title = _behind(question, _now(words)) if asked.application.is_done else _wrapped(_now(words))

    asked.application.before_render += renew
    _end_by_ctrl_d(asked.application)
    if any(callable(words) for words, _ in lines):
        asked.application.refresh_interval = _REDRAWN_EVERY
    chosen: tuple[T] = await _answer(asked)
    return chosen[0]


def _end_by_ctrl_d(application: Any) -> None:
    """End a list of choices, too, on Ctrl-D, as typed questions do."""
    from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings

    keys = KeyBindings()
    keys.add("c-d")(lambda event: event.app.exit(exception=EOFError))
    application.key_bindings = merge_key_bindings([application.key_bindings, keys])


async def _answer(asked: Any) -> Any:
    """The answer. Raises Interrupted at the end of input (Ctrl-D), KeyboardInterrupt."""
    try:
        return await asked.unsafe_ask_async()
    except EOFError:
        raise Interrupted("the input ended before the question was answered.") from None


def _now(words: str | Line) -> str:
    return words() if callable(words) else words


def _behind(question: str, words: str) -> str:
    """The chosen line: after the question, or below it if there is no room."""
    is_short = len(f"? {question} {words}") < shutil.get_terminal_size().columns
    return clean(words, 300) if is_short else f"\n{' ' * _BESIDE_A_CHOICE}{_wrapped(words)}"


def _in_lines(question: str, answer: int, words: Sequence[str] = ()) -> str:
    """A question wrapped between words, with room for an answer of `answer` characters.

    The `words` that answer it follow, all on one line if there is room.
    """
    width = max(shutil.get_terminal_size().columns - 1, 10)
    named = f" ({', '.join(words)})" if words else ""
    if len(named) + answer < width:
        named = f" {named[1:].replace(' ', _UNBROKEN)}"
    asked = f"? {clean(as_typed_here(question), 500)}{named}"
    lines = wrap(asked, width)
    if len(lines[-1]) + answer + 2 > width:  # The question would end without room for the answer.
        lines = wrap(asked, max(width - answer - 2, 10))
    return "\n".join(lines).removeprefix("? ").replace(_UNBROKEN, " ")


def _wrapped(words: str) -> str:
    """A wrapped choice: the list itself truncates lines wider than the terminal."""
    width = shutil.get_terminal_size().columns - _BESIDE_A_CHOICE
    return f"\n{' ' * _BESIDE_A_CHOICE}".join(wrap(clean(as_typed_here(words), 300), max(width, 10)))


def _stderr() -> Any:
    from prompt_toolkit.output import create_output

    return create_output(sys.stderr)


async def ask_text(
    question: str, judge: Judge, *, below: Callable[[str], str] | None = None, known: Iterable[str] = ()
) -> str:
    """The typed answer, once `judge` accepts it. Raises Back, KeyboardInterrupt.

    `below` returns the line under the question for the input so far; `known` are answers offered on Tab.
    """
    import questionary
    from prompt_toolkit.application import get_app
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.shortcuts import CompleteStyle

    def line() -> str:
        app = get_app()
        words = clean(below(app.current_buffer.text), 300) if below else ""
        return "\n".join(wrap(words, app.output.get_size().columns))

    asked = questionary.text(
        _in_lines(question, _ANSWER),
        validate=_in_words(judge),
        validate_while_typing=False,
        completer=WordCompleter([*known, BACK], sentence=True),
        complete_while_typing=False,
        complete_style=CompleteStyle.READLINE_LIKE,
        reserve_space_for_menu=0,
        bottom_toolbar=line if below else None,
        refresh_interval=_REDRAWN_EVERY if below else 0,
        output=_stderr(),
        style=prompt_style(),
    )
    return _unless_back(await _typed(asked))


def _keep_together(application: Any) -> None:
    """The lines about an answer directly below it: prompt_toolkit puts them at the bottom of the terminal."""
    from prompt_toolkit.filters import to_filter
    from prompt_toolkit.layout.controls import BufferControl

    for window in application.layout.find_all_windows():
        if isinstance(window.content, BufferControl) and window.content.buffer is application.current_buffer:
            window.dont_extend_height = to_filter(True)


def _show_refusals_whole(application: Any) -> None:
    """prompt_toolkit gives them one line, and cuts off what is longer."""
    from prompt_toolkit.filters import to_filter
    from prompt_toolkit.layout.controls import FormattedTextControl

    for window in application.layout.find_all_windows():
        if window.height == 1 and isinstance(window.content, FormattedTextControl):
            window.height, window.dont_extend_height, window.wrap_lines = None, to_filter(True), to_filter(True)


async def choose(question: str, choices: Sequence[tuple[str | Line, T]]) -> T:
    """One of `choices`, each a line of words and what it stands for. Raises Back, KeyboardInterrupt."""
    chosen = await pick(question, [*((words, (value,)) for words, value in choices), (BACK, ())])
    if not chosen:
        raise Back
    return chosen[0]


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
            hint = hint_of_the_devnet(error, typed.split()) or error.hint
            words = as_typed_here(" ".join(part for part in (error.message, hint) if part))
            columns = shutil.get_terminal_size().columns
            return "\n".join(wrap(clean(without_typed_secrets(words), 500), columns))
        return True

    return validate
