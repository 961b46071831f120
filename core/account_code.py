"""Finds which of many accounts have code on a chain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from l2send.core.address import Address
from l2send.core.errors import NetworkError
from l2send.core.rpc import Rpc
from l2send.core.rpc.code_sizes import MOST

_AT_ONCE = 8


async def those_with_code(accounts: Sequence[Address], rpc: Rpc) -> set[Address]:
    """Those of `accounts` that have code on the chain of `rpc`. Raises NetworkError.

    Source: `Rpc.code_sizes`, many in one eth_call; eth_getCode for each if the node does not run creation code.
    """
    parts = [accounts[at : at + MOST] for at in range(0, len(accounts), MOST)]
    try:
        sizes = [size for part in await asyncio.gather(*map(rpc.code_sizes, parts)) for size in part]
    except NetworkError as error:
        if error.retryable:
            raise
        turn = asyncio.Semaphore(_AT_ONCE)

        async def size(account: Address) -> int:
            async with turn:
                return len(await rpc.code(account))

        sizes = list(await asyncio.gather(*map(size, accounts)))
    return {account for account, size in zip(accounts, sizes, strict=True) if size}
