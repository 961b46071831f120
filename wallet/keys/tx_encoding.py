"""Encodes transactions and their signatures, with rlp and eth_keys.

eth_account encodes the same bytes, which a test compares. But it imports pydantic and the cryptography of blobs, which
takes longer than all else that a direct payment loads to sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from eth_hash.auto import keccak

from l2send.core.address import Address, checksum
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.units import ChainId, Gas, Nonce

if TYPE_CHECKING:
    from eth_keys.datatypes import Signature

LEGACY, TYPE_2, TYPE_4 = 0, 2, 4
_AUTHORIZES = 5
"""The first byte of what an authorization signs. Source: EIP-7702, MAGIC."""
Item: TypeAlias = "int | bytes | Sequence[Item]"


@dataclass(frozen=True, slots=True)
class Encoding:
    """A transaction's fields in RLP's order, without its signature."""

    kind: int
    """Its type (EIP-2718), 0 for legacy."""
    chain_id: ChainId
    items: Sequence[Item]

    @property
    def digest(self) -> bytes:
        """The 32 bytes that are signed. Sources: EIP-155, EIP-1559, EIP-7702."""
        bound = [self.chain_id, 0, 0] if self.kind == LEGACY else []
        return keccak(self._encoded([*self.items, *bound]))

    def signed(self, parity: int, r: int, s: int) -> bytes:
        """The transaction that a node takes."""
        v = self.chain_id * 2 + 35 + parity if self.kind == LEGACY else parity
        return self._encoded([*self.items, v, r, s])

    def _encoded(self, items: Sequence[Item]) -> bytes:
        return (bytes([self.kind]) if self.kind else b"") + rlp_encoded(items)


def encoding_of(
    nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice, authorizations: Sequence[Sequence[Item]] = ()
) -> Encoding:
    """The fields of a transaction; a legacy one for a chain without EIP-1559."""
    call: list[Item] = [gas, bytes.fromhex(tx.to[2:]), tx.value, tx.data]
    if price.legacy:
        return Encoding(LEGACY, tx.chain_id, [nonce, price.max_fee_per_gas, *call])
    items: list[Item] = [tx.chain_id, nonce, price.tip, price.max_fee_per_gas, *call, []]
    if authorizations:
        return Encoding(TYPE_4, tx.chain_id, [*items, authorizations])
    return Encoding(TYPE_2, tx.chain_id, items)


def authorization_digest(chain_id: Item, code: bytes, nonce: Item) -> bytes:
    """The 32 bytes that allow `code` to be the account's. Source: EIP-7702."""
    return keccak(bytes([_AUTHORIZES]) + rlp_encoded([chain_id, code, nonce]))


def rlp_encoded(items: Sequence[Item]) -> bytes:
    """The items as RLP."""
    import rlp  # type: ignore[import-untyped]

    encoded: Any = rlp.encode(items)
    return bytes(encoded)


def signature_by(key: bytes, digest: bytes) -> Signature:
    """A deterministic signature (RFC 6979) with a low s (EIP-2), by libsecp256k1 where coincurve is installed.

    Raises the library's exceptions, whose frames hold the key.
    """
    from eth_keys.datatypes import PrivateKey

    return PrivateKey(key).sign_msg_hash(digest)


def signer_of(digest: bytes, parity: int, r: int, s: int) -> Address:
    """The account that signed. Raises the library's exceptions for a signature of no account."""
    from eth_keys.datatypes import Signature

    signature = Signature(vrs=(parity, r, s))
    return checksum(signature.recover_public_key_from_msg_hash(digest).to_checksum_address())
