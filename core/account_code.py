"""Finds which of many accounts have code on a chain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from l2send.core.address import Address
from l2send.core.errors import NetworkError
from l2send.core.rpc import Rpc
from l2send.core.rpc.code_sizes import MOST

_AT_ONCE = 8


async def with_code(accounts: Sequence[Address], rpc: Rpc) -> set[Address]:
    """The accounts with code on one chain; queried one by one if the node does not run creation code.

    Raises NetworkError. Source: as of `Rpc.code_sizes`, else eth_getCode.
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
