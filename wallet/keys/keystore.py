"""Creates, finds and opens encrypted keystores (Web3 Secret Storage, version 3).

l2send's own files are in a folder with mode 0700, are created with mode 0600 and hold the account's address.
Foundry's and geth's folders are read and never written; Foundry's files hold no address, so the
account is unknown until its keystore is opened.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2send.core.address import Address, checksum
from l2send.core.errors import BadAddress, ConfigError, UsageError
from l2send.core.json_text import parse_json
from l2send.core.private_files import check_private, write_private
from l2send.core.text import clean
from l2send.core.trusted_files import check_trusted, read_trusted

if TYPE_CHECKING:
    from l2send.wallet.keys.signer import LocalSigner, SecretKey

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_MAX_SIZE = 64 * 1024
_SHORTEST_PASSWORD = 8
SCRYPT_N = 2**18
"""The cost of one guess at the password of a new keystore: 256 MB of memory, and about a second."""
_OWN = "l2send"
_ANOTHER_NAME = "Choose another name; `l2send wallet list` shows those in use."


class WrongPassword(ConfigError):
    """The file is intact, but the password is wrong."""

    @property
    def code(self) -> str:
        """That of every configuration error."""
        return "config_error"


@dataclass(frozen=True, slots=True)
class Keystore:
    """A keystore file, not opened."""

    name: str
    path: Path
    address: Address | None
    """None if the file does not hold it (Foundry's): known once the file is opened."""
    origin: str
    """`l2send`, `foundry`, `geth` or `file`: which program's folder it is in."""

    def document(self) -> dict[str, object]:
        """Its description in JSON: docs/schemas/account-1.json."""
        return {"name": self.name, "address": self.address, "path": str(self.path), "origin": self.origin}


def new(folder: Path, name: str, password: str) -> Keystore:
    """Create a key and its keystore `folder/NAME.json`. Raises UsageError, ConfigError. Takes 2 s (scrypt)."""
    from eth_account import Account

    from l2send.wallet.keys.signer import SecretKey

    return import_key(folder, name, SecretKey(bytes(Account.create().key)), password)


def import_key(folder: Path, name: str, key: SecretKey, password: str) -> Keystore:
    """Write an existing key as `folder/NAME.json`. Raises UsageError, ConfigError. Takes 2 s (scrypt)."""
    from l2send.wallet.keys.signer import address_of

    refuse_name(folder, name)
    refuse_password(password)
    path = folder / f"{name}.json"
    address = address_of(key)
    content = {"name": name, **_encrypt(key, password), "address": address[2:].lower()}
    data = json.dumps(content).encode()
    # A key that cannot be recovered is lost money: the bytes are decrypted once before they are written.
    if _decrypt(json.loads(data), password, Path(name)).address != address:
        raise ConfigError("the new keystore does not open; nothing was written.")
    write_private(path, data)
    return Keystore(name, path, address, _OWN)


def refuse_name(folder: Path, name: str) -> None:
    """Raises UsageError for an invalid name, ConfigError for a name in use; called before a secret is typed."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{clean(name, 40)!r} is no name for an account.",
            hint="Use letters, digits, - and _, at most 64.",
        )
    if (folder / f"{name}.json").exists():
        raise ConfigError(f"an account called {name} exists already; it is left as it is.", hint=_ANOTHER_NAME)


def refuse_password(password: str) -> None:
    """Raises UsageError for the password of a new keystore that is too short."""
    if len(password) < _SHORTEST_PASSWORD:
        raise UsageError(f"the password is shorter than {_SHORTEST_PASSWORD} characters.")


def find(folder: Path, home: Path | None = None) -> list[Keystore]:
    """Keystores in l2send's own `folder`, then in Foundry's and geth's folders under `home`."""
    home = Path.home() if home is None else home
    return [
        *_in_folder(folder, _OWN),
        *_in_folder(home / ".foundry" / "keystores", "foundry"),
        *_in_folder(home / ".ethereum" / "keystore", "geth"),
    ]


def named(wanted: str, folder: Path, home: Path | None = None) -> Keystore:
    """The keystore with that name or address, or the file at that path. Raises ConfigError."""
    found = find(folder, home)
    for keystore in found:
        if wanted == keystore.name or (keystore.address and wanted.lower() == keystore.address.lower()):
            return keystore
    path = Path(wanted).expanduser()
    if path.is_file():
        return Keystore(path.stem, path, _stated_address(_content(path)), "file")
    names = ", ".join(keystore.name for keystore in found) or "none"
    raise ConfigError(f"no keystore is called {clean(wanted, 60)!r}.", hint=f"Known: {names}")


def open_keystore(path: Path, password: str) -> LocalSigner:
    """Decrypt a keystore. Raises ConfigError, saying whether the password or the file is wrong."""
    content = _content(path)
    check_trusted(path)
    if _OWN_MARK in content:
        check_private(path)
    signer = _decrypt(content, password, path)
    stated = _stated_address(content)
    if stated and stated != signer.address:
        raise ConfigError(f"{path} says it holds {stated}, and holds {signer.address}.")
    return signer


_OWN_MARK = "name"


def _in_folder(folder: Path, origin: str) -> list[Keystore]:
    try:
        paths = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    except OSError:
        return []
    found = list[Keystore]()
    for path in paths:
        try:
            found.append(Keystore(_name(path), path, _stated_address(_content(path)), origin))
        except ConfigError:
            continue  # Not a keystore; other programs' folders may hold other files.
    return found


def _name(path: Path) -> str:
    """`NAME.json` -> NAME; Foundry's `NAME` and geth's `UTC--…` are unchanged."""
    return path.name.removesuffix(".json")


def _content(path: Path) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_SIZE + 1)
        content = parse_json(data) if len(data) <= _MAX_SIZE else None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}.") from error
    except ValueError:
        content = None
    if not isinstance(content, dict) or not ({"crypto", "Crypto"} & content.keys()):
        raise ConfigError(f"{path} is not an encrypted keystore.")
    return content


