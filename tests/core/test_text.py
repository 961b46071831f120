"""Foreign text: nothing that a terminal would obey comes through."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2send.core.text import clean


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("USDC", "USDC"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;aGk=\x07x", "x"),
        ("a\rb\nc\td", "a b c d"),
        ("US\u202eDC\u200b\ufeff", "USDC"),
        ("\x9b31mx", "x"),
        ("[link=http://evil]x[/link]", "[link=http://evil]x[/link]"),
    ],
)
def test_known_tricks(foreign: str, shown: str) -> None:
    assert clean(foreign) == shown


@given(st.text())
def test_only_printable_characters_survive(foreign: str) -> None:
    assert not [c for c in clean(foreign) if unicodedata.category(c).startswith("C")]


def test_length_is_bounded() -> None:
    assert len(clean("x" * 10_000, 50)) == 50
