"""Files that decide where money goes or unlock keys: refused if another user can change them, or read a secret."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from l2send.cli.commands.contacts import _contacts_in
from l2send.cli.edited_toml import change_toml
from l2send.cli.settings import load_settings
from l2send.core.chains import load_registry
from l2send.core.errors import ConfigError
from l2send.core.limit_files import read_limits
from l2send.core.paths import Paths, private_dir
from l2send.core.trusted_files import check_trusted, read_trusted, read_trusted_text
from l2send.resolver.contacts import load_book
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.keys.keystore import open_keystore, secret_from
from l2send.wallet.offline import read as read_bundle

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")

READERS: dict[str, tuple[str, str, Callable[[Paths, Path], object]]] = {
    "config.toml": ("config.toml", "schema = 1\n", lambda paths, _: load_settings(paths.settings)),
    "chains.toml": ("chains.toml", "schema = 1\n", lambda paths, _: load_registry(paths)),
    "a policy": (
        "policy.toml",
        '[limits]\ntokens = ["USDC"]\n',
        lambda paths, path: read_limits(replace(paths, policy=path)),
    ),
    "contacts.toml": ("contacts.toml", "schema = 1\n", lambda paths, _: load_book(paths.contacts)),
    "the password": ("password", "correct horse", lambda _, path: secret_from(path, None, "password")),
    "a keystore": ("keystore.json", '{"crypto": {}}', lambda _, path: open_keystore(path, "x")),
    "a prepared payment": ("pay.json", "{}", lambda _, path: read_bundle(path)),
    "contacts to import": ("friends.csv", "name,address\n", lambda _, path: _contacts_in(path)),
    "a file that a command changes": (
        "config.toml",
        "schema = 1\n",
        lambda paths, _: change_toml(paths.settings, lambda document: None, lambda text: None),
    ),
    "the devnet's chains": ("../state/devnet/chains.toml", "schema = 1\n", lambda paths, _: load_registry(paths)),
}


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Callable[[], object]]:
    name, text, read = READERS[request.param]
    paths = Paths.under(private_dir(tmp_path / "home"))
    private_dir(paths.config)
    path = Path(os.path.normpath(paths.config / name))
    private_dir(path.parent)
    path.write_text(text)
    path.chmod(0o600)
    return path, lambda: read(paths, path)


def refused(read: Callable[[], object], match: str) -> None:
    with pytest.raises(ConfigError, match=match) as error:
        read()
    assert error.value.hint


@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_a_file_that_others_can_write_is_refused(reader: tuple[Path, Callable[[], object]], mode: int) -> None:
    path, read = reader
    path.chmod(mode)
    refused(read, "other users can write")


@pytest.mark.parametrize("above", [0, 1])
def test_so_is_one_in_a_folder_that_others_can_write(reader: tuple[Path, Callable[[], object]], above: int) -> None:
    path, read = reader
    path.parents[above].chmod(0o777)
    refused(read, r"other users can write the folder .* \(mode 777\)")


@root
def test_so_is_one_of_another_user(reader: tuple[Path, Callable[[], object]]) -> None:
    path, read = reader
    os.chown(path, 12345, -1)
    refused(read, "belongs to another user")


@root
def test_so_is_one_in_a_folder_of_another_user(reader: tuple[Path, Callable[[], object]]) -> None:
    path, read = reader
    os.chown(path.parents[1], 12345, -1)
    refused(read, "the folder .* belongs to another user")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_secret_that_others_can_read_is_refused_with_the_line_to_type(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "password.txt"
    path.write_text("password")
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"other users can read {path}") as error:
        secret_from(path, None, "password")
    assert f"Run: chmod 600 {path}." in error.value.hint


def test_a_name_that_is_no_file_may_be_the_secret_and_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the password file") as error:
        secret_from(tmp_path / "hunter2-hunter2", None, "password")
    assert "hunter2" not in error.value.message + error.value.hint


def test_what_a_symlink_leads_to_is_judged_and_where_it_stands(tmp_path: Path) -> None:
    real, link = private_dir(tmp_path / "real") / "file", private_dir(tmp_path / "links") / "file"
    real.write_text("x")
    link.symlink_to(real)
    assert read_trusted(link) == b"x"
    real.parent.chmod(0o777)
    refused(lambda: read_trusted(link), "other users can write the folder")
    real.parent.chmod(0o700)
    link.parent.chmod(0o777)
    refused(lambda: read_trusted(link), "other users can write the folder")


def test_a_sticky_folder_keeps_files_of_their_owner(tmp_path: Path) -> None:
    folder = private_dir(tmp_path / "like-tmp")
    (folder / "file").write_text("x")
    folder.chmod(0o1777)
    assert read_trusted(folder / "file") == b"x"


def acl(tag: int, rights: int) -> bytes:
    """An ACL that gives `rights` to one account besides the owner. Source: linux/posix_acl_xattr.h."""
    no_id = 0xFFFFFFFF
    own, group, mask, other = (0x01, 7, no_id), (0x04, 0, no_id), (0x10, rights, no_id), (0x20, 0, no_id)
    entries = sorted([own, (tag, rights, 12345), group, mask, other])
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def with_acl(path: Path, tag: int, rights: int) -> None:
    try:
        os.setxattr(path, "system.posix_acl_access", acl(tag, rights))
    except (AttributeError, OSError):
        pytest.skip("no POSIX ACLs here")


NAMED = pytest.mark.parametrize("tag", [0x02, 0x08], ids=["a user", "a group"])


@NAMED
@pytest.mark.parametrize("above", [0, 1])
def test_what_an_acl_lets_others_write_is_refused(
    reader: tuple[Path, Callable[[], object]], above: int, tag: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mode shows its rights as those of the group, which may be this user's own."""
    monkeypatch.setattr("l2send.core.trusted_files._is_private_group", lambda _: True)
    path, read = reader
    with_acl(path.parents[above], tag, 7)
    refused(read, "other users can write the folder")


