"""Passwords of keystores in the operating system's keyring (the extra `keyring`). Never keys.

These are Keychain, the Secret Service (GNOME Keyring, KeePassXC), KWallet and the Credential Locker: those that
`keyring` itself recommends. A plain-file keyring is used only if you choose it (PYTHON_KEYRING_BACKEND).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from l2send.core.errors import ConfigError
from l2send.core.optional_packages import how_to_install
from l2send.core.text import clean

_SERVICE = "l2send"


def remember(keystore: Path, password: str) -> str:
    """Store the password of a keystore; returns the name of the keyring. Raises ConfigError."""
    keyring = _keyring()
    try:
        keyring.set_password(_SERVICE, _name(keystore), password)
        return clean(keyring.get_keyring().name, 60)
    except Exception as error:  # noqa: BLE001 - each keyring raises its own
        refusal = _in_words("the password was not kept", error)
    # Raised outside the handler, so that no traceback leads to a frame of the library that holds the password.
    raise refusal


def remembered(keystore: Path) -> str | None:
    """The stored password; None if there is none, no keyring, or the extra is not installed.

    Raises ConfigError for a keyring that stays locked: it may hold the password.
    """
    try:
        found: str | None = _keyring().get_password(_SERVICE, _name(keystore))
    except Exception as error:  # noqa: BLE001 - if the keyring fails in any way, the password can still be typed
        if type(error).__name__ == _LOCKED:
            raise _in_words("the password cannot be read", error) from None
        return None
    return found


def forget(keystore: Path) -> None:
    """Delete the stored password. Raises ConfigError if there is none, or the keyring fails to delete it."""
    keyring = _keyring()
    try:
        keyring.delete_password(_SERVICE, _name(keystore))
    except Exception as error:  # noqa: BLE001 - as above
        raise _in_words("nothing was forgotten", error) from None


_LOCKED = "KeyringLocked"
_OTHERWISE = "Without it, name the file that holds the password: --password-file FILE."
_SAID = {
    _LOCKED: ("the keyring is locked.", f"Unlock it and try again. {_OTHERWISE}"),
    "InitError": ("there is no keyring yet, and none was made.", _OTHERWISE),
    "NoKeyringError": ("there is no keyring here.", _OTHERWISE),
    "PasswordDeleteError": ("the keyring holds no password of this account.", ""),
}


def _in_words(what: str, error: Exception) -> ConfigError:
    """Reports only the type of the error: its text may repeat the password."""
    name = type(error).__name__
    why, hint = _SAID.get(name, (f"the keyring raised {name}.", "Is it running, and unlocked?"))
    return ConfigError(f"{what}: {why}", hint=hint)


def _keyring() -> Any:
    try:
        import keyring
        import keyring.core
    except ImportError:
        raise ConfigError("the keyring needs more than is installed.", hint=how_to_install("keyring")) from None
    # A keyring chosen by its variable or its file takes precedence over this limit.
    keyring.core.init_backend(limit=keyring.core.recommended)
    return keyring


def _name(keystore: Path) -> str:
    return str(keystore.absolute())
