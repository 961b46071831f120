"""Edits files that people edit too: order, comments and blank lines are kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from l2send.core.errors import ConfigError
from l2send.core.json_text import refuse_deep_nesting
from l2send.core.private_files import replace_private
from l2send.core.trusted_files import read_trusted_text


def change_toml(path: Path, change: Callable[[Any], None], check: Callable[[str], object]) -> None:
    """Let `change` edit the tomlkit document in `path`, and write it atomically, with mode 0600.

    A missing file starts as schema 1. A file that others can write is refused: their text would count as yours from
    then on. Raises ConfigError, and the error of `check` for the new text, leaving the file unchanged.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        text = read_trusted_text(path) if path.exists() else "schema = 1\n"
        with refuse_deep_nesting("TOML"):
            document = tomlkit.parse(text)
        change(document)
    except (ValueError, TOMLKitError) as error:
        raise ConfigError(f"cannot change {path}: {error}", hint="Correct the file, or move it away.") from error
    text = tomlkit.dumps(document)
    check(text)
    replace_private(path, text.encode())
