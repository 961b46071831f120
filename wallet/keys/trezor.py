"""A Trezor, by the vendor's library (trezorlib, the extra `l2send[trezor]`).

TREZOR_PATH names a device, or the vendor's emulator as `udp:127.0.0.1:21324`; else the first on USB is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from l2send.core.address import Address, checksum
from l2send.core.errors import ConfigError, Interrupted
from l2send.core.optional_packages import how_to_install
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.text import clean
from l2send.core.typed_data import TypedData
from l2send.core.units import Gas, Nonce
from l2send.wallet.keys.derivation import DerivationPath
from l2send.wallet.keys.hardware import REJECTED_HINT, RS

if TYPE_CHECKING:
    from trezorlib.client import Session

_MODEL_ONE = "1"
_KEYPAD = "PIN of the Trezor, as places on a keypad (top row 7 8 9): "


class Trezor:
    """See Device."""

    name = "Trezor"

    def __init__(self, session: Session, path: DerivationPath) -> None:  # type: ignore[type-arg]
        self._session = session
        self._path = list(path.numbers)

    def address(self) -> Address:
        """The account at the path. The device shows nothing, unless the path is unusual."""
        with _in_words():
            return checksum(_ethereum().get_address(self._session, self._path))

    def sign_tx(self, nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> RS:
        """See Device."""
        with _in_words():
            if price.legacy:
                _, r, s = _ethereum().sign_tx(
                    self._session, self._path, nonce, price.max_fee_per_gas, gas, tx.to, tx.value, tx.data, tx.chain_id
                )
            else:
                _, r, s = _ethereum().sign_tx_eip1559(
                    self._session,
                    self._path,
                    nonce=nonce,
                    gas_limit=gas,
                    to=tx.to,
                    value=tx.value,
                    data=tx.data,
                    chain_id=tx.chain_id,
                    max_gas_fee=price.max_fee_per_gas,
                    max_priority_fee=price.tip,
                )
            return int.from_bytes(r, "big"), int.from_bytes(s, "big")

    def sign_typed(self, data: TypedData) -> RS:
        """See Device. Newer models show every field, the Model One only hashes."""
        with _in_words():
            if self._session.features.model == _MODEL_ONE:
                answer = _ethereum().sign_typed_data_hash(
                    self._session, self._path, data.domain_hash, data.message_hash
                )
            else:
                answer = _ethereum().sign_typed_data(self._session, self._path, data.json())
            signature = answer.signature
            return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")


def open_trezor(path: DerivationPath, ask: Callable[[str], str]) -> Trezor:
    """The Trezor, unlocked on its own screen or with the answers of `ask`. Raises ConfigError, Interrupted."""
    try:
        from trezorlib import client
    except ImportError:
        raise ConfigError("a Trezor needs more than is installed.", hint=how_to_install("trezor")) from None
    with _in_words():
        connection = client.get_default_client(
            "l2send",
            pin_callback=lambda _: _places(ask(_KEYPAD)),
            code_entry_callback=lambda: ask("Code that the Trezor shows: "),
        )
        passphrase = lambda: ask("Passphrase of the Trezor's hidden wallet, or nothing: ")  # noqa: E731
        return Trezor(client.get_default_session(connection, passphrase), path)


def _places(typed: str) -> str:
    """A PIN in the library's form; its own error for a bad one is no help. Raises ConfigError."""
    if not typed or set(typed) - set("123456789"):
        raise ConfigError(
            "the PIN is typed as the places of its digits on the keypad, 1 to 9.", hint="Nothing was signed. Try again."
        )
    return typed


def _ethereum() -> Any:
    """The library's decorators hide its functions' parameters from type checkers."""
    from trezorlib import ethereum

    return ethereum


@contextmanager
def _in_words() -> Iterator[None]:
    """Translates the library's errors into l2send's."""
    from trezorlib.exceptions import Cancelled, TrezorException
    from trezorlib.transport import TransportException

    try:
        yield
    except Cancelled:
        raise Interrupted("rejected on the Trezor.", hint=REJECTED_HINT) from None
    except TransportException as error:
        raise ConfigError(f"no Trezor answers: {clean(error, 100)}", hint="Connect it, and unlock it.") from None
    except TrezorException as error:
        raise ConfigError(f"the Trezor did not do it: {clean(error, 150)}") from None
    except ValueError as error:
        raise ConfigError(f"the Trezor's library cannot take that: {clean(error, 150)}") from None
