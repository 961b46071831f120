"""Facts about a chain from the registry: its stage, its name service, pinned code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from l2send.core.address import Address, checksum

_KECCAK = re.compile("0x[0-9a-f]{64}", re.ASCII)
_OP_GAS_PRICE_ORACLE = Address("0x420000000000000000000000000000000000000F")
"""Its address on every OP-stack chain. Source: ethereum-optimism/specs, specs/protocol/predeploys.md."""


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


def l1_fee_oracle_of(entry: Mapping[str, Any]) -> Address | None:
    """The entry's own oracle, or the standard one: an OP-stack chain that a user adds charges the fee, too."""
    if "l1_fee_oracle" in entry:
        return checksum(entry["l1_fee_oracle"]["address"])
    return _OP_GAS_PRICE_ORACLE if entry["kind"] == "op-stack" else None


def pinned_code(fields: Mapping[str, Any]) -> dict[str, Code]:
    """The `code` table of a settler: `portal = { hash = "0x…", implementation = "0x…", date = …, source = "…" }`."""
    return {name: _code(str(fields[name]), entry) for name, entry in fields.get("code", {}).items()}


def _code(address: str, entry: Mapping[str, Any]) -> Code:
    hashes = [entry["hash"], *([entry["implementation"]] if "implementation" in entry else [])]
    if not address.startswith("0x") or not all(_KECCAK.fullmatch(one) for one in hashes):
        raise ValueError("code is pinned by keccak hashes, 64 lower-case digits after 0x, of contracts")
    return Code(*hashes)
