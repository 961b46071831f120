"""A Ledger with its Ethereum app, by the app's own protocol. Source: LedgerHQ/app-ethereum, doc/ethapp.adoc.

The vendor's library (ledgercomm, the extra `l2send[ledger]`) handles USB and the socket of the emulator Speculos. The
app's three commands used here are implemented below; no library for them is well maintained. The app shows amount and
recipient of native-coin transfers. It signs contract calls only if blind signing is allowed, and shows the contract but
not what the call does.
"""

from __future__ import annotations

import os
from typing import Protocol

from l2send.core.address import Address, checksum
from l2send.core.errors import ConfigError, Interrupted
from l2send.core.optional_packages import how_to_install
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.text import clean
from l2send.core.typed_data import TypedData
from l2send.core.units import Gas, Nonce
from l2send.wallet.keys.derivation import DerivationPath
from l2send.wallet.keys.hardware import REJECTED_HINT, RS, unsigned_bytes

_CLA = 0xE0
_GET_ADDRESS, _SIGN_TX, _SIGN_TYPED = 0x02, 0x04, 0x0C
_FIRST, _MORE = 0x00, 0x80
_CHUNK = 255
_OK = 0x9000
_REJECTED = 0x6985
_SAID = {
    0x5515: ("it is locked.", "Unlock it with its PIN."),
    0x530C: ("it is locked.", "Unlock it with its PIN."),
    0x6B0C: ("it is locked.", "Unlock it with its PIN."),
    0x6511: ("its Ethereum app is not open.", "Open it on the device."),
    0x6D00: ("its Ethereum app is not open, or too old.", "Open it on the device."),
    0x6D02: ("its Ethereum app is not open.", "Open it on the device."),
    0x6E00: ("another app is open.", "Open its Ethereum app on the device."),
    0x6E01: ("another app is open.", "Open its Ethereum app on the device."),
    0x6A80: (
        "its Ethereum app does not show what this does, and signs nothing blindly.",
        "Allow blind signing in the app's settings, and compare the contract it shows with the review here.",
    ),
}


class Transport(Protocol):
    """Sends commands to the device and returns its answers: `ledgercomm.Transport`."""

    def exchange_raw(self, apdu: bytes) -> tuple[int, bytes]:
        """The status word and the data of the answer to a command (ISO 7816-4)."""
        ...


class Ledger:
    """See Device."""

    name = "Ledger"

    def __init__(self, transport: Transport, path: DerivationPath) -> None:
        self._transport = transport
        self._path = bytes([len(path.numbers)]) + b"".join(number.to_bytes(4, "big") for number in path.numbers)

    def address(self) -> Address:
        """The account at the path. The device shows nothing."""
        answer = self._ask(_GET_ADDRESS, _FIRST, self._path)
        key_length = answer[0] if answer else 0
        length, text = answer[1 + key_length : 2 + key_length], answer[2 + key_length :]
        if length != b"\x28" or len(text) < 40:
            raise ConfigError("the Ledger gave no address.")
        return checksum("0x" + text[:40].decode("ascii", "replace"))

    def sign_tx(self, nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> RS:
        """See Device."""
        payload = self._path + unsigned_bytes(nonce, tx, gas, price)
        size = _size_that_hides_no_chain(len(payload), tx.chain_id) if price.legacy else _CHUNK
        answer = b""
        for start in range(0, len(payload), size):
            answer = self._ask(_SIGN_TX, _MORE if start else _FIRST, payload[start : start + size])
        return _rs(answer)

    def sign_typed(self, data: TypedData) -> RS:
        """See Device. The device shows the hashes of domain and message."""
        return _rs(self._ask(_SIGN_TYPED, _FIRST, self._path + data.domain_hash + data.message_hash))

    def _ask(self, command: int, place: int, data: bytes) -> bytes:
        """The answer to one command. Raises ConfigError, Interrupted."""
        try:
            status, answer = self._transport.exchange_raw(bytes([_CLA, command, place, 0, len(data)]) + data)
        except Exception as error:  # noqa: BLE001 - the library passes on errors of sockets and USB, and asserts
            raise ConfigError(
                f"the Ledger does not answer ({type(error).__name__}).", hint="Connect it, and unlock it."
            ) from None
        if status == _REJECTED:
            raise Interrupted("rejected on the Ledger.", hint=REJECTED_HINT)
        if status != _OK:
            said, hint = _SAID.get(status, (f"it answered {status:04x}.", "Update its Ethereum app, and try again."))
            raise ConfigError(f"the Ledger did not do it: {said}", hint=hint)
        return answer


def open_ledger(path: DerivationPath) -> Ledger:
    """The Ledger on USB, or Speculos at LEDGER_PROXY_ADDRESS and LEDGER_PROXY_PORT. Raises ConfigError."""
    try:
        from ledgercomm import Transport as Connection  # type: ignore[import-untyped]
    except ImportError:
        raise ConfigError("a Ledger needs more than is installed.", hint=how_to_install("ledger")) from None
    port = os.environ.get("LEDGER_PROXY_PORT")
    try:
        if port:
            return Ledger(Connection("tcp", os.environ.get("LEDGER_PROXY_ADDRESS", "127.0.0.1"), int(port)), path)
        return Ledger(Connection("hid"), path)
    except Exception as error:  # noqa: BLE001 - as above
        raise ConfigError(
            f"no Ledger was found: {clean(error, 100)}",
            hint="Connect it, unlock it and open its Ethereum app; on Linux install the vendor's udev rules.",
        ) from None


def _size_that_hides_no_chain(length: int, chain_id: int) -> int:
    """The app reads a legacy transaction as one without a chain id if its last chunk is exactly the chain id and two
    zeros.

    So no chunk may start there or later. Source: LedgerHQ/ledger-live, hw-app-eth, safeChunkTransaction.
    """
    short = chain_id.to_bytes((chain_id.bit_length() + 7) // 8, "big")
    tail = len(short) + (0 if chain_id < 0x80 else 1) + 2
    return next(size for size in range(_CHUNK, 0, -1) if length % size == 0 or length % size > tail)


def _rs(answer: bytes) -> RS:
    """r and s; the v before them has several encodings."""
    if len(answer) != 65:
        raise ConfigError("the Ledger gave no signature.")
    return int.from_bytes(answer[1:33], "big"), int.from_bytes(answer[33:], "big")
