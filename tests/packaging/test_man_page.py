"""The manual page: matches the commands, and renders as roff."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.test_docs import LEAVES
from tools.man_page import PAGE, ROOT, page

SECTIONS = (
    "NAME",
    "SYNOPSIS",
    "DESCRIPTION",
    "COMMANDS",
    "EXIT STATUS",
    "ENVIRONMENT",
    "FILES",
    "EXAMPLES",
    "SECURITY",
)


def test_it_is_what_the_tool_writes() -> None:
    assert PAGE.read_text() == page(), "the commands have changed: run `make man`"


def test_it_has_every_section_and_every_command() -> None:
    text = PAGE.read_text(encoding="ascii")
    assert [line[4:] for line in text.splitlines() if line.startswith(".SH ")] == list(SECTIONS)
    for command in LEAVES:
        assert f".SS l2send {command}".replace("-", "\\-") in text, f"l2send.1 lacks `l2send {command}`"


NOT_FOR_PEOPLE = frozenset(
    {
        "L2SEND_BREAKS",
        "L2SEND_FAILPOINT",
        "L2SEND_FAILPOINT_PROOF",
        "PGSERVICE",
        "SHELL",
        "TERM",
    }
)
"""Set by shells and tests, or read to be refused."""


def test_it_names_every_variable_that_the_program_reads() -> None:
    read = set[str]()
    for room in ("bridges", "cli", "core", "devnet", "resolver", "src", "wallet"):
        for file in (ROOT / room).rglob("*.py"):
            read |= set(re.findall(r"""environ(?:\.get\(|\[)"([A-Z0-9_]+)"|envvar="([A-Z0-9_]+)\"""", file.read_text()))
    names = {name for found in read for name in found if name} - NOT_FOR_PEOPLE
    assert {"ETH_FROM", "L2SEND_HOME", "LEDGER_PROXY_PORT", "L2SEND_DEBUG"} <= names
    terms = set[str]()
    for line in PAGE.read_text(encoding="ascii").splitlines():
        if line.startswith(".B "):
            terms.update(line[3:].replace("\\-", "-").split(", "))
    assert names <= terms


def test_a_variable_of_an_option_is_described_as_for_a_payment() -> None:
    """`receive` has some of them too, for the account that is paid."""
    assert "\\-\\-account: The sending account" in PAGE.read_text(encoding="ascii")


def test_it_renders_without_a_warning(tmp_path: Path) -> None:
    groff = shutil.which("groff")
    if not groff:
        pytest.skip("groff is not installed")
    done = subprocess.run([groff, "-man", "-Tutf8", "-ww", PAGE], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "L2SEND(1)" in done.stdout
    assert "l2send 25 USDC base:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045" in done.stdout
