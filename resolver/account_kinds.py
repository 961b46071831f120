"""Finds what an account is on each chain: a plain key, a key that delegates to code (EIP-7702), a Safe, a contract."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique

from l2send.core.address import Address
from l2send.core.chains import Chain
from l2send.core.errors import L2sendError
from l2send.core.rpc import Rpc, Rpcs

_PATIENCE = 4.0
"""Seconds: a later chain is unknown, as its balances are."""


@unique
class Kind(StrEnum):
    """The kind of an account, by the code at its address."""

    KEY = "key"
    """No code: only its key decides."""
    DELEGATED = "delegated"
    SAFE = "safe"
    CONTRACT = "contract"
    UNKNOWN = "unknown"
    """Not queried, or the chain did not answer."""


@dataclass(frozen=True, slots=True)
class AccountKind:
    """The kind of an account on one chain."""

    chain: Chain
    kind: Kind
    delegate: Address | None = None
    """The code that the key delegates to."""
    delegate_name: str = ""
    """The registry's name of that code; empty if it is not listed, or the chain does not have the code there."""


async def kinds_of(account: Address, chains: Iterable[Chain], rpcs: Rpcs) -> list[AccountKind]:
    """The kinds on all chains, requested at once. A chain that fails is unknown. Source: eth_getCode."""
    return list(await asyncio.gather(*(_kind(account, rpcs.on(chain.chain_id)) for chain in chains)))


async def _kind(account: Address, rpc: Rpc) -> AccountKind:
    from l2send.core.delegate_code import delegate_name
    from l2send.core.delegation import delegate_of
    from l2send.core.pinned_code import has_code_of_safe

    try:
        code = await asyncio.wait_for(rpc.code(account), _PATIENCE)
        delegate = delegate_of(code)
        if delegate:
            name = await asyncio.wait_for(delegate_name(code, rpc), _PATIENCE)
            return AccountKind(rpc.chain, Kind.DELEGATED, delegate, name)
    except (L2sendError, TimeoutError):
        return AccountKind(rpc.chain, Kind.UNKNOWN)
    if has_code_of_safe(code, rpc.chain):
        return AccountKind(rpc.chain, Kind.SAFE)
    return AccountKind(rpc.chain, Kind.CONTRACT if code else Kind.KEY)
