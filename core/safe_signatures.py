"""Signatures of a Safe's owners: their kinds, their proof, and their encoding for `execTransaction`.

| kind | what it is | verified |
|---|---|---|
| EIP-712 | of the SafeTx hash by the owner's key | here |
| eth_sign | the same hash as a personal message; `v` is 4 higher | here |
| approved hash | the owner called `approveHash`, or sends the transaction | by the chain alone |
| contract | the owner is a contract that judges bytes (EIP-1271) | by the chain alone |

Source: safe-global/safe-smart-account, Safe.sol, checkNSignatures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique

from eth_hash.auto import keccak

from l2send.core.address import ZERO_ADDRESS, Address, checksum
from l2send.core.errors import Refused

_LENGTH = 65
_ETH_SIGN = b"\x19Ethereum Signed Message:\n32"
_LONGEST_CONTRACT_SIGNATURE = 4096


@unique
class SignatureKind(StrEnum):
    """How an owner signed."""

    EIP712 = "eip712"
    ETH_SIGN = "eth_sign"
    APPROVED_HASH = "approved_hash"
    CONTRACT = "contract"


@dataclass(frozen=True, slots=True)
class OwnerSignature:
    """One owner's signature of one SafeTx hash."""

    owner: Address
    kind: SignatureKind
    data: bytes
    """65 bytes; for a contract, the bytes that it judges, of any length."""

    @property
    def is_verified(self) -> bool:
        """Whether it is proved to be the owner's without querying the chain."""
        return self.kind in {SignatureKind.EIP712, SignatureKind.ETH_SIGN}


def read_signature(data: bytes, digest: bytes) -> OwnerSignature:
    """A signature of 65 bytes, with its owner: recovered, or named in it. Raises Refused for any other bytes.

    A contract's signature is longer: see `contract_signature`.
    """
    if len(data) != _LENGTH:
        raise Refused(f"a signature of an owner has 65 bytes, and this one {len(data)}.")
    v = data[64]
    if v == 1:
        owner = checksum(data[12:32])
        if data != bytes(12) + data[12:32] + bytes(32) + b"\x01" or owner == ZERO_ADDRESS:
            raise Refused("the signature says that a hash was approved, and is not written so.")
        return OwnerSignature(owner, SignatureKind.APPROVED_HASH, data)
    if v in {27, 28}:
        return OwnerSignature(_recovered(data, digest), SignatureKind.EIP712, data)
    if v in {31, 32}:
        plain = data[:64] + bytes([v - 4])
        return OwnerSignature(_recovered(plain, keccak(_ETH_SIGN + digest)), SignatureKind.ETH_SIGN, data)
    if v == 0:
        raise Refused("the signature is one of a contract (EIP-1271), and what the contract is to judge is missing.")
    raise Refused(f"the signature ends in {v}, which is no kind of signature that a Safe takes.")


def contract_signature(owner: Address, data: bytes) -> OwnerSignature:
    """The bytes that the contract `owner` judges. Raises Refused if they are too long."""
    if len(data) > _LONGEST_CONTRACT_SIGNATURE:
        raise Refused(f"the signature of the contract {owner} has {len(data)} bytes, more than any is known to need.")
    return OwnerSignature(owner, SignatureKind.CONTRACT, data)


def pack_signatures(signatures: Iterable[OwnerSignature]) -> bytes:
    """All of them in `execTransaction`'s format: sorted by owner, the bytes for contracts at the end."""
    ordered = sorted(signatures, key=lambda one: int(one.owner, 16))
    fixed, tail = b"", b""
    for one in ordered:
        if one.kind is SignatureKind.CONTRACT:
            offset = _LENGTH * len(ordered) + len(tail)
            fixed += bytes(12) + bytes.fromhex(one.owner[2:]) + offset.to_bytes(32, "big") + b"\x00"
            tail += len(one.data).to_bytes(32, "big") + one.data
        else:
            fixed += one.data
    return fixed + tail


def _recovered(data: bytes, digest: bytes) -> Address:
    """Raises Refused. Source: ecrecover; a high `s` is refused by EIP-2, so that a key has one signature."""
    from eth_account import Account

    try:
        s = int.from_bytes(data[32:64], "big")
        if s > _HALF_ORDER:
            raise ValueError("high s")
        return checksum(Account._recover_hash(digest, signature=data))  # noqa: SLF001 - no public function
    except Exception as error:  # noqa: BLE001 - the library raises many types of error, and all mean the same
        raise Refused(f"the signature belongs to no account ({type(error).__name__}).") from None


_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Half of secp256k1's group order."""
