"""Keystores on a real disk. The default scrypt costs about a second a time, so few are made."""

from __future__ import annotations

import json
import os
import secrets
import stat
import subprocess
import sys
import traceback
import unicodedata
from pathlib import Path
from typing import Any, Literal

import pytest

from l2send.core.errors import ConfigError, UsageError
from l2send.core.private_files import write_private
from l2send.wallet.keys.keystore import find, import_key, named, new, open_keystore, password_from
from l2send.wallet.keys.signer import LocalSigner, SecretKey
from tests.support.secret_files import secret_file

PASSWORD = "correct horse battery staple"
Form = Literal["NFC", "NFD"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home") / "config" / "keystores"


@pytest.fixture(scope="session")
def made(folder: Path) -> tuple[Path, SecretKey]:
    """One keystore with the default cost."""
    key = SecretKey(secrets.token_bytes(32))
    return import_key(folder, "alice", key, PASSWORD).path, key


def cheap(key: bytes, password: str, **extra: Any) -> dict[str, Any]:
    from eth_account import Account

    return {**Account.encrypt(key, password, iterations=2), **extra}


def put(path: Path, content: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))
    return path


def test_a_new_keystore_is_private_and_says_its_address(made: tuple[Path, SecretKey]) -> None:
    path, key = made
    content = json.loads(path.read_bytes())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert content["name"] == "alice"
    assert content["version"] == 3
    assert content["crypto"]["kdf"] == "scrypt"
    assert content["crypto"]["kdfparams"]["n"] >= 2**18
    assert f"0x{content['address']}" == LocalSigner(key).address.lower()
    assert list(path.parent.iterdir()) == [path]


def test_it_opens_with_its_password(made: tuple[Path, SecretKey]) -> None:
    path, key = made
    assert open_keystore(path, PASSWORD).address == LocalSigner(key).address


def test_it_does_not_open_with_another(made: tuple[Path, SecretKey]) -> None:
    path, key = made
    wrong = "a secret that belongs elsewhere"
    with pytest.raises(ConfigError, match="password does not open") as caught:
        open_keystore(path, wrong)
    error: BaseException = caught.value
    text = "".join(traceback.format_exception(error))
    assert error.__context__ is None
    assert wrong not in text
    assert key.reveal().hex() not in text


@pytest.mark.parametrize("password", ["pässwört sécret", "한글 비밀번호 열쇠", "Ångström ﬁsh"])
@pytest.mark.parametrize("made_as", ["NFC", "NFD"])
@pytest.mark.parametrize("typed_as", ["NFC", "NFD"])
def test_a_password_opens_in_either_unicode_form(password: str, made_as: Form, typed_as: Form, tmp_path: Path) -> None:
    key = secrets.token_bytes(32)
    path = put(tmp_path / "keys" / "k.json", cheap(key, unicodedata.normalize(made_as, password)))
    opened = open_keystore(path, unicodedata.normalize(typed_as, password))
    assert opened.address == LocalSigner(SecretKey(key)).address
    with pytest.raises(ConfigError, match="password does not open"):
        open_keystore(path, password + "é")


@pytest.mark.parametrize("version", [3, "3"])
def test_a_version_written_as_text_opens(version: object, tmp_path: Path) -> None:
    key = secrets.token_bytes(32)
    path = put(tmp_path / "keys" / "k.json", cheap(key, PASSWORD, version=version))
    assert open_keystore(path, PASSWORD).address == LocalSigner(SecretKey(key)).address


@pytest.mark.parametrize("version", [1, "1", "three", None])
def test_another_version_does_not_open(version: object, tmp_path: Path) -> None:
    path = put(tmp_path / "keys" / "k.json", cheap(secrets.token_bytes(32), PASSWORD, version=version))
    with pytest.raises(ConfigError, match="of a kind l2send cannot open"):
        open_keystore(path, PASSWORD)


def test_an_opened_up_keystore_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "loose.json", cheap(secrets.token_bytes(32), PASSWORD, name="loose"))
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="open to other users") as caught:
        open_keystore(path, PASSWORD)
    assert f"chmod 600 {path}" in caught.value.hint


