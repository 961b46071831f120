"""The address book: your names for accounts, kept in contacts.toml of the configuration folder.

    alice          the contact, on the one chain it is known on
    base:alice     the contact on that chain, if it is known there
    alice@base     the same

A contact's name has neither a dot nor a colon and is not a chain's short name, so it cannot be confused with another
form of destination. Its address was checked when it was added, and is stored: nothing is resolved when it is paid.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from l2send.core.address import Address, alike, parse_address
from l2send.core.chains import Chain, Registry
from l2send.core.errors import BadAddress, BadRecipient, ConfigError, L2sendError, UsageError
from l2send.core.never_paid import why_unpayable
from l2send.core.text import clean
from l2send.core.toml_text import parse_toml
from l2send.core.trusted_files import read_trusted_text
from l2send.resolver.other_networks import foreign
from l2send.resolver.spelling import Spelling, Voucher

SCHEMA = 1
FORM = "contact"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}", re.ASCII)
_KEYS = frozenset({"address", "chains", "ens"})
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Contact:
    """An account with your name for it."""

    name: str
    address: Address
    chains: tuple[str, ...] = ()
    """Short names of the chains it is known on. Empty: on any chain, named with each payment."""
    ens: str = ""
    """The ENS name from which the address was resolved when it was added; it is not resolved again."""

    def __str__(self) -> str:
        places = [f"{chain}:{self.address}" for chain in self.chains] or [f"{self.address} on any chain"]
        return ", ".join(places)


@dataclass(frozen=True, slots=True)
class Book:
    """All contacts, in the order of the file."""

    contacts: Mapping[str, Contact] = field(default_factory=dict[str, Contact])

    def __iter__(self) -> Iterator[Contact]:
        return iter(self.contacts.values())

    def __len__(self) -> int:
        return len(self.contacts)

    def named(self, name: str) -> Contact:
        """The contact with that name, in any case. Raises UsageError with a suggestion."""
        contact = self.contacts.get(name.lower())
        if contact:
            return contact
        near = self.resembles(name)
        raise UsageError(
            f"no contact is called {clean(name, 40)!r}.",
            hint=f"Did you mean: {near}" if near else "`l2send contacts list` shows them all.",
        )

    def resembles(self, name: str) -> str:
        """Contacts with names similar to `name`, for a hint; usually empty."""
        return ", ".join(difflib.get_close_matches(name.lower(), self.contacts, n=3, cutoff=0.7))

    def at(self, address: Address, chain: Chain) -> Contact | None:
        """The contact with this account, or None."""
        here = (c for c in self if c.address == address)
        return next((c for c in here if not c.chains or chain.short_name in c.chains), None)

    def read(self, text: str, registry: Registry) -> Spelling | None:
        """The spelling of `text` if it names a contact, else None. Raises BadAddress for a chain it is not known on."""
        name, short_name = name_and_chain(text)
        if name.lower() not in self.contacts or (short_name and registry.find(short_name) is None):
            return None
        contact = self.contacts[name.lower()]
        known = tuple(registry.named(chain) for chain in contact.chains)
        chain = registry.named(short_name) if short_name else known[0] if len(known) == 1 else None
        if chain and known and chain not in known:
            raise BadAddress(
                f"the contact {contact.name} is not known on {chain.name}: it is {contact}.",
                hint=f"If its owner says that it is theirs there too: l2send contacts add {contact.name} "
                f"{short_name}:{contact.address}",
            )
        return Spelling(FORM, chain, contact.address, vouched_by=Voucher.CONTACT, contact=contact.name, among=known)

    def check_new(self, contact: Contact, registry: Registry) -> None:
        """Raises UsageError for a contact that cannot be added to this book."""
        check_name(contact.name, registry)
        _check_address(contact, registry)
        for other in self:
            if other.name == contact.name:
                raise UsageError(
                    f"a contact called {other.name} is there already: {other}.",
                    hint=f"Choose another name, or first: l2send contacts remove {other.name}",
                )
            if other.address == contact.address:
                raise UsageError(
                    f"{contact.address} is in your contacts already, as {other.name}.",
                    hint=f"Pay it by that name, or first: l2send contacts remove {other.name}",
                )
            if alike(other.address, contact.address):
                raise UsageError(
                    f"{contact.address} looks like the address of {other.name}, {other.address}, and is another one.\n"
                    "Imitations with the same first and last characters are used to divert payments.",
                    hint="Compare every character with what the recipient says. Nothing was added.",
                )


NO_CONTACTS = Book()


def name_and_chain(text: str) -> tuple[str, str]:
    """A name and a chain's short name, which may be empty, in either notation: `base:bob`, `bob@base`."""
    before, colon, behind = text.partition(":")
    if colon:
        return behind, before
    before, _, behind = text.partition("@")
    return before, behind


def check_name(name: str, registry: Registry) -> None:
    """Raises UsageError for an invalid contact name."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{clean(name, 40)!r} is no name for a contact.",
            hint="Use small letters, digits, - and _: a letter first, at most 31 characters.",
        )
    if registry.find(name) or name in registry.retired:
        raise UsageError(f"{name} is the name of a chain.", hint="Choose another name.")
    if foreign(name):
        raise UsageError(f"{name} could be taken for {foreign(name)}.", hint="Choose another name.")


def _check_address(contact: Contact, registry: Registry) -> None:
    """Raises BadRecipient for a token, a bridge or an address without a key: a name would hide what it is."""
    chains: Iterable[Chain] = [registry.named(name) for name in contact.chains] or registry
    for chain in chains:
        reason = why_unpayable(contact.address, chain, registry)
        if reason:
            raise BadRecipient(f"{chain.short_name}:{contact.address} is {reason}.", hint="Nothing was added.")


def load_book(path: Path) -> Book:
    """The contacts of a file; none if there is no such file. Raises ConfigError for one that cannot be trusted."""
    try:
        text = read_trusted_text(path)
    except FileNotFoundError:
        return NO_CONTACTS
    return parse_book(text, str(path))


def parse_book(text: str, where: str) -> Book:
    """Parse contacts in the file's format. Raises ConfigError that names `where` they are."""
    try:
        data = parse_toml(text)
        schema = data.get("schema")
        if schema != SCHEMA:
            newer = " It was written by a newer l2send." if isinstance(schema, int) and schema > SCHEMA else ""
            raise ValueError(f"its schema is {schema!r}, not {SCHEMA}.{newer}")
        contacts = [_contact(name, entry) for name, entry in data.get("contacts", {}).items()]
    except (AttributeError, KeyError, TypeError, ValueError, L2sendError) as error:
        raise ConfigError(f"{where} is not usable: {clean(error, 300)}", hint="Correct the file.") from error
    return Book({contact.name: contact for contact in contacts})


def _contact(name: str, entry: Mapping[str, Any]) -> Contact:
    """One entry. An address without its checksum is refused: a typing error in the file would go unnoticed."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a contact")
    unknown = entry.keys() - _KEYS
    if unknown:
        raise ValueError(f"the contact {name} has {', '.join(sorted(unknown))}, which is not known here")
    address, _ = parse_address(str(entry["address"]))
    if entry["address"] != address:
        raise ValueError(f"the address of {name} lacks its ERC-55 checksum; write {address}")
    chains = tuple(clean(chain, 60) for chain in entry.get("chains", ()))
    return Contact(name, address, chains, clean(entry.get("ens", ""), _LONGEST_NAME))
