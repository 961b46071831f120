"""Reads files that decide where money goes or that unlock keys, only if no other user can change them.

A user who can write a file, or a folder in its path, can replace it. So every such file is read here: its mode and
owner are checked, and those of its folders, both in the path as written and after resolving symlinks.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

from l2send.core.errors import ConfigError

_OTHERS_WRITE, _OTHERS = 0o022, 0o077
_GROUP_WRITES = 0o020
_ACL_HEADER, _ACL_NAMED, _ACL_WRITE = 4, frozenset({0x02, 0x08}), 0x02
"""For a Linux ACL, after its version field: entries of named users or groups. Source: linux/posix_acl_xattr.h."""
_MAX_SIZE = 16 * 1024 * 1024


def read_trusted(path: Path, *, secret: bool = False) -> bytes:
    """The bytes of a file that no other user can change; if it is `secret`, no other user may read it either.

    A pipe or /dev/fd/63 has no path that others could redirect: it is read unchecked. Raises FileNotFoundError, and
    ConfigError for a file that cannot be trusted or read.
    """
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            if stat.S_ISREG(found.st_mode):
                refuse_opened_up(path, found, secret=secret)
                refuse_open_folders(path)
            data = file.read(_MAX_SIZE + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}.", hint="Correct the file, or move it away."
        ) from error
    if len(data) > _MAX_SIZE:
        raise ConfigError(f"{path} is larger than {_MAX_SIZE >> 20} MiB.", hint="Correct the file, or move it away.")
    return data


def read_trusted_text(path: Path) -> str:
    """As `read_trusted`, as UTF-8 text. Raises FileNotFoundError, ConfigError."""
    try:
        return read_trusted(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"cannot read {path}: {error}.", hint="Save it as UTF-8, or move it away.") from error


def check_trusted(path: Path, *, secret: bool = False) -> None:
    """Raises ConfigError for a file that `read_trusted` would refuse, without reading it. A missing file is trusted."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"cannot look at {path}: {error.strerror}.") from error
    if stat.S_ISREG(found.st_mode):
        refuse_opened_up(path, found, secret=secret)
        refuse_open_folders(path)


def refuse_opened_up(path: Path, found: os.stat_result, *, secret: bool) -> None:
    """Raises ConfigError for a file of another user or one that others can write, or read if it is `secret`."""
    mode = stat.S_IMODE(found.st_mode)
    if not _is_ours(found):
        raise ConfigError(
            f"{path} belongs to another user (uid {found.st_uid}), who can change it: what it says is not believed.",
            hint=f"Look through it, then run: chown $(id -u) {path}",
        )
    if mode & _OTHERS_WRITE:
        raise ConfigError(
            f"other users can write {path} (mode {mode:o}): what it says cannot be trusted.",
            hint=f"Look through it, then run: chmod 600 {path}",
        )
    if secret and mode & _OTHERS:
        raise ConfigError(
            f"other users can read {path} (mode {mode:o}), which holds a secret.",
            hint=f"Run: chmod 600 {path}. If others may have read it, use another secret.",
        )


def refuse_open_folders(path: Path) -> None:
    """Raises ConfigError if another user can write a folder in the path of `path`, and so replace the file."""
    for folder in _folders(path):
        found = folder.stat()
        mode = stat.S_IMODE(found.st_mode)
        if not _is_ours(found):
            raise ConfigError(
                f"the folder {folder} belongs to another user (uid {found.st_uid}), who can replace {path.name} in it.",
                hint="Keep it in a folder of your own.",
            )
        others_write = mode & _OTHERS_WRITE and not mode & stat.S_ISVTX
        by_own_group = mode & _OTHERS_WRITE == _GROUP_WRITES and _is_private_group(found.st_gid)
        if others_write and not (by_own_group and not _acl_lets_others_write(folder)):
            raise ConfigError(
                f"other users can write the folder {folder} (mode {mode:o}), and so replace {path.name}.",
                hint=f"Run: chmod go-w {folder}",
            )


def _folders(path: Path) -> Iterator[Path]:
    """Every folder that decides where `path` leads: those of the path as written, and of the file it resolves to."""
    written = Path(os.path.abspath(path))
    yield from dict.fromkeys([*written.parents, *written.resolve().parents])


def _is_ours(found: os.stat_result) -> bool:
    return found.st_uid in {0, os.geteuid()}


def _acl_lets_others_write(folder: Path) -> bool:
    """Whether a POSIX ACL gives named accounts the right to write. The mode shows it as the group's right: acl(5).

    So if the mode denies the group the right to write, it denies them too, and only a folder's own group matters.
    """
    try:
        entries = os.getxattr(folder, "system.posix_acl_access")[_ACL_HEADER:]
    except (AttributeError, OSError):  # Not on this system, or no ACL.
        return False
    return any(tag in _ACL_NAMED and rights & _ACL_WRITE for tag, rights, _ in struct.iter_unpack("<HHI", entries))


def _is_private_group(gid: int) -> bool:
    """Whether a group is this user's own, without other members, as Debian and Fedora create one for each user."""
    import grp
    import pwd

    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return gid == user.pw_gid and set(group.gr_mem) <= {user.pw_name} and group.gr_name == user.pw_name
