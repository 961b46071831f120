"""ERC-7930 interoperable addresses: a chain and an account as bytes.

    version 0001 | chain type (2) | length of reference (1) | reference | length of address (1) | address

An EVM chain has type 0000 (eip155) and as reference its chain id, big-endian without leading zeros.
"""

from __future__ import annotations

from dataclasses import dataclass

from eth_hash.auto import keccak

from l2send.core.address import ZERO_ADDRESS
from l2send.core.address import checksum as erc55
from l2send.core.errors import BadAddress, Refused
from l2send.core.plan import ChainAddress
from l2send.core.units import ChainId, Token

EIP155 = bytes.fromhex("0000")
_VERSION = bytes.fromhex("0001")
_LENGTH_AT = 4


@dataclass(frozen=True, slots=True)
class Parts:
    """The decoded parts. An empty reference means no chain, an empty address no account."""

    chain_type: bytes
    reference: bytes
    address: bytes


def encode(account: ChainAddress) -> bytes:
    """The bytes of an account on an EVM chain."""
    chain_id = int(account.chain_id)
    reference = chain_id.to_bytes((chain_id.bit_length() + 7) // 8, "big")
    address = bytes.fromhex(account.address[2:])
    return _VERSION + EIP155 + bytes([len(reference)]) + reference + bytes([len(address)]) + address


def text(account: ChainAddress) -> str:
    """The bytes of an account as 0x and hexadecimal digits."""
    return "0x" + encode(account).hex()


def asset(token: Token) -> ChainAddress:
    """A token by its contract; the native coin is the zero address."""
    return ChainAddress(token.chain_id, token.address or ZERO_ADDRESS)


def evm_account(data: bytes) -> ChainAddress:
    """The account on an EVM chain encoded in an order's bytes. Raises Refused for anything else."""
    try:
        parts = split(data)
    except BadAddress as error:
        raise Refused(error.message) from None
    if parts.chain_type != EIP155:
        raise Refused(f"an interoperable address is not of an EVM chain (type 0x{parts.chain_type.hex()}).")
    if not parts.reference:
        raise Refused("an interoperable address names no chain.")
    if parts.reference[0] == 0:
        raise Refused("an interoperable address writes its chain id with leading zeros.")
    if len(parts.address) != 20:
        raise Refused(f"an interoperable address holds {len(parts.address)} bytes, not an account's 20.")
    return ChainAddress(ChainId(int.from_bytes(parts.reference, "big")), erc55(parts.address))


def split(data: bytes) -> Parts:
    """The parts of `data`, of any kind of chain. Raises BadAddress unless the lengths fit exactly."""
    if data[:2] != _VERSION:
        raise BadAddress("not an interoperable address (ERC-7930) of version 1.")
    reference, rest = _sized(data[_LENGTH_AT:])
    address, surplus = _sized(rest)
    if surplus:
        raise BadAddress("the interoperable address (ERC-7930) is longer than it says.")
    return Parts(data[2:_LENGTH_AT], reference, address)


def _sized(data: bytes) -> tuple[bytes, bytes]:
    """The bytes that a length byte announces, and the rest."""
    if not data or len(data) <= data[0]:
        raise BadAddress("the interoperable address (ERC-7930) is shorter than it says.")
    end = 1 + data[0]
    return data[1:end], data[end:]


def interop_checksum(account: ChainAddress) -> str:
    """The eight digits after the # of an ERC-7828 name: a checksum of chain and address together."""
    return keccak(encode(account)[2:])[:4].hex().upper()
