"""A stand-in for a Trezor: a UDP server where the vendor's emulator has one, for the vendor's own library to talk to.

It is no emulator: there is no screen, and what a person would press or type is set by a test. Packets, messages and
their order are those of the firmware; keys are derived, and what is signed is hashed, from what the host sent alone.
Source: trezor-firmware, common/protob, docs/common/communication, core/src/apps/ethereum, legacy/firmware/ethereum.c.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account
from eth_hash.auto import keccak
from trezorlib import messages as m
from trezorlib.mapping import DEFAULT_MAPPING

from l2send.core.address import checksum
from tests.support.devices import StandIn, key_at, serving

Workflow = Generator[Any, Any, Any]
"""What the firmware calls a workflow: it yields what the device answers, is sent what the host says next, and returns
the last answer."""

_CHUNK = 1024
_WIDEST_FEE = 30
_UNLIMITED = 1 << 256


@dataclass
class TrezorStandIn(StandIn):
    """One with the screen of a Model T, or without it as a Model One, and what its owner types."""

    model_one: bool = False
    pin: str = ""
    """Of a Model One the places on the keypad, as the host has to send them; without one it is not locked."""
    passphrase: str | None = None
    """What is typed on the device; of a Model One nothing can be, and anything means that hidden wallets are on."""
    shown: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    """What a person confirmed, in this order."""


class _No(Exception):
    def __init__(self, code: m.FailureType, message: str) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def trezor(**owner: Any) -> Iterator[TrezorStandIn]:
    """The device, where TREZOR_PATH has to point: `udp:127.0.0.1:PORT`."""
    device = TrezorStandIn(**owner)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        device.port = server.getsockname()[1]
        with serving(lambda: _answer_packets(server, device)):
            yield device
            server.sendto(b"", server.getsockname())


def _answer_packets(server: socket.socket, device: TrezorStandIn) -> None:
    """Protocol v1: 64-byte packets `?##`, type, length, protobuf; then `?` and more."""
    firmware = _Firmware(device)
    kind, size, data = 0, 0, b""
    while True:
        packet, peer = server.recvfrom(64)
        if not packet:
            return
        if packet == b"PINGPING":
            server.sendto(b"PONGPONG", peer)
            continue
        assert len(packet) == 64
        if len(data) >= size:
            assert packet[:3] == b"?##"
            kind, size = struct.unpack(">HL", packet[3:9])
            data = packet[9:]
        else:
            assert packet[:1] == b"?"
            data += packet[1:]
        if len(data) < size:
            continue
        wire, body = DEFAULT_MAPPING.encode(firmware.hear(DEFAULT_MAPPING.decode(kind, data[:size])))
        message = b"##" + struct.pack(">HL", wire, len(body)) + body
        for start in range(0, len(message), 63):
            server.sendto((b"?" + message[start : start + 63]).ljust(64, b"\0"), peer)


class _Firmware:
    """The messages of one host, answered in turn."""

    def __init__(self, device: TrezorStandIn) -> None:
        self.device = device
        self.locked = bool(device.pin)
        self.passphrase = ""
        self.running: Workflow | None = None

    def hear(self, message: Any) -> Any:
        try:
            if self.running and not isinstance(message, m.Initialize | m.Cancel):
                return self.running.send(message)
            self.running = self._workflow(message)
            return next(self.running)
        except StopIteration as over:
            answer = over.value
        except _No as no:
            answer = m.Failure(code=no.code, message=str(no))
        self.running = None
        return answer

    def _workflow(self, message: Any) -> Workflow:  # noqa: PLR0911
        match message:
            case m.Initialize() | m.GetFeatures():
                return self._features()
            case m.ApplyFlags():
                return self._unlocked()
            case m.GetPublicKey():
                return self._root()
            case m.EthereumGetAddress():
                return self._address(message)
            case m.EthereumSignTxEIP1559() | m.EthereumSignTx():
                return self._transaction(message)
            case m.EthereumSignTypedData() if not self.device.model_one:
                return self._typed(message)
            case m.EthereumSignTypedHash() if self.device.model_one:
                return self._typed_hash(message)
            case m.Cancel():
                return _refuse(m.FailureType.ActionCancelled)
            case _:
                return _refuse(m.FailureType.UnexpectedMessage)

    def _features(self) -> Workflow:
        yield from ()
        one = self.device.model_one
        able = [m.Capability.Ethereum, *([] if one else [m.Capability.PassphraseEntry])]
        model, internal = ("1", "T1B1") if one else ("T", "T2T1")
        return m.Features(
            vendor="trezor.io", major_version=1 if one else 2, minor_version=13 if one else 9, patch_version=0,
            initialized=True, session_id=b"s" * 32, pin_protection=bool(self.device.pin), unlocked=not self.locked,
            passphrase_protection=self.device.passphrase is not None, capabilities=able,
            model=model, internal_model=internal,
        )  # fmt: skip

    def _unlocked(self) -> Workflow:
        """A Model One has the PIN typed on the host, in the places in which its screen shows the digits."""
        if self.locked and self.device.model_one:
            answer = yield m.PinMatrixRequest(type=m.PinMatrixRequestType.Current)
            assert isinstance(answer, m.PinMatrixAck)
            if answer.pin != self.device.pin:
                raise _No(m.FailureType.PinInvalid, "PIN invalid")
        elif self.locked:
            yield from self._press(m.ButtonRequestType.PinEntry)
        self.locked = False
        return m.Success()

    def _root(self) -> Workflow:
        yield from self._unlocked()
        if self.device.passphrase is not None:
            answer = yield m.PassphraseRequest()
            assert isinstance(answer, m.PassphraseAck)
            assert bool(answer.on_device) is not self.device.model_one
            self.passphrase = self.device.passphrase if answer.on_device else answer.passphrase or ""
        node = m.HDNodeType(depth=1, fingerprint=1, child_num=0, chain_code=b"c" * 32, public_key=b"k" * 33)
        return m.PublicKey(node=node, xpub="xpub")

    def _address(self, asked: Any) -> Workflow:
        yield from self._unlocked()
        self.device.paths.append(list(asked.address_n))
        return m.EthereumAddress(address=Account.from_key(self._key(asked)).address)

    def _transaction(self, asked: Any) -> Workflow:
        yield from self._unlocked()
        legacy = isinstance(asked, m.EthereumSignTx)
        length, data = asked.data_length or 0, asked.data_initial_chunk or b""
        fees = (asked.gas_price,) if legacy else (asked.max_gas_fee, asked.max_priority_fee)
        if any(len(fee) + len(asked.gas_limit) > _WIDEST_FEE for fee in fees):
            raise _No(m.FailureType.DataError, "Fee overflow")
        if (length and not data) or len(data) > length or len(asked.to or "") not in {40, 42} or not asked.chain_id:
            raise _No(m.FailureType.DataError, "Invalid transaction")
        self.device.chunks.append(len(data))
        while len(data) < length:
            part = yield m.EthereumTxRequest(data_length=min(length - len(data), _CHUNK))
            data += part.data_chunk
            self.device.chunks.append(len(part.data_chunk))
        fields = _fields(asked, data)
        if data:
            yield from self._show("data", data)
        for name in ("to", "value", "chainId"):
            yield from self._show(name, fields[name])
        price = fields["gasPrice" if legacy else "maxFeePerGas"]
        yield from self._show("maximum fee", price * fields["gas"])
        self.device.asked.append("transaction")
        self.device.spoil(fields)
        signed = Account.sign_transaction(fields, self._key(asked))
        parity = (signed.v - 35) % 2 if legacy else signed.v
        return m.EthereumTxRequest(
            signature_v=parity, signature_r=signed.r.to_bytes(32, "big"), signature_s=signed.s.to_bytes(32, "big")
        )

    def _typed(self, asked: Any) -> Workflow:
        assert asked.metamask_v4_compat
        yield from self._unlocked()
        yield from self._show("account", Account.from_key(self._key(asked)).address)
        message = _Message(self._show)
        yield from message.collect("EIP712Domain")
        yield from message.collect(asked.primary_type)
        domain = yield from message.hash_struct("EIP712Domain", [0])
        content = yield from message.hash_struct(asked.primary_type, [1])
        return self._signed_typed(asked, domain, content)

    def _typed_hash(self, asked: Any) -> Workflow:
        yield from self._unlocked()
        yield from self._show("domain", asked.domain_separator_hash)
        yield from self._show("message", asked.message_hash)
        return self._signed_typed(asked, asked.domain_separator_hash, asked.message_hash)

    def _signed_typed(self, asked: Any, domain: bytes, content: bytes) -> Any:
        self.device.asked.append("typed")
        hashes = {"domain": domain, "message": content}
        self.device.spoil(hashes)
        digest = keccak(b"\x19\x01" + hashes["domain"] + hashes["message"])
        key = self._key(asked)
        signature = bytes(Account.unsafe_sign_hash(digest, key).signature)
        return m.EthereumTypedDataSignature(signature=signature, address=Account.from_key(key).address)

    def _show(self, name: str, value: Any) -> Workflow:
        yield from self._press(m.ButtonRequestType.Other)
        self.device.shown.append((name, value))

    def _press(self, code: m.ButtonRequestType) -> Workflow:
        answer = yield m.ButtonRequest(code=code)
        assert isinstance(answer, m.ButtonAck)
        if self.device.answer is not None:
            raise _No(m.FailureType.ActionCancelled, "Cancelled")

    def _key(self, asked: Any) -> bytes:
        return key_at(list(asked.address_n), self.passphrase)


def _refuse(code: m.FailureType) -> Workflow:
    yield from ()
    raise _No(code, code.name)


def _fields(asked: Any, data: bytes) -> dict[str, Any]:
    def number(item: bytes | None) -> int:
        return int.from_bytes(item or b"", "big")

    if isinstance(asked, m.EthereumSignTx):
        prices = {"gasPrice": number(asked.gas_price)}
    else:
        most, tip = number(asked.max_gas_fee), number(asked.max_priority_fee)
        prices = {"type": 2, "maxFeePerGas": most, "maxPriorityFeePerGas": tip}
    return prices | {
        "chainId": asked.chain_id,
        "nonce": number(asked.nonce),
        "gas": number(asked.gas_limit),
        "to": asked.to,
        "value": number(asked.value),
        "data": data,
    }


class _Message:
    """An EIP-712 message as the firmware gets it: the types one by one, then the values, by their places."""

    def __init__(self, show: Any) -> None:
        self.show = show
        self.types: dict[str, list[Any]] = {}

    def collect(self, name: str) -> Workflow:
        self.types[name] = list((yield m.EthereumTypedDataStructRequest(name=name)).members)
        for member in self.types[name]:
            kind = _innermost(member.type)
            if kind.data_type == m.EthereumDataType.STRUCT and kind.struct_name not in self.types:
                yield from self.collect(kind.struct_name)

    def hash_struct(self, name: str, path: list[int]) -> Workflow:
        words = keccak(self._type_text(name).encode())
        for place, member in enumerate(self.types[name]):
            words += yield from self._word(member.name, member.type, [*path, place])
        return keccak(words)

    def _word(self, name: str, kind: Any, path: list[int]) -> Workflow:
        if kind.data_type == m.EthereumDataType.STRUCT:
            return (yield from self.hash_struct(kind.struct_name, path))
        if kind.data_type == m.EthereumDataType.ARRAY:
            size = kind.size
            if size is None:
                size = int.from_bytes((yield m.EthereumTypedDataValueRequest(member_path=path)).value, "big")
            words = b""
            for place in range(size):
                words += yield from self._word(name, kind.entry_type, [*path, place])
            return keccak(words)
        value = (yield m.EthereumTypedDataValueRequest(member_path=path)).value
        yield from self.show(name, _read(kind, value))
        return _encoded(kind, value)

    def _type_text(self, name: str) -> str:
        """encodeType of EIP-712: the struct, then all it refers to, sorted."""
        needed, waiting = set[str](), [name]
        while waiting:
            kinds = [_innermost(member.type) for member in self.types[waiting.pop()]]
            new = {kind.struct_name for kind in kinds if kind.data_type == m.EthereumDataType.STRUCT} - needed
            needed |= new
            waiting += new
        structs = [name, *sorted(needed - {name})]
        return "".join(
            f"{struct}({','.join(f'{_kind_text(member.type)} {member.name}' for member in self.types[struct])})"
            for struct in structs
        )


def _innermost(kind: Any) -> Any:
    return _innermost(kind.entry_type) if kind.data_type == m.EthereumDataType.ARRAY else kind


def _kind_text(kind: Any) -> str:
    t = m.EthereumDataType
    match kind.data_type:
        case t.STRUCT:
            return str(kind.struct_name)
        case t.ARRAY:
            return f"{_kind_text(kind.entry_type)}[{kind.size or ''}]"
        case t.UINT | t.INT:
            return f"{kind.data_type.name.lower()}{8 * kind.size}"
        case t.BYTES:
            return f"bytes{kind.size or ''}"
    return str(kind.data_type.name.lower())


def _encoded(kind: Any, value: bytes) -> bytes:
    t = m.EthereumDataType
    if kind.data_type == t.STRING or (kind.data_type == t.BYTES and kind.size is None):
        return keccak(value)
    if kind.data_type == t.BYTES:
        assert len(value) == kind.size
        return value.ljust(32, b"\0")
    assert len(value) == {t.ADDRESS: 20, t.BOOL: 1}.get(kind.data_type, kind.size)
    return (_number(kind, value) % _UNLIMITED).to_bytes(32, "big")


def _read(kind: Any, value: bytes) -> Any:
    """As the screen has it."""
    match kind.data_type:
        case m.EthereumDataType.ADDRESS:
            return checksum(value)
        case m.EthereumDataType.STRING:
            return value.decode()
        case m.EthereumDataType.BYTES:
            return value
    return _number(kind, value)


def _number(kind: Any, value: bytes) -> int:
    return int.from_bytes(value, "big", signed=kind.data_type == m.EthereumDataType.INT)
