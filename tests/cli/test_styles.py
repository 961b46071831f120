"""Colours that can be read on white and on black, and the plain mode: lines of words, in the order they are read."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from l2send.cli.styles import _PROMPTS, COLOURS
from tests.conftest import Home
from tests.support.addresses import new_address

CLI = Path(__file__).parents[2] / "cli"
_STEPS = (0, 95, 135, 175, 215, 255)
_NO_COLOUR = {"", "bold"}


def of_palette(number: int) -> tuple[int, ...]:
    """The colour of xterm's palette, from 16 on: a cube of 6 x 6 x 6, then greys."""
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    place = number - 16
    return (_STEPS[place // 36], _STEPS[place // 6 % 6], _STEPS[place % 6])


def of_hex(text: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(text[1:7]))


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Source: WCAG 2.2, relative luminance and contrast ratio."""

    def luminance(colour: tuple[int, ...]) -> float:
        parts = [c / 255 for c in colour]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0)], ids=["white", "black"])
def test_every_colour_can_be_read(ground: tuple[int, ...]) -> None:
    colours = {name: of_palette(number) for name, number in COLOURS.items()}
    colours |= {name: of_hex(colour) for name, colour in _PROMPTS.items()}
    assert {name: c for name, colour in colours.items() if (c := contrast(colour, ground)) < 4.5} == {}


def test_no_other_colour_is_used() -> None:
    """Each style that the code names has a colour above, or is no colour."""
    named = set[str]()
    for path in CLI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words = node.value.split()
                if words and set(words) <= {"bold", "dim", "red", "green", "yellow", "blue", "cyan", "magenta"}:
                    named.add(node.value.strip())
    assert len(named) > 3, "the walk found the styles"
    assert named - _NO_COLOUR <= set(COLOURS)


MARKS = re.compile("[─│┌┐└┘├┤┬┴┼━┃═→←↑↓▶▸►•…]|\x1b")


@pytest.mark.parametrize("terminal", [{"TERM": "dumb"}, {}], ids=["TERM=dumb", "--plain"])
def test_a_plain_plan_is_lines_of_words_in_reading_order(home: Home, terminal: dict[str, str]) -> None:
    """The order in which a screen reader reads it: what, to which account, its cost, what is signed, then each way."""
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="100", ETH="1")
    to = new_address()
    words = ("plan", "20", "USDC", f"dev2:{to}", "--account", name, *(() if terminal else ("--plain",)))
    done = home.must(*words, **terminal)
    lines = [line for line in done.stderr.splitlines() if line]
    assert not MARKS.search(done.stderr.replace("…", "") + done.stdout)
    labels = [line.partition(":")[0] for line in lines]
    order = ["pay", "to", "they get", "you pay", "cost", "left", "how", "if late", "you sign"]
    assert [label for label in labels if label in order][: len(order)] == order
    assert f"to: dev2:{to}" in lines
    assert done.stdout.splitlines()[:3] == ["chosen", "from: dev1", "by: eco"]
