"""How text looks on a terminal: the colours, and the plain mode without tables, marks and colours.

Every colour can be read on white and on black: a contrast of at least 4.5 (WCAG 2.2, 1.4.3), which
tests/cli/test_looks.py computes. No colour says anything that the words beside it do not say.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from questionary import Style
    from rich.theme import Theme

COLOURS = {"green": 29, "yellow": 131, "red": 131, "bold red": 131, "dim": 243}
"""The styles that l2send uses, each a colour of the 256 that terminals know. Source: xterm's palette."""
_PROMPTS = {"qmark": "#00875f bold", "answer": "#00875f bold", "instruction": "#767676", "pointer": "#00875f bold"}
"""Parts of a question, each in the colour of green or dim above."""
_asked_for = list[bool]()


def theme() -> Theme:
    """The styles by the names under which they are used."""
    from rich.theme import Theme

    bold = {name: "bold " if name.startswith("bold") else "" for name in COLOURS}
    return Theme({name: f"{bold[name]}color({number})" for name, number in COLOURS.items()})


def prompt_style() -> Style:
    """The colours of questions; questionary's own orange cannot be read on white."""
    from questionary import Style

    names = ("highlighted", "selected", "separator", "text", "disabled")
    return Style([*_PROMPTS.items(), *((name, "") for name in names), ("question", "bold")])


def be_plain() -> None:
    """No colours, tables and marks from now on."""
    _asked_for[:] = [True]
    os.environ["NO_COLOR"] = "1"


def forget_plain() -> None:
    """Tables, marks and colours again, for the next command of this process."""
    _asked_for.clear()


def is_plain() -> bool:
    """Whether a line stands for itself: for screen readers, and terminals that can do no more (TERM=dumb)."""
    return bool(_asked_for) or os.environ.get("TERM") == "dumb"
