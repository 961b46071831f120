"""The manual page: what the commands say today, and roff that renders."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.test_docs import LEAVES
from tools.man_page import PAGE, page

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


def test_it_renders_without_a_warning(tmp_path: Path) -> None:
    groff = shutil.which("groff")
    if not groff:
        pytest.skip("groff is not installed")
    done = subprocess.run([groff, "-man", "-Tutf8", "-ww", PAGE], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "L2SEND(1)" in done.stdout
    assert "l2send 25 USDC base:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045" in done.stdout
