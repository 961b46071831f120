"""Words of an old private style that stay out: of what the program says, of its code's comments, and of the pages."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path

import pytest

INSTEAD = {
    r"nobody|no-one": "no one, or name the account: no solver, no other user",
    r"somebody": "name it: a sponsor, another process, you",
    r"anybody": "anyone, any relayer, other users",
    r"whoever|whomever|whom": "the account that, the sender, you",
    r"whatever": "any, anything, even if",
    r"anew": "again",
    r"all the same": "anyway, still",
    r"be had|is had|are had|had back": "is available, is refunded",
    r"ever again": "each time, again",
}
"""Patterns, each with what a plain sentence says instead."""
RELEASED = ('"nobody"', "`nobody`")
"""Values of released JSON, which keep their spelling."""
PAGES = {".md", ".1", ".json", ".html", ".toml", ".sh"}
OTHERS_WORDS = {Path("LICENSE"), Path("tests/packaging/test_plain_words.py")}
_PATTERN = re.compile(rf"(?<![\w.@/-])(?:{'|'.join(INSTEAD)})(?![\w@/-]|\.\w)", re.IGNORECASE)


def _sentences(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """What a file says, with the line it stands on: of tests only comments and docstrings."""
    if path.suffix in PAGES:
        yield from enumerate(text.splitlines(), 1)
        return
    before = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_docstring = token.type == tokenize.STRING and before in {tokenize.NEWLINE, tokenize.INDENT, tokenize.NL}
        if token.type == tokenize.COMMENT or (
            token.type == tokenize.STRING and (is_docstring or path.parts[0] != "tests")
        ):
            for offset, line in enumerate(token.string.splitlines()):
                yield token.start[0] + offset, line
        if token.type not in {tokenize.COMMENT, tokenize.NL}:
            before = token.type


@pytest.fixture(scope="module")
def said(root: Path, tracked: Sequence[Path]) -> list[tuple[str, str]]:
    """Every sentence of code and pages, with its file and line."""
    found = list[tuple[str, str]]()
    for path in tracked:
        if (
            (path.suffix == ".py" or path.suffix in PAGES)
            and path not in OTHERS_WORDS
            and not (root / path).is_symlink()
        ):
            text = (root / path).read_text()
            found += [(f"{path}:{line}", words) for line, words in _sentences(path, text)]
    return found


def test_words_of_the_private_style_do_not_come_back(said: Sequence[tuple[str, str]]) -> None:
    assert len(said) > 10_000
    found = list[str]()
    for place, words in said:
        own = reduce(lambda text, released: text.replace(released, ""), RELEASED, words)
        found += [f"{place}: {match[0]!r} in {words.strip()[:100]!r}" for match in _PATTERN.finditer(own)]
    assert "\n".join(found) == "", f"Say it plainly: {INSTEAD}"


@pytest.mark.parametrize("sentence", ["paid whatever it costs", "Whoever pays", "it can be had back", "planned anew."])
def test_such_words_are_found(sentence: str) -> None:
    assert _PATTERN.search(sentence)


@pytest.mark.parametrize("sentence", ["nobody.eth", "the chain had three blocks", "what is signed"])
def test_other_words_are_not(sentence: str) -> None:
    assert not _PATTERN.search(sentence)
