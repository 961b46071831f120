"""Signing: turns a transaction, its nonce and its price into bytes that contain exactly these, or raises.

For an EIP-712 message, the signed digest is computed here from its fields.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, Protocol

from l2send.core.address import ZERO_ADDRESS, Address, checksum
from l2send.core.errors import ConfigError, Refused
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.typed_data import TypedData
from l2send.core.units import ChainId, Gas, Nonce
from l2send.wallet.keys.signed import SignedTx, decode_signed, signer_of_typed
from l2send.wallet.keys.tx_encoding import Item, authorization_digest, encoding_of, signature_by


class Signer(Protocol):
    """Signs with a key on this machine or in a device."""

    @property
    def address(self) -> Address:
        """The account that pays."""
        ...

    def sign(self, chain_id: ChainId, nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> SignedTx:
        """Signed bytes that were decoded again and contain exactly these values. Raises Refused, ConfigError."""
        ...

    def sign_typed(self, data: TypedData) -> bytes:
        """The signature of an EIP-712 message, 65 bytes r, s, v with v 27 or 28, verified to be this account's.

        Raises Refused, ConfigError.
        """
        ...


class SecretKey:
    """32 bytes that no repr, log line, pickle or comparison shows."""

    __slots__ = ("__secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != 32:
            raise ConfigError("a private key has 32 bytes.")
        self.__secret = secret

    def __repr__(self) -> str:
        return "SecretKey(hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret key is never serialised")

    def reveal(self) -> bytes:
        """The bytes, for the library that signs or encrypts. Keep them in no variable."""
        return self.__secret

    @classmethod
    def from_hex(cls, text: str) -> SecretKey:
        """Parse a key of 64 hexadecimal digits, with or without 0x. Raises ConfigError without repeating the text."""
        digits = text.strip().removeprefix("0x")
        if len(digits) == 64 and digits.isascii():
            try:
                return cls(bytes.fromhex(digits))
            except ValueError:
                pass
        raise ConfigError("that is not a private key: 64 hexadecimal digits are expected.") from None


class LocalSigner:
    """Signs with a key in this process's memory."""

    def __init__(self, key: SecretKey) -> None:
        self._key = key
        self._address = address_of(key)

    def __repr__(self) -> str:
        return f"LocalSigner({self._address})"

    @property
    def address(self) -> Address:
        """The account that pays."""
        return self._address

    def sign(self, chain_id: ChainId, nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> SignedTx:
        """See Signer."""
        refuse_unbound(chain_id, tx)
        authorizations = [self._authorization(tx, nonce)] if tx.delegate_to is not None else []
        encoding = encoding_of(nonce, tx, gas, price, authorizations)
        parity, r, s = self._signature(lambda: encoding.digest, "transaction")
        signed = SignedTx.of(encoding.signed(parity, r, s))
        said = decode_signed(signed.raw)
        if said.sender != self.address or not said.matches(nonce, tx, gas, price):
            raise Refused("the signed bytes do not say what was to be signed.")
        return signed

    def sign_typed(self, data: TypedData) -> bytes:
        """See Signer."""
        digest = data.digest
        parity, r, s = self._signature(lambda: digest, "message")
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + parity])
        if signer_of_typed(data, signature) != self.address:
            raise Refused("the signature is not one of this account over this message.")
        return signature

    def _authorization(self, tx: UnsignedTx, nonce: Nonce) -> list[Item]:
        """For this chain only, and valid only in the transaction with `nonce`. Source: EIP-7702."""
        code = bytes.fromhex((tx.delegate_to or ZERO_ADDRESS)[2:])
        signature = self._signature(lambda: authorization_digest(tx.chain_id, code, nonce + 1), "authorization")
        return [tx.chain_id, code, nonce + 1, *signature]

    def _signature(self, digest: Callable[[], bytes], what: str) -> tuple[int, int, int]:
        """The signature's parity, r and s."""
        # Raised outside the handler, so that no traceback leads to a frame that holds the key.
        try:
            parity, r, s = signature_by(self._key.reveal(), digest()).vrs
            return parity, r, s
        except Exception as error:  # noqa: BLE001
            failure = type(error).__name__
        raise ConfigError(f"the {what} could not be signed ({failure}).")


def address_of(key: SecretKey) -> Address:
    """The account of a key. Raises ConfigError for bytes that are not a secp256k1 key."""
    from eth_keys.datatypes import PrivateKey

    try:
        return checksum(PrivateKey(key.reveal()).public_key.to_checksum_address())
    except Exception:  # noqa: BLE001, S110
        pass
    raise ConfigError("that is not a private key of an Ethereum account.")


def refuse_unbound(chain_id: ChainId, tx: UnsignedTx) -> None:
    """Refuses a transaction without a chain id (it could be replayed) or a recipient (it creates a contract)."""
    if chain_id < 1 or tx.chain_id != chain_id:
        raise Refused(f"the transaction is for chain {tx.chain_id}, not {chain_id}.")
    if not tx.to or checksum(tx.to) == ZERO_ADDRESS:
        raise Refused("the transaction names no recipient.")
