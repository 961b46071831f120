"""Signing: turns a transaction, its nonce and its price into bytes that contain exactly these, or raises.

For an EIP-712 message, the signed digest is computed here from its fields.
"""

from __future__ import annotations

from typing import Any, NoReturn, Protocol

from l2send.core.address import ZERO_ADDRESS, Address, checksum
from l2send.core.errors import ConfigError, Refused
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.typed_data import TypedData
from l2send.core.units import ChainId, Gas, Nonce
from l2send.wallet.keys.signed import SignedTx, decode_signed, signer_of_typed


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
        fields = _fields(nonce, tx, gas, price)
        if tx.delegate_to is not None:
            fields |= {"type": 4, "authorizationList": [self._authorization(chain_id, tx.delegate_to, nonce)]}
        signed = SignedTx.of(self._signed_bytes(fields))
        said = decode_signed(signed.raw)
        if said.sender != self.address or not said.matches(nonce, tx, gas, price):
            raise Refused("the signed bytes do not say what was to be signed.")
        return signed

    def sign_typed(self, data: TypedData) -> bytes:
        """See Signer."""
        signature = self._signature(data.digest)
        if signer_of_typed(data, signature) != self.address:
            raise Refused("the signature is not one of this account over this message.")
        return signature

    def _authorization(self, chain_id: ChainId, code: Address, nonce: Nonce) -> Any:
        """For this chain only, and valid only in the transaction with `nonce`. Source: EIP-7702."""
        from eth_account import Account

        try:
            message = {"chainId": int(chain_id), "address": code, "nonce": nonce + 1}
            return Account.sign_authorization(message, self._key.reveal())
        except Exception as error:  # noqa: BLE001
            failure = type(error).__name__
        raise ConfigError(f"the authorization could not be signed ({failure}).")

    def _signature(self, digest: bytes) -> bytes:
        from eth_account import Account

        try:
            return bytes(Account.unsafe_sign_hash(digest, self._key.reveal()).signature)
        except Exception as error:  # noqa: BLE001
            failure = type(error).__name__
        raise ConfigError(f"the message could not be signed ({failure}).")

    def _signed_bytes(self, fields: dict[str, Any]) -> bytes:
        from eth_account import Account

        # Raised outside the handler, so that no traceback leads to a frame that holds the key.
        try:
            return bytes(Account.sign_transaction(fields, self._key.reveal()).raw_transaction)
        except Exception as error:  # noqa: BLE001
            failure = type(error).__name__
        raise ConfigError(f"the transaction could not be signed ({failure}).")


def address_of(key: SecretKey) -> Address:
    """The account of a key. Raises ConfigError for bytes that are not a secp256k1 key.

    By eth_keys, which eth_account uses too: it is loaded in a fifth of the time, and the first requests wait for it.
    """
    from eth_keys.datatypes import PrivateKey

    try:
        return checksum(PrivateKey(key.reveal()).public_key.to_address())
    except Exception:  # noqa: BLE001, S110
        pass
    raise ConfigError("that is not a private key of an Ethereum account.")


def refuse_unbound(chain_id: ChainId, tx: UnsignedTx) -> None:
    """Refuses a transaction without a chain id (it could be replayed) or a recipient (it creates a contract)."""
    if chain_id < 1 or tx.chain_id != chain_id:
        raise Refused(f"the transaction is for chain {tx.chain_id}, not {chain_id}.")
    if not tx.to or checksum(tx.to) == ZERO_ADDRESS:
        raise Refused("the transaction names no recipient.")


def _fields(nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "chainId": tx.chain_id,
        "nonce": nonce,
        "to": tx.to,
        "value": tx.value,
        "data": tx.data,
        "gas": gas,
    }
    if price.legacy:
        return fields | {"gasPrice": price.max_fee_per_gas}
    return fields | {"type": 2, "maxFeePerGas": price.max_fee_per_gas, "maxPriorityFeePerGas": price.tip}
