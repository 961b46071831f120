"""Checks that the contracts which a payment relies on run the code that the registry pins.

An address does not identify the code at it: the owner of a proxy can replace it, and a node can be made to answer for
another contract. So reviewed code is pinned by its hash (`l2send chains pin`), and compared before anything that
depends on it is signed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from eth_hash.auto import keccak

from l2send.core.address import Address, checksum
from l2send.core.chains import Chain, Code
from l2send.core.errors import BadAnswer
from l2send.core.rpc import Rpc, Rpcs

IMPLEMENTATION_SLOT = 0x360894A13BA1A3210667C828492DB98DCA3E2076CC3735A920A3CA505D382BBC
"""Where a proxy stores its implementation's address (EIP-1967)."""
HOW_TO_PIN = (
    "Find out from the bridge why its code changed before you pay by it, then: l2send chains pin. "
    "--via pays by another bridge."
)
_CLONE = bytes.fromhex("363d3d373d3d3d363d73"), bytes.fromhex("5af43d82803e903d91602b57fd5bf3")
"""The bytes before and after that address in the code of a minimal proxy (EIP-1167)."""


@dataclass(frozen=True, slots=True)
class Contract:
    """One contract of a bridge, with its pinned code, if any."""

    chain: Chain
    bridge: str
    name: str
    address: Address
    pinned: Code | None

    def __str__(self) -> str:
        return f"{self.bridge} {self.name} on {self.chain.name}"


def contracts_of(chain: Chain, bridge: str) -> Iterator[Contract]:
    """Every contract that the registry names for `bridge` on `chain`."""
    listed = chain.settlers.get(bridge)
    for name, address in listed.contracts.items() if listed else ():
        yield Contract(chain, bridge, name, address, chain.pinned.get(bridge, {}).get(name))


async def read_code(rpc: Rpc, address: Address) -> Code | None:
    """The code at `address`; None if there is none. For a beacon proxy only its own code counts.

    Raises NetworkError. Source: eth_getCode, eth_getStorageAt.
    """
    own, slot = await asyncio.gather(rpc.code(address), rpc.storage(address, IMPLEMENTATION_SLOT))
    if not own:
        return None
    target = _cloned(own) or slot[-20:]
    behind = await rpc.code(checksum(target)) if any(target) else b""
    return Code(code_hash(own), code_hash(behind) if behind else "")


async def why_other_code(bridge: str, chains: Iterable[Chain], rpcs: Rpcs) -> str:
    """Which contract of `bridge` runs code other than the pinned one, with both hashes, or an empty string.

    Contracts without a pin are skipped. Other code counts only once a second query finds the same, since it cancels a
    payment and a single wrong answer must not. Raises NetworkError, BadAnswer if the two answers differ.
    """
    pinned = [contract for chain in chains for contract in contracts_of(chain, bridge) if contract.pinned]
    first = await _codes(pinned, rpcs)
    other = [(contract, code) for contract, code in zip(pinned, first, strict=True) if code != contract.pinned]
    second = await _codes([contract for contract, _ in other], rpcs)
    for (contract, code), again in zip(other, second, strict=True):
        if code != again:
            raise BadAnswer(f"nodes answer differently which code {contract} at {contract.address} runs.")
    return "; ".join(
        f"{contract} at {contract.address} runs the code {code or 'of nothing'}, pinned is {contract.pinned}"
        for contract, code in other
    )


async def _codes(contracts: Sequence[Contract], rpcs: Rpcs) -> list[Code | None]:
    return await asyncio.gather(*(read_code(rpcs.on(c.chain.chain_id), c.address) for c in contracts))


def not_pinned(bridge: str, chains: Iterable[Chain]) -> list[str]:
    """The contracts of `bridge` whose code is not pinned, by name."""
    return [str(contract) for chain in chains for contract in contracts_of(chain, bridge) if not contract.pinned]


def _cloned(code: bytes) -> bytes:
    before, after = _CLONE
    whole = len(before) + 20 + len(after)
    is_clone = len(code) == whole and code.startswith(before) and code.endswith(after)
    return code[len(before) : len(before) + 20] if is_clone else b""


def code_hash(code: bytes) -> str:
    """The keccak of a contract's code as EXTCODEHASH gives it (EIP-1052), 0x-prefixed."""
    return "0x" + bytes(keccak(code)).hex()


def has_code_of_safe(code: bytes, chain: Chain) -> bool:
    """Whether an account with this code is a Safe, as created by the factories on the chain."""
    return code_hash(code) in {version.proxy_code_hash for version in chain.safes}
