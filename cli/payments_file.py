"""Reads a file of payments named on the command line, or stdin."""

from __future__ import annotations

import sys
from pathlib import Path

from l2send.cli.terminal_echo import with_echo
from l2send.core.errors import UsageError
from l2send.resolver.batch_file import MAX_BYTES, BatchRow, read_batch

STDIN = "-"


def read_rows(file: str) -> list[BatchRow]:
    """The payments of a file, `-` for stdin. Raises UsageError for an invalid file, or one without payments."""
    if file == STDIN:
        with with_echo():
            return read_batch(sys.stdin.buffer.read(MAX_BYTES + 1))
    try:
        with Path(file).open("rb") as opened:
            return read_batch(opened.read(MAX_BYTES + 1), file)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}.", hint="Nothing was sent.") from None
