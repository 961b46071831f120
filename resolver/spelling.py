"""The parsed form of a destination, before a chain is requested, a name is resolved, or it is refused.

Each form has its own file, which parses a text into a `Spelling`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum, unique

from l2send.core.address import Address, parse_address
from l2send.core.chains import Chain
from l2send.core.errors import BadAddress
from l2send.resolver.ens_name import is_name, normalised
from l2send.resolver.other_networks import foreign

_XDC = re.compile("xdc[0-9a-f]{40}", re.ASCII | re.IGNORECASE)
"""An EVM address with another prefix. Source: docs.xdc.network, the xdc prefix."""


def is_xdc(text: str) -> bool:
    """Whether `text` is an address in the XDC network's notation."""
    return _XDC.fullmatch(text) is not None


@unique
class Voucher(StrEnum):
    """What confirms that the address is the intended one."""

    NONE = "nobody"
    """A mistyped character would go unnoticed."""
    ERC55 = "erc-55"
    """Its own mixed case."""
    ERC7828 = "erc-7828"
    """A checksum over chain and address."""
    CONTACT = "contact"
    """Not typed: the address is from the address book, where it was checked when it was added."""
    ENS = "ens"
    """Not typed: the Ethereum Name Service returns it for exactly this chain."""


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """The request in a payment link. `token` is None for the chain's native coin, `units` if it names no amount."""

    token: Address | None
    units: int | None


@dataclass(frozen=True, slots=True)
class Spelling:
    """One parsed destination. Fields that it does not specify are None or empty."""

    form: str
    """The name of its standard: `ERC-3770`."""
    chain: Chain | None = None
    address: Address | None = None
    name: str = ""
    """An ENS name, normalised, whose address is not known yet."""
    vouched_by: Voucher = Voucher.NONE
    checksum: str = ""
    """An ERC-7828 checksum that the address of `name` must match."""
    request: LinkRequest | None = None
    contact: str = ""
    """Its name in the address book."""
    among: tuple[Chain, ...] = ()
    """Without a chain: the chains it can be on. Empty: any."""


@dataclass(frozen=True, slots=True)
class Account:
    """The part of a text that names the account: an address or a name."""

    address: Address | None
    name: str
    vouched_by: Voucher


def read_account(text: str) -> Account:
    """An address or an ENS name. Raises BadAddress, ChecksumMismatch, UnknownName."""
    if is_xdc(text):
        raise BadAddress(
            "that is an address as the XDC network writes it; l2send takes the same one with 0x in front.",
            hint=f"Write 0x{text[3:]}",
        )
    elsewhere = foreign(text)
    if elsewhere:
        raise BadAddress(f"that is {elsewhere}, and l2send pays EVM chains only.")
    if is_name(text):
        return Account(None, normalised(text), Voucher.NONE)
    address, checksummed = parse_address(text)
    return Account(address, "", Voucher.ERC55 if checksummed else Voucher.NONE)
