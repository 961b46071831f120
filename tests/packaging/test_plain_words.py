"""Words of an old private style that stay out: of what the program says, of its code's comments, and of the pages."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
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
def texts(root: Path, tracked: Sequence[Path]) -> dict[Path, str]:
    """The code and the pages."""
    files = {path for path in tracked if path.suffix in {".py", *PAGES} and not (root / path).is_symlink()}
    return {path: (root / path).read_text() for path in files - OTHERS_WORDS}


def test_words_of_the_private_style_do_not_come_back(texts: Mapping[Path, str]) -> None:
    assert len(texts) > 700
    assert sum(text.count("\n") for text in texts.values()) > 90_000
    found = list[str]()
    for path, text in sorted(texts.items()):
        if not _PATTERN.search(text):  # which is faster than to tell code from what it says
            continue
        for line, words in _sentences(path, text):
            own = reduce(lambda text, released: text.replace(released, ""), RELEASED, words)
            found += [f"{path}:{line}: {match[0]!r} in {words.strip()[:100]!r}" for match in _PATTERN.finditer(own)]
    assert "\n".join(found) == "", f"Say it plainly: {INSTEAD}"


@pytest.mark.parametrize("sentence", ["paid whatever it costs", "Whoever pays", "it can be had back", "planned anew."])
def test_such_words_are_found(sentence: str) -> None:
    assert _PATTERN.search(sentence)


@pytest.mark.parametrize("sentence", ["nobody.eth", "the chain had three blocks", "what is signed"])
def test_other_words_are_not(sentence: str) -> None:
    assert not _PATTERN.search(sentence)
