"""Detects a folder on a network file system, or one kept in sync by a program that replaces files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

_NETWORK = re.compile(
    r"(nfs\d?|cifs|smb\w*|afs|afpfs|ncpfs|coda|ceph|glusterfs|lustre|gpfs|beegfs|9p|vboxsf|prl_fs|webdav|davfs\d?"
    r"|fuse\.(sshfs|rclone|s3fs|gcsfuse|davfs\d?|glusterfs|ceph|smbnetfs|vmhgfs-fuse|google-drive-ocamlfuse|onedriver"
    r"|mergerfs))",
    re.IGNORECASE,
)
"""File system types whose locks and shared memory do not work between machines, or not at all."""
_MOUNT_TIMEOUT = 5.0

_BY_NAME = (
    (re.compile(r"dropbox( \(.*\))?", re.IGNORECASE), "Dropbox"),
    (re.compile(r"onedrive( - .*)?", re.IGNORECASE), "OneDrive"),
    (re.compile(r"mobile documents|com~apple~clouddocs|icloud ?drive( .*)?", re.IGNORECASE), "iCloud Drive"),
    (re.compile(r"google ?drive( .*)?|my drive|googledrive-.*", re.IGNORECASE), "Google Drive"),
    (re.compile(r"nextcloud\d?", re.IGNORECASE), "Nextcloud"),
    (re.compile(r"owncloud", re.IGNORECASE), "ownCloud"),
    (re.compile(r"[Ss]yncthing|Sync"), "Syncthing"),
    (re.compile(r"pcloud ?drive", re.IGNORECASE), "pCloud"),
    (re.compile(r"MEGA(sync)?"), "MEGA"),
    (re.compile(r"Box( Sync)?|Box-Box"), "Box"),
    (re.compile(r"seafile", re.IGNORECASE), "Seafile"),
    (re.compile(r"yandex\.disk|yandexdisk", re.IGNORECASE), "Yandex.Disk"),
    (re.compile(r"cloudstorage", re.IGNORECASE), "a cloud provider of macOS"),
)
_BY_MARK = (
    (".stfolder", "Syncthing"),
    (".dropbox.cache", "Dropbox"),
    (".owncloudsync.log", "Nextcloud or ownCloud"),
    (".nextcloudsync.log", "Nextcloud"),
    ("._sync_*.db", "Nextcloud or ownCloud"),
    (".sync_*.db", "Nextcloud or ownCloud"),
    (".tmp.drivedownload", "Google Drive"),
    (".seafile-data", "Seafile"),
    (".849C9593-D756-4E56-8D6E-42412F2A707B", "OneDrive"),
)
"""Files and folders that mark the root of a synced folder; glob patterns."""


def network_file_system(folder: Path) -> str:
    """The type of the network file system of `folder`, for example nfs4; empty on a local one."""
    place, best = folder.resolve(), ("", "")
    for where, kind in _mounts():
        if place.is_relative_to(where) and len(where) >= len(best[0]):
            best = where, kind
    return best[1] if _NETWORK.fullmatch(best[1]) else ""


def _mounts() -> list[tuple[str, str]]:
    """Mount points and file system types, in order. Sources: proc(5) mountinfo, macOS mount(8)."""
    try:
        text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return _mounts_of_macos()
    mounts = list[tuple[str, str]]()
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) > 4 and after:
            where = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4])
            mounts.append((where, after.split(maxsplit=1)[0]))
    return mounts


def _mounts_of_macos() -> list[tuple[str, str]]:
    try:
        done = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=_MOUNT_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return re.findall(r" on (/.*) \((\w+)", done.stdout)


def sync_program(folder: Path) -> str:
    """The program that syncs `folder` with other machines, by names and marker files; empty if none."""
    written, real = folder.absolute(), folder.resolve()
    for place in dict.fromkeys([written, *written.parents, real, *real.parents]):
        for pattern, name in _BY_NAME:
            if pattern.fullmatch(place.name):
                return name
        for mark, name in _BY_MARK:
            try:
                if any(place.glob(mark)):
                    return name
            except OSError:
                continue
    return ""
