"""Facts about a chain from the registry: its stage, its name service, pinned code."""

from __future__ import annotations

from dataclasses import dataclass

from l2send.core.address import Address


@dataclass(frozen=True, slots=True)
class Stage:
    """L2BEAT's maturity stage of a rollup: "0", "1", "2", or "none" for a chain without a stage."""

    value: str
    date: str
    source: str = ""
    """Where the stage comes from, in words; empty if the user's file names it."""

    def __str__(self) -> str:
        return f"Stage {self.value}" if self.value in {"0", "1", "2"} else "no stage"


@dataclass(frozen=True, slots=True)
class Ens:
    """The contracts of the Ethereum Name Service on a chain."""

    registry: Address
    universal_resolver: Address | None
    """The entry point that ENS recommends (ENSIP-23); without it the registry is queried by ENSIP-10."""


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a contract by keccak hashes, 0x-prefixed: contracts with equal hashes behave equally."""

    hash: str
    """Hash of the account's own code, as EXTCODEHASH gives it (EIP-1052)."""
    implementation: str = ""
    """For a proxy, the hash of the code that it delegates every call to (EIP-1967, EIP-1167); else empty."""

    def __str__(self) -> str:
        return f"{self.hash} (a proxy of {self.implementation})" if self.implementation else self.hash
