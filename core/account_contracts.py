"""Contracts that accounts consist of or pay through, as pinned in chains.toml: Safe, EIP-7702 delegates, Multicall3.

They have the same address and code on every chain, so they are listed once, and each chain names those it has. A
delegate whose address proves its code (CREATE2, EIP-1014) is named by no chain: l2send looks whether it is there.
Source of the canonical Safe deployments: npm @safe-global/safe-deployments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from l2send.core.address import Address, checksum

_KECCAK = re.compile("0x[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A contract, and the keccak of its code as EXTCODEHASH gives it (EIP-1052), 0x-prefixed."""

    address: Address
    code_hash: str


@dataclass(frozen=True, slots=True)
class SafeVersion:
    """The contracts of one version of Safe."""

    version: str
    proxy_code_hash: str
    """Hash of the code of every Safe that `proxy_factory` makes."""
    singleton: Deployment
    singleton_l2: Deployment
    """The singleton that emits an event for every transaction it executes."""
    proxy_factory: Deployment
    multi_send_call_only: Deployment
    fallback_handler: Deployment

    @property
    def contracts(self) -> tuple[Deployment, ...]:
        """All contracts of this version; none of them is an account."""
        return (
            self.singleton,
            self.singleton_l2,
            self.proxy_factory,
            self.multi_send_call_only,
            self.fallback_handler,
        )


@dataclass(frozen=True, slots=True)
class Delegate:
    """Code that an account may delegate to by EIP-7702."""

    name: str
    code: Deployment
    source: str = ""
    """Where the registry has it from; empty if it does not say."""
    is_listed: bool = True
    """Whether the registry says that the chain has it; else only the chain itself can say."""


def safes_of(accounts: Mapping[str, Any], entry: Mapping[str, Any]) -> tuple[SafeVersion, ...]:
    """The versions of Safe on a chain: `entry` names them, `accounts` is the table of all.

    Raises KeyError, TypeError, ValueError, BadAddress.
    """
    return tuple(_safe(name, accounts["safe"][name]) for name in entry.get("safes", ()))


def delegates_of(accounts: Mapping[str, Any], entry: Mapping[str, Any]) -> tuple[Delegate, ...]:
    """The delegates that a chain has or may have. Raises as `safes_of` does.

    May have: those whose table names a CREATE2 `factory`, unless chains of that kind take no delegations.
    """
    listed = {name: accounts["delegate"][name] for name in entry.get("delegates", ())}
    tables = accounts.get("delegate", {}).items() if takes_delegations(accounts, entry) else ()
    proven = {name: table for name, table in tables if "factory" in table and name not in listed}
    return (
        *(_delegate(name, table, is_listed=True) for name, table in listed.items()),
        *(_delegate(name, table, is_listed=False) for name, table in proven.items()),
    )


def takes_delegations(accounts: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """False for a kind of chain that takes no transactions of EIP-7702, unless the chain lists delegates."""
    return bool(entry.get("delegates")) or entry["kind"] not in accounts.get("no_delegation", ())


def _delegate(name: str, table: Mapping[str, Any], *, is_listed: bool) -> Delegate:
    source = str(table.get("what", table.get("source", "")))
    return Delegate(name, _deployment(table), source, is_listed)


def multicall3_of(accounts: Mapping[str, Any], entry: Mapping[str, Any]) -> Deployment | None:
    """The chain's Multicall3, if `accounts` pins the code at that address; else None. Raises as `safes_of` does."""
    if "multicall3" not in accounts or "multicall3" not in entry:
        return None
    pinned = _deployment(accounts["multicall3"])
    return pinned if pinned.address == checksum(entry["multicall3"]) else None


def _safe(version: str, table: Mapping[str, Any]) -> SafeVersion:
    return SafeVersion(
        version=version,
        proxy_code_hash=_hash(table["proxy"]["code_hash"]),
        singleton=_deployment(table["singleton"]),
        singleton_l2=_deployment(table["singleton_l2"]),
        proxy_factory=_deployment(table["proxy_factory"]),
        multi_send_call_only=_deployment(table["multi_send_call_only"]),
        fallback_handler=_deployment(table["fallback_handler"]),
    )


def _deployment(table: Mapping[str, Any]) -> Deployment:
    return Deployment(checksum(table["address"]), _hash(table["code_hash"]))


def _hash(text: str) -> str:
    if not _KECCAK.fullmatch(text):
        raise ValueError(f"{text[:70]!r} is not the hash of any code")
    return text
