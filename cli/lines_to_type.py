"""The lines to type that a text names, as they work where it is read: after a run with --devnet they have it too.

`screen` and `prompts` print every text through `as_typed_here`, and `failures` every error: no other code asks for it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from l2send.cli.command_table import COMMANDS

WITHOUT_DEVNET = frozenset({"completion", "demo", "devnet"})
"""Commands that have no option --devnet."""
_DEVNET = "--devnet "
_is_on_the_devnet = list[bool]()


def remember_devnet() -> None:
    """This run has --devnet. With L2SEND_HOME the next one finds the same folder without it."""
    _is_on_the_devnet[:] = [not os.environ.get("L2SEND_HOME")]


def forget_devnet() -> None:
    """The run is over."""
    _is_on_the_devnet.clear()


def as_typed_here(text: str) -> str:
    """`text`, with --devnet in each line to type where this run has it."""
    places = [0, *places_of_devnet(text), len(text)]
    return _DEVNET.join(text[begin:end] for begin, end in pairwise(places))


def places_of_devnet(text: str) -> list[int]:
    """Where `--devnet ` is missing in `text`: in front of each command or amount; nowhere without it in this run."""
    return list(_places(text)) if any(_is_on_the_devnet) and "l2send " in text else []


def _places(text: str) -> Iterator[int]:
    for found in _line().finditer(text):
        behind = re.split(r"[`\n]|\. |, then ", text[found.end() :], maxsplit=1)[0]
        if "--devnet" not in behind:
            yield found.end()


@cache
def _line() -> re.Pattern[str]:
    """`l2send ` in front of a command with --devnet, or of a payment. Not in `an l2send journal`."""
    commands = "|".join(name for name in COMMANDS if name not in WITHOUT_DEVNET)
    return re.compile(rf"(?<!\ban )\bl2send (?=(?:{commands})\b|(?:[$€£]?\d[\d.,]*|max|all|AMOUNT) \S)")
