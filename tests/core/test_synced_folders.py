"""Network file systems and synced folders, detected by mounts, names and marker files."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2send.core import synced_folders
from l2send.core.synced_folders import network_file_system, sync_program


@pytest.mark.parametrize("kind", ["nfs4", "nfs", "cifs", "smb3", "fuse.sshfs", "9p", "ceph", "fuse.rclone"])
def test_a_network_file_system_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(synced_folders, "_mounts", lambda: [("/", "ext4"), (str(tmp_path), kind)])
    assert network_file_system(tmp_path / "state") == kind
    assert network_file_system(tmp_path.parent) == ""


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "apfs", "overlay", "tmpfs", "fuse.gocryptfs"])
def test_a_local_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(synced_folders, "_mounts", lambda: [("/", "nfs4"), (str(tmp_path), kind)])
    assert network_file_system(tmp_path / "state") == ""


def test_this_machine_s_mounts_are_read() -> None:
    assert any(where == "/" for where, _ in synced_folders._mounts())


@pytest.mark.parametrize(
    ("folder", "program"),
    [
        ("Dropbox/l2send/state", "Dropbox"),
        ("Dropbox (Personal)/l2send", "Dropbox"),
        ("Library/Mobile Documents/com~apple~CloudDocs/l2send", "iCloud Drive"),
        ("OneDrive - Company/l2send", "OneDrive"),
        ("Google Drive/l2send", "Google Drive"),
        ("Nextcloud/l2send", "Nextcloud"),
        ("Sync/l2send", "Syncthing"),
        ("Library/CloudStorage/GoogleDrive-me@example.org/l2send", "Google Drive"),
        (".local/state/l2send", ""),
        ("boxes/megabytes/synced", ""),
    ],
)
def test_a_synced_folder_is_told_by_its_name(tmp_path: Path, folder: str, program: str) -> None:
    assert sync_program(tmp_path / folder) == program


@pytest.mark.parametrize(
    ("mark", "program"),
    [(".stfolder", "Syncthing"), (".dropbox.cache", "Dropbox"), (".sync_0123.db", "Nextcloud or ownCloud")],
)
def test_or_by_what_the_program_keeps_in_it(tmp_path: Path, mark: str, program: str) -> None:
    (tmp_path / "any").mkdir()
    (tmp_path / "any" / mark).touch()
    assert sync_program(tmp_path / "any" / "l2send" / "state") == program


def test_a_symlink_into_a_synced_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "Dropbox").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "Dropbox")
    assert sync_program(tmp_path / "state") == "Dropbox"
