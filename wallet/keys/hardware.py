"""Keys in a hardware wallet: it shows what it signs and returns r and s, which are checked; nothing else is trusted.

l2send assembles the bytes, not the device. They are decoded again, and must be this account's signature of exactly the
request. The devices and their protocols are in `ledger` and `trezor`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from l2send.core.address import Address
from l2send.core.errors import Refused
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.typed_data import TypedData
from l2send.core.units import ChainId, Gas, Nonce
from l2send.wallet.keys.signed import HALF_ORDER, SignedTx, decode_signed, signer_of_typed
from l2send.wallet.keys.signer import refuse_unbound

RS = tuple[int, int]
"""The two numbers of an ECDSA signature. The parity is found by trying both."""

REJECTED_HINT = "A payment that was begun waits: `l2send resume ID` asks the device again."
_TYPE_2 = b"\x02"


class Device(Protocol):
    """A device with one account selected. Every method raises ConfigError, or Interrupted for a no on the device."""

    @property
    def name(self) -> str:
        """The product's name: `Ledger`."""
        ...

    def address(self) -> Address:
        """The account."""
        ...

    def sign_tx(self, nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> RS:
        """Show the transaction on the device and have it signed."""
        ...

    def sign_typed(self, data: TypedData) -> RS:
        """Show the EIP-712 message on the device, or its hashes, and have it signed."""
        ...


class HardwareSigner:
    """A Signer with its key in a device."""

    def __init__(self, device: Device, say: Callable[[str], None]) -> None:
        """`say` receives a sentence when you have to look at the device. Raises ConfigError."""
        self._device, self._say = device, say
        self._address = device.address()

    @property
    def address(self) -> Address:
        """The account that pays."""
        return self._address

    def sign(self, chain_id: ChainId, nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> SignedTx:
        """See Signer."""
        refuse_unbound(chain_id, tx)
        if tx.delegate_to is not None:
            raise Refused(f"l2send does not sign delegations on a {self._device.name} (EIP-7702).")
        self._say(f"compare and confirm on the {self._device.name}")
        r, s = _low(self._device.sign_tx(nonce, tx, gas, price))
        for parity in (0, 1):
            signed = SignedTx.of(_with_signature(nonce, tx, gas, price, (parity, r, s)))
            said = decode_signed(signed.raw)
            if said.sender == self._address and said.matches(nonce, tx, gas, price):
                return signed
        raise Refused(f"what the {self._device.name} signed is not this transaction; it was thrown away.")

    def sign_typed(self, data: TypedData) -> bytes:
        """See Signer."""
        self._say(f"compare and confirm on the {self._device.name}")
        r, s = _low(self._device.sign_typed(data))
        for v in (27, 28):
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])
            if signer_of_typed(data, signature) == self._address:
                return signature
        raise Refused(f"what the {self._device.name} signed is not this message; it was thrown away.")


def unsigned_bytes(nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> bytes:
    """The transaction's unsigned bytes, whose hash is signed. Source: EIP-1559, EIP-155."""
    import rlp  # type: ignore[import-untyped]

    if price.legacy:
        return bytes(rlp.encode([*_legacy(nonce, tx, gas, price), tx.chain_id, 0, 0]))
    return _TYPE_2 + bytes(rlp.encode(_type_2(nonce, tx, gas, price)))


def _with_signature(nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice, signature: tuple[int, int, int]) -> bytes:
    import rlp

    parity, r, s = signature
    if price.legacy:
        return bytes(rlp.encode([*_legacy(nonce, tx, gas, price), 35 + 2 * tx.chain_id + parity, r, s]))
    return _TYPE_2 + bytes(rlp.encode([*_type_2(nonce, tx, gas, price), parity, r, s]))


def _legacy(nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> list[Any]:
    return [nonce, price.max_fee_per_gas, gas, bytes.fromhex(tx.to[2:]), tx.value, tx.data]


def _type_2(nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> list[Any]:
    to = bytes.fromhex(tx.to[2:])
    return [tx.chain_id, nonce, price.tip, price.max_fee_per_gas, gas, to, tx.value, tx.data, []]


def _low(signature: RS) -> RS:
    """Raises Refused for an s that nodes reject. Source: EIP-2."""
    if not 0 < signature[1] <= HALF_ORDER:
        raise Refused("the device gave a signature that no node takes; it was thrown away.")
    return signature