def test_a_keystore_is_never_overwritten(made: tuple[Path, SecretKey]) -> None:
    path, _ = made
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="exists already"):
        import_key(path.parent, "alice", SecretKey(secrets.token_bytes(32)), PASSWORD)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_the_first_writer_of_a_file_keeps_it(tmp_path: Path) -> None:
    """Two processes that make the same name at once: no look beforehand can tell them apart."""
    path = tmp_path / "k" / "same.json"
    write_private(path, b"first")
    with pytest.raises(ConfigError, match="exists already"):
        write_private(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(path.parent.iterdir()) == [path]


def test_a_new_account_can_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("l2send.wallet.keys.keystore.SCRYPT_N", 2)
    keystore = new(tmp_path / "k", "bob", PASSWORD)
    assert open_keystore(keystore.path, PASSWORD).address == keystore.address


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "-x", "é", "a b", "x" * 65, "a\n"])
def test_a_name_is_a_plain_word(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        import_key(tmp_path, name, SecretKey(secrets.token_bytes(32)), PASSWORD)
    assert list(tmp_path.iterdir()) == []


def test_a_short_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="shorter"):
        new(tmp_path, "short", "1234567")


def test_foreign_folders_are_read_and_never_written(tmp_path: Path, made: tuple[Path, SecretKey]) -> None:
    own = made[0].parent
    home = tmp_path / "home"
    foundry = put(home / ".foundry" / "keystores" / "dev", without_address(cheap(b"\1" * 32, "pw")))
    geth = put(home / ".ethereum" / "keystore" / "UTC--2026-01-01--ab", cheap(b"\2" * 32, "pw"))
    (home / ".foundry" / "keystores" / "README").write_text("not a keystore")
    found = {k.origin: k for k in find(own, home)}
    assert set(found) == {"l2send", "foundry", "geth"}
    assert found["foundry"].address is None
    assert (found["geth"].address, found["geth"].path) == (LocalSigner(SecretKey(b"\2" * 32)).address, geth)
    assert open_keystore(foundry, "pw").address == LocalSigner(SecretKey(b"\1" * 32)).address
    assert sorted(p.name for p in (home / ".foundry" / "keystores").iterdir()) == ["README", "dev"]


def without_address(content: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in content.items() if k != "address"}


def test_an_account_is_found_by_name_address_and_path(tmp_path: Path, made: tuple[Path, SecretKey]) -> None:
    path, key = made
    address = LocalSigner(key).address
    for wanted in ("alice", address, address.lower(), str(path)):
        assert named(wanted, path.parent, tmp_path).address == address
    with pytest.raises(ConfigError, match="no keystore is called") as caught:
        named("bob", path.parent, tmp_path)
    assert "alice" in caught.value.hint


def test_a_keystore_that_lies_about_its_address_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "liar", cheap(b"\3" * 32, "pw", address="00" * 20))
    with pytest.raises(ConfigError, match="says it holds"):
        open_keystore(path, "pw")


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"version": 3}', '{"crypto": 1}', '{"crypto": {}}', '{"crypto": {}, "version": 3}'],
)
def test_a_damaged_keystore_is_said_to_be(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x"
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"not an encrypted keystore|damaged"):
        open_keystore(path, "pw")


def test_a_missing_keystore_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        open_keystore(tmp_path / "none", "pw")


def test_passwords_come_from_a_file_a_descriptor_the_environment_or_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    secret_file(file, "pässword with spaces \r\n")
    monkeypatch.delenv("ETH_PASSWORD", raising=False)
    assert password_from(file=file) == "pässword with spaces "
    reading, writing = os.pipe()
    os.write(writing, b"from a pipe\n")
    os.close(writing)
    assert password_from(descriptor=reading, prompt=lambda: "asked") == "from a pipe"
    os.close(reading)
    assert password_from(prompt=lambda: "asked") == "asked"
    monkeypatch.setenv("ETH_PASSWORD", str(file))
    assert password_from(prompt=lambda: "asked") == "pässword with spaces "
    other = tmp_path / "other"
    secret_file(other, "other")
    assert password_from(file=other) == "other"


def test_a_password_put_where_its_files_name_belongs_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETH_PASSWORD", "hunter2-hunter2")
    with pytest.raises(ConfigError) as caught:
        password_from()
    assert "hunter2" not in "".join(traceback.format_exception(caught.value)) + caught.value.hint


def test_no_terminal_to_ask_on_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ETH_PASSWORD", raising=False)
    with pytest.raises(ConfigError, match="no terminal to ask for it"):
        password_from()


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_hardened_process_cannot_be_dumped() -> None:
    script = (
        "import ctypes, resource\n"
        "from l2send.wallet.keys.harden import harden\n"
        "before = ctypes.CDLL(None).prctl(3)\n"
        "harden()\n"
        "print(before, ctypes.CDLL(None).prctl(3), resource.getrlimit(resource.RLIMIT_CORE)[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0", "0"]
