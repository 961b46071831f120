"""Files that only their owner can read: created with mode 0600, written atomically, refused if others can open them."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from l2send.core.errors import ConfigError, UsageError
from l2send.core.paths import private_dir

PRIVATE_FILE = 0o600


def check_private(path: Path) -> None:
    """Raises ConfigError if `path` is not a regular file of this user, or if others can open it."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"{path} is not a regular file.", hint="Move it away, and look into how it got there.")
    if found.st_uid != os.geteuid():
        raise ConfigError(f"{path} belongs to another user (uid {found.st_uid}).")
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise ConfigError(f"the file {path} is open to other users (mode {mode:o}).", hint=f"Run: chmod 600 {path}")


def touch_private(path: Path) -> None:
    """Create `path` as an empty file with mode 0600 in a folder with mode 0700, unless it exists; check both.

    An existing file is not opened: closing it would release SQLite's locks on it.
    """
    private_dir(path.parent)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, PRIVATE_FILE))
    except FileExistsError:
        check_private(path)
    except OSError as error:
        raise ConfigError(f"cannot create {path}: {error.strerror}.") from error
    else:
        sync_folder(path.parent)


def write_private(path: Path, data: bytes) -> None:
    """Write a new file: either all of `data` appears under `path`, with mode 0600, or nothing does.

    Raises ConfigError if `path` exists: what it holds may be the only copy of a key.
    """
    private_dir(path.parent)
    draft = path.parent / f".{path.name}.{secrets.token_hex(8)}"
    try:
        try:
            _write_synced(draft, data)
            os.link(draft, path)  # Unlike a rename, a link never replaces an existing file.
        finally:
            draft.unlink(missing_ok=True)
    except FileExistsError:
        raise ConfigError(f"{path} exists already; it is left as it is.", hint="Choose another name.") from None
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}.") from error
    sync_folder(path.parent)


def write_own(path: Path, data: bytes) -> None:
    """Write a new file with mode 0600 at a path that a person named, in any folder.

    Raises UsageError if it exists, ConfigError.
    """
    try:
        _write_synced(path, data)
    except FileExistsError:
        raise UsageError(f"{path} exists already; it is left as it is.", hint="Choose another path.") from None
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}.") from error


def replace_private(path: Path, data: bytes) -> None:
    """Write a file, or replace it atomically, with mode 0600.

    The folder may be readable by others. Raises ConfigError.
    """
    if not path.parent.exists():
        private_dir(path.parent)
    draft = path.parent / f".{path.name}.{secrets.token_hex(8)}"
    try:
        try:
            _write_synced(draft, data)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}.") from error


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the file names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
