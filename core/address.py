"""EVM addresses with their ERC-55 checksum."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NewType

from eth_hash.auto import keccak

from l2send.core.errors import BadAddress, ChecksumMismatch

Address = NewType("Address", str)
"""A 20-byte account address in its ERC-55 form. Made by `parse_address` and `checksum` alone."""

ZERO_ADDRESS = Address("0x" + "0" * 40)

_HEX_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


def checksum(address: str | bytes) -> Address:
    """The ERC-55 form of 20 bytes or of a 0x-prefixed hex string in any case. Raises BadAddress."""
    if isinstance(address, bytes):
        address = "0x" + address.hex()
    if not _HEX_ADDRESS.fullmatch(address):
        raise BadAddress(f"not an EVM address: {address[:60]!r}")
    return _checksummed(address[2:].lower())


@lru_cache(maxsize=2048)
def _checksummed(digits: str) -> Address:
    """Cached: the registry names the same contracts on many chains."""
    digest = keccak(digits.encode()).hex()
    # Joining a list takes half the time, and very many are read. Also as characters, `8` to `f` sort after `7`.
    return Address("0x" + "".join([c.upper() if d >= "8" else c for c, d in zip(digits, digest, strict=False)]))


def parse_address(text: str) -> tuple[Address, bool]:
    """The address a person typed, and whether it has a valid ERC-55 checksum.

    Mixed case must match the checksum; all-lower and all-upper have none (False): the caller asks the user. Raises
    BadAddress, ChecksumMismatch. Source: ERC-55.
    """
    if not _HEX_ADDRESS.fullmatch(text):
        raise BadAddress(_why_not(text), hint="An address is 0x and 40 hexadecimal digits.")
    address = checksum(text)
    digits = text[2:]
    if text == address:
        return address, digits not in (digits.lower(), digits.upper()) or digits.isdigit()
    if digits in (digits.lower(), digits.upper()):
        return address, False
    raise ChecksumMismatch(
        f"the address {text} fails its ERC-55 checksum: at least one character is wrong.",
        hint="Copy the address again from where you got it. Do not retype it.",
    )


def _why_not(text: str) -> str:
    if len(text) == 40 and _HEX_ADDRESS.fullmatch("0x" + text):
        return f"the address {text} lacks its 0x in front."
    if text[:2] in ("0x", "0X") and re.fullmatch(r"[0-9a-fA-F]*", text[2:], re.ASCII):
        return f"the address has {len(text) - 2} hexadecimal digits, not 40." if text[1] == "x" else "write 0x, not 0X."
    return f"not an EVM address: {text[:80]!r}."


_ENDS = 4
"""Characters at each end: people compare these, and imitations copy them."""


def alike(one: Address, other: Address) -> bool:
    """Whether two different addresses have the same ends, the only part that most people compare."""
    return one.lower() != other.lower() and ends(one) == ends(other)


def ends(address: Address) -> str:
    """The first and last characters, in lower case, which people compare and imitations copy."""
    return address[2 : 2 + _ENDS].lower() + address[-_ENDS:].lower()


def short(address: Address) -> str:
    """`0xd8dA…6045`, for questions, lists and tables; the review and its details print whole addresses."""
    return f"{address[: 2 + _ENDS]}…{address[-_ENDS:]}"
