"""Files for others to read, at paths that a person named: mode 0644; existing files are kept unless --force."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from l2send.core.errors import ConfigError, UsageError

_PUBLIC_FILE = 0o644


def check_targets(paths: Sequence[Path], *, force: bool) -> None:
    """Raises UsageError for a path that must not be written, before anything is written to any of them."""
    if len({path.absolute() for path in paths}) != len(paths):
        raise UsageError("two outputs have the same path.")
    for path in paths:
        if (path.exists() or path.is_symlink()) and not (force and path.is_file() and not path.is_symlink()):
            hint = "--force overwrites it." if path.is_file() and not path.is_symlink() else "Choose another path."
            raise UsageError(f"{path} exists already; it is left as it is.", hint=hint)


def write_public(path: Path, data: bytes, *, force: bool) -> None:
    """Write `data` to a new file; with `force`, replace an existing file atomically.

    Raises UsageError if there is one, ConfigError if the file cannot be written.
    """
    target = path.with_name(f".{path.name}.{secrets.token_hex(8)}") if force else path
    try:
        _write_new(target, data)
        if force:
            target.replace(path)
    except FileExistsError:
        raise UsageError(f"{path} exists already; it is left as it is.", hint="--force overwrites it.") from None
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}.") from error


def _write_new(path: Path, data: bytes) -> None:
    """The whole file or none. The mode is set explicitly: a umask must not hide a page from its readers."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, _PUBLIC_FILE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), _PUBLIC_FILE)
            file.write(data)
    except OSError:
        path.unlink(missing_ok=True)
        raise
