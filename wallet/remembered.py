"""Passwords of keystores in the operating system's keyring (the extra `l2send[keyring]`). Never keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from l2send.core.errors import ConfigError
from l2send.core.text import clean

_SERVICE = "l2send"


def remember(keystore: Path, password: str) -> str:
    """Keep the password of a keystore; returns the name of the keyring that has it. Raises ConfigError."""
    keyring = _keyring()
    try:
        keyring.set_password(_SERVICE, _name(keystore), password)
        return clean(keyring.get_keyring().name, 60)
    except Exception as error:  # noqa: BLE001 - each keyring raises its own
        failure = type(error).__name__
    raise ConfigError(f"the keyring does not take the password ({failure}).", hint="Is there one, and is it unlocked?")


def remembered(keystore: Path) -> str | None:
    """The password that was kept; None without one, without a keyring, or without the extra."""
    try:
        found: str | None = _keyring().get_password(_SERVICE, _name(keystore))
    except Exception:  # noqa: BLE001 - whatever is wrong with it, a person can still be asked
        return None
    return found


def forget(keystore: Path) -> None:
    """Raises ConfigError if the keyring has nothing to forget, or does not do it."""
    keyring = _keyring()
    try:
        keyring.delete_password(_SERVICE, _name(keystore))
    except Exception as error:  # noqa: BLE001 - as above
        raise ConfigError(f"the keyring forgot nothing ({type(error).__name__}).") from None


def _keyring() -> Any:
    try:
        import keyring
    except ImportError:
        raise ConfigError("that needs more than is installed.", hint="Run: pip install 'l2send[keyring]'") from None
    return keyring


def _name(keystore: Path) -> str:
    return str(keystore.absolute())
