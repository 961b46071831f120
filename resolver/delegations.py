"""Finds which accounts run code on which chains by EIP-7702."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from l2send.core.address import Address
from l2send.core.chains import Chain
from l2send.core.delegation import delegate_of, known_delegate
from l2send.core.errors import L2sendError
from l2send.core.rpc import Rpcs


@dataclass(frozen=True, slots=True)
class Delegated:
    """An account that delegates to code on a chain."""

    account: Address
    chain: Chain
    code: Address

    @property
    def name(self) -> str:
        """The registry's name of that code; empty if it is not listed."""
        known = known_delegate(self.code, self.chain)
        return known.name if known else ""

    @property
    def words(self) -> str:
        """For display."""
        return f"{self.code} ({self.name or 'not in the registry'})"


async def find_delegations(accounts: Iterable[Address], chains: Sequence[Chain], rpcs: Rpcs) -> list[Delegated]:
    """The delegations of `accounts` on `chains`; a chain that does not answer shows none. Source: eth_getCode."""

    async def look(account: Address, chain: Chain) -> Delegated | None:
        try:
            code = delegate_of(await rpcs.on(chain.chain_id).code(account))
        except L2sendError:
            return None
        return Delegated(account, chain, code) if code else None

    found = await asyncio.gather(*(look(account, chain) for account in accounts for chain in chains))
    return [one for one in found if one]
