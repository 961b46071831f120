"""The command line of this run: hints show the whole line to type, corrected, with the options that were typed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from l2send.core.redaction import without_typed_secrets

_LONGEST = 400
_typed, _options, _command = list[str](), list[str](), list[str]()
_PAYMENT = re.compile(r"(?m)\bl2send ((?:[$€£]?\d[\d.,]*|max|all|AMOUNT) \S+ [^\s…]+)$")
"""A line that pays, at the end of a line of text: without a command, and no option follows."""


def remember_line(argv: Sequence[str]) -> None:
    """The words of this run."""
    _typed[:], _options[:], _command[:] = argv, [], []


def remember_parts(command: str, options: Sequence[str]) -> None:
    """The command of this run, which takes a payment's words, and its options with their values."""
    _options[:], _command[:] = options, [command] if command in _typed and command != "send" else []


def has_option(name: str) -> bool:
    """Whether this run has the option."""
    return name in _typed


def first_word() -> str:
    """The first word of this run; empty for none."""
    return _typed[0] if _typed else ""


def typed_words() -> Sequence[str]:
    """The words of this run."""
    return _typed


def line(*more: str) -> str:
    """The line of this run, with `more` options first."""
    return _shown(["l2send", *more, *_typed])


def corrected_line(wrong: str, right: str) -> str:
    """The line of this run with `right` in place of `wrong`, also in front of a colon; empty if it has none."""
    words = [_corrected(word, wrong, right) for word in _typed]
    return _shown(["l2send", *words]) if words != _typed else ""


def _corrected(word: str, wrong: str, right: str) -> str:
    before, colon, behind = word.partition(":")
    return right if word == wrong else f"{right}{colon}{behind}" if colon and before == wrong else word


def with_options(text: str) -> str:
    """`text`, with the command and the options of this run in each line that pays."""
    if not (_options or _command):
        return text
    return _PAYMENT.sub(lambda found: " ".join(filter(None, ["l2send", *_command, found[1], _shown(_options)])), text)


def _shown(words: Sequence[str]) -> str:
    import shlex

    from l2send.core.text import clean

    return clean(without_typed_secrets(shlex.join(words)), _LONGEST)
