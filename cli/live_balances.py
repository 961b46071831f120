"""What the sender holds, read repeatedly while a person answers questions."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from l2send.client import Client
from l2send.core.address import Address
from l2send.core.chains import Chain
from l2send.core.units import Amount, Token
from l2send.resolver.balances import Snapshot

_EVERY = 12.0  # seconds: about one block of Ethereum

Held = dict[Token, list[Amount]]
"""Tokens of one chain, each with what is held of it, chain by chain, the most first."""


class LiveBalances:
    """Balances on every chain: requested from the start, and kept fresh while the context lasts."""

    def __init__(self, client: Client, account: Address) -> None:
        self._client, self._account = client, account
        self._first: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        self._latest: Snapshot | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        self._first.cancel()

    async def snapshot(self) -> Snapshot:
        """The newest reading; waits for the first."""
        return self._latest or await self._first

    async def _read(self) -> None:
        while True:
            self._latest = await self._client.balances(self._account)
            if not self._first.done():
                self._first.set_result(self._latest)
            await asyncio.sleep(_EVERY)

    def on_all_chains(self) -> str:
        """The state of the reading, in one line."""
        if self._latest is None:
            return f"asking {len(self._client.registry)} chains what you hold …"
        holding = [
            h for h in self._latest.chains if any(units for token, units in h.units.items() if not token.is_native)
        ]
        silent = len(self._latest.unknown)
        return f"you hold tokens on {len(holding)} of {len(self._latest.chains)} chains" + (
            f"; {silent} did not answer" if silent else ""
        )

    def of(self, token: Token, to: Chain) -> list[Amount]:
        """What is held of `token`, which is `to`'s, chain by chain, as of the newest reading."""
        return spendable(self._latest, to).get(token, []) if self._latest else []


def spendable(snapshot: Snapshot, to: Chain) -> Held:
    """The tokens of `to`, each with what the sender holds of the same asset; of test money only for test chains."""
    held: Held = {}
    for token in to.assets:
        amounts = [
            amount
            for holdings in snapshot.chains
            if holdings.chain.testnet == to.testnet
            for own in [holdings.chain.asset_like(token)]
            for amount in [holdings.held(own) if own else None]
            if amount and amount.units
        ]
        if amounts:
            held[token] = sorted(amounts, key=lambda a: a.in_units_of(token), reverse=True)
    return held
