"""Interoperable addresses: ERC-7930 as hex bytes, and ERC-7828 as text, `0x…@base#17DE0709` or `alice.eth@base`."""

from __future__ import annotations

import re

from l2send.core import erc7930
from l2send.core.address import Address, checksum
from l2send.core.chains import Chain, Registry
from l2send.core.errors import BadAddress, ChecksumMismatch
from l2send.core.plan import ChainAddress
from l2send.core.units import ChainId
from l2send.resolver import caip
from l2send.resolver.other_networks import foreign_network
from l2send.resolver.spelling import Account, Spelling, Voucher, read_account

_BINARY = re.compile(r"0x0001(?:[0-9a-fA-F]{2})+", re.ASCII)
_ACCOUNT_DIGITS = 42
_CHECKSUM = re.compile(r"[0-9A-F]{8}", re.ASCII)
_TYPES = {bytes.fromhex("0001"): "Bitcoin", bytes.fromhex("0002"): "Solana"}
_LABELS = {"ethereum": ChainId(1)}
"""Chain labels in the standard's examples that are not short names."""


def is_binary(text: str) -> bool:
    """Whether `text` is ERC-7930 in hex: starts with the version, and its lengths fit."""
    if not _BINARY.fullmatch(text) or len(text) == _ACCOUNT_DIGITS:
        return False
    try:
        erc7930.split(bytes.fromhex(text[2:]))
    except BadAddress:
        return False
    return True


def read_binary(text: str, registry: Registry) -> Spelling:
    """ERC-7930 in hex. Raises BadAddress, UnknownChain."""
    parts = erc7930.split(bytes.fromhex(text[2:]))
    if parts.chain_type != erc7930.EIP155:
        what = _TYPES.get(parts.chain_type, f"chain type 0x{parts.chain_type.hex()}")
        raise BadAddress(f"that is an interoperable address of {what}, and l2send pays EVM chains only.")
    if not parts.address:
        raise BadAddress("the interoperable address (ERC-7930) names a chain and no account.")
    if len(parts.address) != 20:
        raise BadAddress(f"the interoperable address (ERC-7930) holds {len(parts.address)} bytes, not 20.")
    return Spelling("ERC-7930", _chain_of(parts.reference, registry), checksum(parts.address))


def _chain_of(reference: bytes, registry: Registry) -> Chain:
    """The chain of an eip155 reference. A missing one must not be filled in by the sender. Raises BadAddress."""
    if not reference:
        raise BadAddress(
            "the interoperable address (ERC-7930) names no chain, so it cannot be paid.",
            hint="Ask the recipient for one that names the chain.",
        )
    if reference[0] == 0:
        raise BadAddress("the interoperable address (ERC-7930) writes its chain id with leading zeros.")
    return registry.chain(ChainId(int.from_bytes(reference, "big")))


def read_name(text: str, registry: Registry) -> Spelling:
    """ERC-7828: address or name, `@`, chain. Raises BadAddress, ChecksumMismatch, UnknownChain, UnknownName."""
    account_text, _, rest = text.rpartition("@")
    label, mark, digits = rest.partition("#")
    if mark and not _CHECKSUM.fullmatch(digits):
        raise BadAddress(f"not an ERC-7828 checksum: {digits[:20]!r}.", hint="It is 8 digits, A to F upper case.")
    if not label:
        raise BadAddress("the chain is missing behind the @.", hint="Write for example 0x…@base")
    chain = _chain_called(label, registry)
    account = read_account(account_text)
    if account.address and digits:
        require(digits, chain, account.address)
        account = Account(account.address, "", Voucher.ERC7828)
    pending = digits if account.name else ""
    return Spelling("ERC-7828", chain, account.address, account.name, account.vouched_by, pending)


def _chain_called(label: str, registry: Registry) -> Chain:
    if ":" in label:
        return caip.evm_chain(label, registry)
    chain = registry.find(label)
    if chain:
        return chain
    if label in _LABELS:
        return registry.chain(_LABELS[label])
    network = foreign_network(label)
    if network:
        raise BadAddress(f"that is an account on {network}, and l2send pays EVM chains only.")
    return registry.named(label)


def require(digits: str, chain: Chain, address: Address) -> None:
    """Raises ChecksumMismatch if `digits` is not the ERC-7828 checksum of this account."""
    if digits != erc7930.interop_checksum(ChainAddress(chain.chain_id, address)):
        raise ChecksumMismatch(
            f"{address} on {chain.name} fails its ERC-7828 checksum #{digits}: "
            "the address or the chain is not the one that was meant.",
            hint="Copy it again from where you got it. Do not retype it.",
        )


def write_binary(account: ChainAddress) -> str:
    """The ERC-7930 form of an account, in hex."""
    return "0x" + erc7930.encode(account).hex()


def write_name(account: ChainAddress, chain: Chain) -> str:
    """The ERC-7828 form of an account, with its checksum."""
    return f"{account.address}@{chain.short_name}#{erc7930.interop_checksum(account)}"
