"""What a text says about an account, before a chain is asked for, a name is looked up, or it is refused.

Each form of writing has a file of its own that reads a text into a `Spelling`.
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
    """Whether `text` is an address as the XDC network writes it."""
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
    """It was not typed: the address book holds it, where it was checked when it was added."""
    ENS = "ens"
    """It was not typed: the Ethereum Name Service names it for this very chain."""


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """What a payment link asks for. `token` is None for the chain's native coin, `units` if it names no amount."""

    token: Address | None
    units: int | None


@dataclass(frozen=True, slots=True)
class Spelling:
    """One reading of a text. What it does not say is None or empty."""

    form: str
    """The standard it follows, for people: `ERC-3770`."""
    chain: Chain | None = None
    address: Address | None = None
    name: str = ""
    """An ENS name, normalised; it stands for an address that is not known yet."""
    vouched_by: Voucher = Voucher.NONE
    checksum: str = ""
    """An ERC-7828 checksum that the address of `name` must match."""
    request: LinkRequest | None = None
    contact: str = ""
    """The name it has in the address book."""
    among: tuple[Chain, ...] = ()
    """If no chain is named: the chains it can be on. Empty: any."""


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
