"""Finds which accounts run code on which chains by EIP-7702."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from l2send.core.address import Address
from l2send.core.chains import Chain
from l2send.core.delegate_code import delegate_name
from l2send.core.delegation import delegate_of, known_delegate
from l2send.core.errors import L2sendError
from l2send.core.rpc import Rpc, Rpcs


@dataclass(frozen=True, slots=True)
class Delegated:
    """An account that delegates to code on a chain."""

    account: Address
    chain: Chain
    code: Address
    name: str
    """The registry's name of that code; empty if it is not listed, or the chain does not have the code there."""

    @property
    def words(self) -> str:
        """For display."""
        if known_delegate(self.code, self.chain) and not self.name:
            return f"{self.code} (the code that the registry pins is not there)"
        return f"{self.code} ({self.name or 'not in the registry'})"


async def find_delegation(account: Address, rpc: Rpc) -> Delegated | None:
    """What the account delegates to. Raises NetworkError. Source: eth_getCode."""
    own = await rpc.code(account)
    code = delegate_of(own)
    return Delegated(account, rpc.chain, code, await delegate_name(own, rpc)) if code else None


async def find_delegations(accounts: Iterable[Address], chains: Sequence[Chain], rpcs: Rpcs) -> list[Delegated]:
    """The delegations of `accounts` on `chains`; a chain that does not answer shows none. Source: eth_getCode."""

    async def look(account: Address, chain: Chain) -> Delegated | None:
        try:
            return await find_delegation(account, rpcs.on(chain.chain_id))
        except L2sendError:
            return None

    found = await asyncio.gather(*(look(account, chain) for account in accounts for chain in chains))
    return [one for one in found if one]
