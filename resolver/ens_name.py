"""ENS names: recognition, normal form, node, wire form, and a chain's coin type."""

from __future__ import annotations

import re

from eth_hash.auto import keccak

from l2send.core.errors import UnknownName
from l2send.core.units import ChainId

ETH_COIN_TYPE = 60
_EVM_BIT = 0x80000000
_MOST_CHARACTERS = 255


def is_name(text: str) -> bool:
    """Whether `text` can only be a name: labels separated by dots, the last one not a number."""
    last = text.rpartition(".")[2]
    return "." in text and bool(last) and not last.isdigit() and not re.search(r"[\s:@#/?]", text)


def normalised(text: str) -> str:
    """The normal form of this name in ENS. Raises UnknownName for an invalid name.

    Source: ENSIP-15, implemented by the package ens-normalize.
    """
    from ens_normalize import DisallowedSequence, ens_normalize

    if len(text) > _MOST_CHARACTERS:
        raise UnknownName(f"a name of {len(text)} characters is longer than ENS allows.")
    try:
        return str(ens_normalize(text))
    except DisallowedSequence as error:
        raise UnknownName(
            f"{text[:60]!r} is not a name that ENS allows: {error}", hint="Ask the recipient how it is spelled."
        ) from None


def suffixes(name: str) -> list[str]:
    """The name, its parent, and so on up to the top."""
    labels = name.split(".")
    return [".".join(labels[i:]) for i in range(len(labels))]


def namehash(name: str) -> bytes:
    """The node of a normalised name. Source: EIP-137."""
    node = bytes(32)
    for label in reversed(name.split(".")):
        node = keccak(node + keccak(label.encode()))
    return node


def wire(name: str) -> bytes:
    """A normalised name in DNS wire format. Raises UnknownName. Source: ENSIP-10."""
    labels = [label.encode() for label in name.split(".")]
    if any(len(label) > _MOST_CHARACTERS for label in labels):
        raise UnknownName("a part of the name is longer than ENS allows.")
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def coin_type(chain_id: ChainId) -> int:
    """The coin type of a name's record for that chain. Raises UnknownName. Source: ENSIP-9, ENSIP-11."""
    if chain_id == 1:
        return ETH_COIN_TYPE
    if chain_id >= _EVM_BIT:
        raise UnknownName(f"ENS has no record for a chain id as large as {chain_id}.", hint="Write the address.")
    return _EVM_BIT | chain_id
