"""The habits of `cast send` users: each of its options means the same here, or is answered in a sentence."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import cast as pinned
from l2send.cli.cast_hints import ANSWERS
from l2send.core.errors import ConfigError
from l2send.core.paths import Paths
from tests.cli.test_schemas import TO, here
from tests.docs.test_docs import LEAVES

PAGE = Path(__file__).parents[2] / "docs" / "scripts.md"
OURS = {name for option in LEAVES["send"].params for name in option.opts if name.startswith("-")} | {"-h", "--help"}


def options_of_cast() -> Iterator[str]:
    """Every option that `cast send --help` lists, short, long and by another name."""
    try:
        cast = pinned.find(Paths.from_environment().cache, lambda _: None)
    except ConfigError as error:
        pytest.skip(error.message)
    text = subprocess.run([cast, "send", "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
    for short, name in re.findall(r"^ {2,6}(?:(-\w), |)(--[a-z][\w.-]*\w)", text, re.MULTILINE):
        yield from filter(None, (short, name))
    for line in re.findall(r"\[aliases: ([^]]+)\]", text):
        yield from line.split(", ")


def test_every_option_of_cast_is_understood_or_answered() -> None:
    listed = set(options_of_cast())
    assert {"--rpc-url", "-r", "--fork-url", "--from", "--password-file", "--json", "-q"} <= listed
    assert sorted(o for o in listed if not (o in OURS or o in ANSWERS or o.startswith("--tempo."))) == []
    assert ANSWERS.keys() <= listed


@pytest.mark.parametrize("option", [*sorted(ANSWERS.keys() - OURS), "--tempo.fee-token"])
def test_an_option_that_is_no_option_here_says_what_is(option: str) -> None:
    done = here("1", "USDC", f"base:{TO}", "--yes", "--json", option)
    expected = ANSWERS.get(option, "Tempo is no chain that l2send knows.")
    assert (done.status, done.error["sent"], done.error["hint"]) == (2, "no", expected)


def test_the_table_in_the_docs_names_them_all() -> None:
    page = PAGE.read_text()
    rows = [line for line in page.splitlines() if line.startswith("|")]
    for option in {*ANSWERS} | (set(options_of_cast()) & OURS):
        assert any(f"`{option}`" in row for row in rows), f"docs/scripts.md has no row for {option}"