@NAMED
def test_an_acl_for_reading_refuses_no_folder(tmp_path: Path, tag: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("l2send.core.trusted_files._is_private_group", lambda _: True)
    folder = private_dir(tmp_path / "shown")
    (folder / "file").write_text("x")
    with_acl(folder, tag, 5)
    assert read_trusted(folder / "file") == b"x"


@NAMED
def test_a_file_with_an_acl_is_refused_until_its_mode_is_tight(tmp_path: Path, tag: int) -> None:
    """Then the ACL gives nothing away: its mask is the group's part of the mode."""
    path = private_dir(tmp_path / "home") / "file"
    path.write_text("x")
    with_acl(path, tag, 6)
    refused(lambda: read_trusted(path), "other users can write")
    path.chmod(0o600)
    assert read_trusted(path, secret=True) == b"x"
    with_acl(path, tag, 4)
    refused(lambda: read_trusted(path, secret=True), "other users can")


def test_a_pipe_is_read_as_it_is(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"secret\n")
    os.close(writing)
    assert secret_from(Path(f"/dev/fd/{reading}"), None, "password") == "secret"
    os.close(reading)


def test_a_file_that_is_not_there_is_said_by_the_caller(tmp_path: Path) -> None:
    check_trusted(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        read_trusted_text(tmp_path / "none")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xef\xbb\xbfschema = 1\r\n")
    assert read_trusted_text(tmp_path / "file").startswith("schema")


def test_the_journal_is_not_opened_below_a_folder_that_others_can_write(tmp_path: Path) -> None:
    path = private_dir(tmp_path / "home" / "state") / "journal.db"
    SqliteJournal(path).close()
    path.parents[1].chmod(0o777)
    refused(lambda: SqliteJournal(path), "other users can write the folder")
