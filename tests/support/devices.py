"""A stand-in for a Ledger, and what it shares with the one for a Trezor (tests/support/trezor_device.py).

Servers that speak the devices' published protocols on the sockets of the vendors' emulators, so that the vendors' own
libraries talk to
them.

They are no emulators: there is no screen, and what a person would press is set by a test. All that they answer is made
from what they are sent: they put it together from its parts, derive the key at the path that was asked, and sign.
Sources: LedgerHQ/app-ethereum doc/ethapp.adoc and Speculos' APDU server.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import rlp  # type: ignore[import-untyped]
from eth_account import Account
from eth_hash.auto import keccak

from l2send.wallet.keys.derivation import DerivationPath
from l2send.wallet.keys.mnemonic import Phrase

WORDS = "test test test test test test test test test test test junk"


def key_at(numbers: list[int], passphrase: str = "") -> bytes:
    return Phrase(WORDS).key(DerivationPath(tuple(numbers)), passphrase).reveal()


@dataclass
class StandIn:
    """What a test decides, and what the device was asked."""

    answer: int | None = None
    """Of a Ledger the status word for signing instead of a signature; of a Trezor anything for a no."""
    spoil: Callable[[dict[str, Any]], None] = field(default=lambda _: None)
    """Changes what is signed behind the back of the one who asks."""
    asked: list[str] = field(default_factory=list[str])
    paths: list[list[int]] = field(default_factory=list[list[int]])
    chunks: list[int] = field(default_factory=list[int])
    """Bytes of each part in which a transaction came."""
    port: int = 0

    def sign(self, fields: dict[str, Any], numbers: list[int]) -> tuple[bytes, bytes]:
        """r and s over a transaction, by eth_account's own serialisation of the fields that were received."""
        self.spoil(fields)
        signed = Account.sign_transaction(fields, key_at(numbers))
        return signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")


def fields_of(payload: bytes) -> dict[str, Any]:
    """The fields of an unsigned transaction. Source: EIP-1559, EIP-155."""

    def number(item: bytes) -> int:
        return int.from_bytes(item, "big")

    if payload[0] == 2:
        chain, nonce, tip, most, gas, to, value, data, access = rlp.decode(payload[1:], strict=True)
        assert not access
        prices = {"type": 2, "maxFeePerGas": number(most), "maxPriorityFeePerGas": number(tip)}
    else:
        nonce, price, gas, to, value, data, chain, zero, other = rlp.decode(payload, strict=True)
        assert (zero, other) == (b"", b"")
        prices = {"gasPrice": number(price)}
    return prices | {
        "chainId": number(chain),
        "nonce": number(nonce),
        "gas": number(gas),
        "to": to,
        "value": number(value),
        "data": data,
    }


@contextmanager
def serving(work: Callable[[], None]) -> Iterator[None]:
    def serve() -> None:
        with contextlib.suppress(OSError):
            work()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield
    thread.join(timeout=5)


@contextmanager
def ledger() -> Iterator[StandIn]:
    """A Ledger with its Ethereum app open, where LEDGER_PROXY_PORT has to point."""
    device = StandIn()
    with socket.create_server(("127.0.0.1", 0)) as server, serving(lambda: _accept(server, device)):
        device.port = server.getsockname()[1]
        yield device
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, device: StandIn) -> None:
    while True:
        connection, _ = server.accept()
        with connection, contextlib.suppress(EOFError):
            _answer_apdus(connection, device)


def _answer_apdus(connection: socket.socket, device: StandIn) -> None:
    stored = b""
    while True:
        (length,) = struct.unpack(">I", _exactly(connection, 4))
        apdu = _exactly(connection, length)
        cla, command, p1, p2, size = apdu[:5]
        data = apdu[5:]
        assert (cla, p2, size) == (0xE0, 0, len(data))
        match command:
            case 0x02:
                numbers, rest = _path(data)
                assert rest == b""
                account = Account.from_key(key_at(numbers))
                public = b"\x04" + account._key_obj.public_key.to_bytes()
                device.paths.append(numbers)
                status, answer = 0x9000, b"\x41" + public + b"\x28" + account.address[2:].encode()
            case 0x04:
                stored = data if p1 == 0 else stored + data
                device.chunks.append(len(data))
                status, answer = _sign_when_whole(stored, device)
            case 0x0C:
                numbers, hashes = _path(data)
                digest = keccak(b"\x19\x01" + hashes)
                signed = Account.unsafe_sign_hash(digest, key_at(numbers))
                device.asked.append("typed")
                status, answer = 0x9000, bytes(signed.signature[-1:]) + bytes(signed.signature[:64])
            case _:
                status, answer = 0x6D00, b""
        connection.sendall(struct.pack(">I", len(answer)) + answer + status.to_bytes(2, "big"))


def _sign_when_whole(stored: bytes, device: StandIn) -> tuple[int, bytes]:
    """As the app does: more is waited for as long as the RLP is not complete."""
    numbers, payload = _path(stored)
    body = payload[1:] if payload[:1] == b"\x02" else payload
    try:
        _, _, size, end = rlp.codec.consume_length_prefix(body, 0)
        if end + size > len(body):
            return 0x9000, b""
    except (IndexError, rlp.DecodingError):
        return 0x9000, b""
    device.asked.append("transaction")
    if device.answer is not None:
        return device.answer, b""
    r, s = device.sign(fields_of(payload), numbers)
    return 0x9000, b"\x01" + r + s


def _path(data: bytes) -> tuple[list[int], bytes]:
    end = 1 + 4 * data[0]
    return list(struct.unpack(f">{data[0]}I", data[1:end])), data[end:]


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data
