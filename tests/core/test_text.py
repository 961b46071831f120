"""Foreign text: nothing that controls a terminal passes."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2send.core.errors import UsageError
from l2send.core.text import clean, json_escaped, visible_part, visible_text


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


@pytest.mark.parametrize("hidden", ["\u3164", "\u2800", "\u034f", "\u115f", "\u200b", "\ufe0f", "\U000e0041", "\x84"])
def test_characters_that_show_nothing_are_taken_out(hidden: str) -> None:
    assert clean(f"US{hidden}DC") == "USDC"


@pytest.mark.parametrize(
    "key",
    [
        "",
        " inv-9",
        "inv-9\r",
        "inv-9\n",
        "\ufeffinv-9",
        "inv\u200b-9",
        "inv\u00a09",
        "inv\u31649",
        "inv\x1b[2J9",
        "a\udcff",
    ],
)
def test_a_word_with_something_unseen_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match="the idempotency key"):
        visible_text(key, "the idempotency key")


def test_a_word_is_compared_in_one_normal_form() -> None:
    assert visible_text("rechnung-e\u0301 7", "the idempotency key") == "rechnung-\u00e9 7"


def test_what_is_seen_of_old_words_is_what_is_typed_today() -> None:
    old = ["inv-9", "inv-9\r\n", "\ufeffinv-9", " inv\u200b-9"]
    assert {visible_part(word) for word in old} == {"inv-9"}
    assert visible_part("e\u0301") == "\u00e9"


def test_json_shows_what_a_terminal_would_obey() -> None:
    text = json_escaped(json.dumps({"a": "\x9b2J\u202exyz é\u3164\U000e0041"}, ensure_ascii=False))
    assert "\\u009b2J\\u202exyz é\\u3164\\udb40\\udc41" in text
    assert json.loads(text) == {"a": "\x9b2J\u202exyz é\u3164\U000e0041"}