def _stated_address(content: dict[str, Any]) -> Address | None:
    text = content.get("address")
    if not isinstance(text, str):
        return None
    try:
        return checksum(text if text.startswith("0x") else f"0x{text}")
    except BadAddress:
        return None


def _encrypt(key: SecretKey, password: str) -> dict[str, Any]:
    from eth_account import Account

    try:
        return dict(Account.encrypt(key.reveal(), password, kdf="scrypt", iterations=SCRYPT_N))
    except Exception as error:  # noqa: BLE001
        failure = type(error).__name__
    raise ConfigError(f"the key could not be encrypted ({failure}).")


def _decrypt(content: dict[str, Any], password: str, path: Path) -> LocalSigner:
    """The key, decrypted with the password as typed or with its other Unicode normal form.

    macOS may type an accented letter as two characters, Linux types one: the keystore compares only bytes. Errors are
    raised outside the handlers, so that no traceback leads to a frame that holds the password or the key.
    """
    from eth_keyfile.keyfile import decode_keyfile_json

    from l2send.wallet.keys.signer import LocalSigner, SecretKey

    standard = {**content, "version": _version(content)}
    forms = dict.fromkeys([password, *(unicodedata.normalize(form, password) for form in ("NFC", "NFD"))])
    for form in forms:
        try:
            return LocalSigner(SecretKey(decode_keyfile_json(standard, form.encode())))
        except ValueError as error:
            wrong_password = "MAC mismatch" in str(error)
        except Exception:  # noqa: BLE001
            wrong_password = False
        if not wrong_password:
            raise ConfigError(f"{path} is damaged, or of a kind l2send cannot open.") from None
    raise WrongPassword(f"the password does not open {path}.", hint="Nothing was signed. Try again.")


def _version(content: dict[str, Any]) -> Any:
    """The format's version as a number. Some programs write it as a string."""
    version = content.get("version")
    return int(version) if isinstance(version, str) and version.isdecimal() else version


def password_from(
    *,
    file: Path | None = None,
    descriptor: int | None = None,
    kept: Callable[[], str | None] = lambda: None,
    prompt: Callable[[], str] | None = None,
) -> str:
    """The password from a file, an open file descriptor, the file `ETH_PASSWORD` names, a keyring, or a person.

    The first of these that is given counts. One trailing line end is removed. Raises ConfigError. Never from argv or a
    variable's own value: other processes can read both.
    """
    if file is None and descriptor is None and os.environ.get("ETH_PASSWORD"):
        file = Path(os.environ["ETH_PASSWORD"])
    if file is not None or descriptor is not None:
        return secret_from(file, descriptor, "password")
    try:
        password = kept()
    except ConfigError:
        if prompt is None:
            raise
        password = None
    if password is not None:
        return password
    if prompt is None:
        raise ConfigError(
            "a password is needed, and there is no terminal to ask for it.",
            hint="Use --password-file FILE, or set ETH_PASSWORD to the path of such a file.",
        )
    return prompt()


def secret_from(file: Path | None, descriptor: int | None, what: str) -> str:
    """The text of a file or file descriptor without one trailing line end; `what` names it. Raises ConfigError."""
    try:
        if file is not None:
            data = _read_secret(file.expanduser(), what)
        else:
            assert descriptor is not None
            with os.fdopen(descriptor, "rb", closefd=False) as stream:
                data = stream.read(_MAX_SIZE)
    except OSError as error:
        # The file name may be the secret itself, typed there by mistake: it is not repeated.
        raise ConfigError(f"cannot read the {what} file: {error.strerror}.", hint=_FILE_HINT) from None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"the {what} file is not UTF-8 text.") from None
    return text.removesuffix("\n").removesuffix("\r")


def _read_secret(path: Path, what: str) -> bytes:
    """A file that no other user can read or change. Raises OSError, ConfigError with the name of a file that exists."""
    try:
        return read_trusted(path, secret=True)
    except ConfigError as error:
        if path.is_file():
            raise
        # The file name may be the secret itself, typed there by mistake: it is not repeated.
        message, hint = (text.replace(str(path), f"the {what} file") for text in (error.message, error.hint))
    raise ConfigError(message, hint=hint.replace(f"the {what} file", "FILE"))


_FILE_HINT = "--password-file, ETH_PASSWORD and their like name a file that holds the secret, not the secret."
