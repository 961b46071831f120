"""Where the money goes: `shortName:address`, as ERC-3770 writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from l2send.core.address import Address, parse_address
from l2send.core.chains import Chain, Registry
from l2send.core.effects import forbidden_recipient
from l2send.core.errors import BadAddress, BadRecipient, UnknownChain
from l2send.core.plan import ChainAddress

_BARE_ADDRESS = re.compile(r"(0x)?[0-9a-fA-F]{40}", re.ASCII)
_ELSEWHERE = (
    (re.compile(r"(bc1|tb1)[0-9a-z]{8,}|[13][1-9A-HJ-NP-Za-km-z]{25,34}", re.ASCII), "a Bitcoin address"),
    (re.compile(r"0x[0-9a-fA-F]{60,64}", re.ASCII), "a Starknet address, a public key or a hash"),
    (re.compile(r"T[1-9A-HJ-NP-Za-km-z]{33}", re.ASCII), "a Tron address"),
    (re.compile(r"[1-9A-HJ-NP-Za-km-z]{43,44}", re.ASCII), "a Solana address"),
)


@dataclass(frozen=True, slots=True)
class Destination:
    """An understood destination. `checksummed` is False where nothing vouches for its spelling."""

    chain: Chain
    address: Address
    checksummed: bool

    @property
    def account(self) -> ChainAddress:
        """The account on its chain."""
        return ChainAddress(self.chain.chain_id, self.address)

    def __str__(self) -> str:
        return f"{self.chain.short_name}:{self.address}"


def parse_destination(text: str, registry: Registry) -> Destination:
    """The account that `text` names. Raises BadAddress, ChecksumMismatch, UnknownChain, BadRecipient.

    Source: ERC-3770; the address by ERC-55, the short name by ethereum-lists/chains.
    """
    name, colon, address_text = text.strip().partition(":")
    if not colon:
        raise _without_chain(name, registry)
    if _looks_like(address_text) and name not in registry.by_name:
        raise BadAddress(f"that is {_looks_like(address_text)}, and l2send pays EVM chains only.")
    chain = registry.named(name)
    if _looks_like(address_text):
        raise BadAddress(f"that is {_looks_like(address_text)}, not an account on {chain.name}.")
    address, checksummed = parse_address(address_text)
    reason = forbidden_recipient(chain, address)
    if reason:
        raise BadRecipient(f"{chain.short_name}:{address} is {reason}.", hint="Ask the recipient for their address.")
    return Destination(chain, address, checksummed)


def _without_chain(text: str, registry: Registry) -> BadAddress | UnknownChain:
    """Why a text without a colon is no destination, and what to type."""
    if _BARE_ADDRESS.fullmatch(text):
        names = ", ".join(list(registry.by_name)[:4])
        return BadAddress(
            "the chain is missing: this address exists on every chain.",
            hint=f"Write chain:address, for example {next(iter(registry.by_name))}:{text} (chains: {names}, …).",
        )
    elsewhere = _looks_like(text)
    if elsewhere:
        return BadAddress(f"that is {elsewhere}, and l2send pays EVM chains only.")
    return BadAddress(f"not a destination: {text[:80]!r}.", hint="Write chain:address, for example base:0x…")


def _looks_like(text: str) -> str:
    return next((what for pattern, what in _ELSEWHERE if pattern.fullmatch(text)), "")
