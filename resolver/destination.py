"""Parses a destination in any form into an account on a chain.

    understand   what the text says, without a network
    look_up      the account it names: a name is looked up in ENS; the chain must be known by then

Each form has its file: erc3770, erc7828 (and ERC-7930), caip (CAIP-10), payment_uri (EIP-681), contacts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from l2send.core.address import Address
from l2send.core.chains import Chain, Registry
from l2send.core.errors import BadAddress, BadRecipient
from l2send.core.never_paid import why_unpayable
from l2send.core.plan import ChainAddress
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount, ChainId, Token
from l2send.resolver import caip, ens, erc3770, erc7828, payment_uri
from l2send.resolver.contacts import NO_CONTACTS, Book
from l2send.resolver.ens_name import is_name
from l2send.resolver.other_networks import foreign
from l2send.resolver.spelling import LinkRequest, Spelling, Voucher, is_xdc, read_account

_ETHEREUM = ChainId(1)


@dataclass(frozen=True, slots=True)
class Asked:
    """The request in a payment link: a token of the destination's chain, and an amount if it names one."""

    token: Token
    amount: Amount | None


@dataclass(frozen=True, slots=True)
class Destination:
    """A parsed destination. If no checksum or name confirms the address, a person must compare it."""

    chain: Chain
    address: Address
    vouched_by: Voucher = Voucher.NONE
    form: str = "ERC-3770"
    """The standard it was written in."""
    name: str = ""
    """The ENS name that was typed, in its normal form."""
    asked: Asked | None = None
    contact: str = ""
    """The account's name in the address book, typed or not."""

    @property
    def checksummed(self) -> bool:
        """Whether a checksum confirms what was typed."""
        return self.vouched_by in {Voucher.ERC55, Voucher.ERC7828}

    @property
    def typed_name(self) -> str:
        """The typed ENS name or contact; empty if an address was typed, even that of a contact."""
        return self.name or (self.contact if self.vouched_by is Voucher.CONTACT else "")

    @property
    def account(self) -> ChainAddress:
        """The account on its chain."""
        return ChainAddress(self.chain.chain_id, self.address)

    def __str__(self) -> str:
        return f"{self.chain.short_name}:{self.address}"


def understand(text: str, registry: Registry, book: Book = NO_CONTACTS) -> Spelling:
    """Parse `text` in any form. Raises BadAddress, ChecksumMismatch, BadAmount, UnknownChain, UnknownName.

    A bare address or name gives a spelling without a chain: ask for it, or let `look_up` refuse.
    """
    text = text.strip()
    return book.read(text, registry) or _in_a_form(text, registry, book)


def _in_a_form(text: str, registry: Registry, book: Book) -> Spelling:
    """Parse a standard form, recognised by its characters. Raises as `understand`."""
    if payment_uri.is_link(text):
        return payment_uri.read(text, registry)
    if erc7828.is_binary(text):
        return erc7828.read_binary(text, registry)
    if "@" in text:
        return erc7828.read_name(text, registry)
    if text.count(":") > 1:
        return caip.read(text, registry)
    if ":" in text:
        return erc3770.read(text, registry)
    return _bare(text, registry, book)


def _bare(text: str, registry: Registry, book: Book) -> Spelling:
    """An account without a chain. Raises BadAddress with what to type."""
    chain = registry.find(text)
    if chain:
        whole = f"{chain.short_name}:ADDRESS"
        said = f"the account is missing: {text} is the chain {chain.name}."
        raise BadAddress(said, hint=f"Write {whole}", correction=(text, whole))
    if book.resembles(text):
        raise BadAddress(f"no contact is called {text!r}.", hint=f"Did you mean: {book.resembles(text)}")
    if not (text.startswith("0x") or is_name(text) or foreign(text) or is_xdc(text)):
        raise BadAddress(
            f"not a destination: {text[:80]!r}.",
            hint="Write chain:address, for example base:0x…, or a contact: `l2send contacts` keeps names for accounts.",
        )
    account = read_account(text)
    form = "ENS name" if account.name else "address"
    return Spelling(form, None, account.address, account.name, account.vouched_by)


async def look_up(spelling: Spelling, rpcs: Rpcs) -> Destination:
    """The account of a spelling. Raises as `destination_of`, UnknownName, NetworkError if ENS does not answer."""
    if not spelling.name or spelling.chain is None:
        return destination_of(spelling, rpcs.registry)
    address = await ens.resolve(spelling.name, spelling.chain, rpcs)
    if spelling.checksum:
        erc7828.require(spelling.checksum, spelling.chain, address)
    return destination_of(replace(spelling, address=address, vouched_by=Voucher.ENS), rpcs.registry)


def parse_destination(text: str, registry: Registry, book: Book = NO_CONTACTS) -> Destination:
    """The account in `text`, without any lookup. Raises as `understand` and `destination_of` do."""
    return destination_of(understand(text, registry, book), registry)


def destination_of(spelling: Spelling, registry: Registry) -> Destination:
    """The account of a spelling with chain and address. Raises BadAddress, BadRecipient, UnknownToken."""
    chain, address = spelling.chain, spelling.address
    if chain is None:
        raise _without_chain(spelling, registry)
    if address is None:
        raise BadAddress(f"{spelling.name} is a name, and has not been looked up in ENS.")
    reason = why_unpayable(address, chain, registry)
    if reason:
        raise BadRecipient(f"{chain.short_name}:{address} is {reason}.", hint="Ask the recipient for their address.")
    asked = _asked(spelling.request, chain) if spelling.request else None
    return Destination(chain, address, spelling.vouched_by, spelling.form, spelling.name, asked, spelling.contact)


def _asked(request: LinkRequest, chain: Chain) -> Asked:
    token = chain.token(request.token) if request.token else chain.native
    return Asked(token, Amount(request.units, token) if request.units else None)


def _without_chain(spelling: Spelling, registry: Registry) -> BadAddress:
    some = [chain.short_name for chain in spelling.among or registry][:4]
    account = spelling.contact or spelling.name or spelling.address
    if spelling.form == payment_uri.FORM:
        return _link_without_chain(spelling, registry)
    why = "a name may have another address on each" if spelling.name else "this address exists on every chain"
    if spelling.among:
        why = f"the contact is known on {' and '.join(chain.name for chain in spelling.among)}"
    return BadAddress(
        f"the chain is missing: {why}.",
        hint=f"Write chain:address, for example {some[0]}:{account} (chains: {', '.join(some)}, …).",
    )


def _link_without_chain(spelling: Spelling, registry: Registry) -> BadAddress:
    """`ethereum:0x…` is a link, not Ethereum's short name: EIP-681 has each wallet take its own current chain."""
    chain = next((chain for chain in registry if chain.chain_id == _ETHEREUM), next(iter(registry)))
    line = f"{chain.short_name}:{spelling.name or spelling.address}"
    if spelling.request:
        line = f"@{chain.chain_id} after the link's first address"
    return BadAddress(
        "the chain is missing: a payment link without @ and a chain id may mean any chain.",
        hint=f"If {chain.name} is meant, write {line}",
    )
