"""The style of terminal output: the colours, and the plain mode without tables, marks and colours.

Every colour is readable on white and on black: a contrast of at least 4.5 (WCAG 2.2, 1.4.3), which
tests/cli/test_styles.py computes. No information is conveyed only by colour.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from questionary import Style
    from rich.theme import Theme

COLOURS = {"green": 29, "yellow": 131, "red": 131, "bold red": 131, "dim": 243}
"""l2send's styles, each one of the 256 terminal colours. Source: xterm's palette."""
_PROMPTS = {"qmark": "#00875f bold", "answer": "#00875f bold", "instruction": "#767676", "pointer": "#00875f bold"}
"""Parts of a question, each in the colour of green or dim above."""
_asked_for = list[bool]()


def theme() -> Theme:
    """The styles by name."""
    from rich.theme import Theme

    bold = {name: "bold " if name.startswith("bold") else "" for name in COLOURS}
    return Theme({name: f"{bold[name]}color({number})" for name, number in COLOURS.items()})


def prompt_style() -> Style:
    """The colours of questions; questionary's own orange is unreadable on white."""
    from questionary import Style

    names = ("highlighted", "selected", "separator", "text", "disabled")
    return Style([*_PROMPTS.items(), *((name, "") for name in names), ("question", "bold")])


def be_plain() -> None:
    """No colours, tables or marks from now on."""
    _asked_for[:] = [True]
    os.environ["NO_COLOR"] = "1"


def forget_plain() -> None:
    """Restore tables, marks and colours for the next command of this process."""
    _asked_for.clear()


def is_plain() -> bool:
    """Whether output is line by line: for screen readers, and simple terminals (TERM=dumb)."""
    return bool(_asked_for) or os.environ.get("TERM") == "dumb"
