"""The sender's balances, read repeatedly while the user answers questions."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from l2send.cli.balances_table import worth_in_words
from l2send.cli.money import shorter
from l2send.client import Client
from l2send.core.address import Address
from l2send.core.chains import Chain
from l2send.core.units import Amount, Token
from l2send.resolver.balances import Holdings, Snapshot

_EVERY = 12.0  # seconds: about one block of Ethereum

BalancesByToken = dict[Token, list[Amount]]
"""Tokens of one chain, each with its balances by chain, the largest first."""


class LiveBalances:
    """Balances on every chain: requested from the start, and refreshed during the context."""

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

    def worth(self) -> str:
        """The total worth with the largest balances, or that they are being read."""
        if self._latest is None:
            return f"asking {len(self._client.registry)} chains what you hold …"
        return f"you hold {worth_in_words(self._latest)}"

    def on(self, chain: Chain) -> str:
        """A sentence on the balances on `chain`; empty for none, and until they are known."""
        return in_words(self._latest.on(chain)) if self._latest else ""

    def of(self, token: Token, to: Chain) -> list[Amount]:
        """The balances of `token`, of the chain `to`, by chain, in the newest reading."""
        return spendable(self._latest, to).get(token, []) if self._latest else []


def in_words(holdings: Holdings) -> str:
    """The balances of one chain above zero: `25 USDC, 0.1 ETH`."""
    return ", ".join(shorter(Amount(units, token)) for token, units in holdings.units.items() if units)


def spendable(snapshot: Snapshot, to: Chain) -> BalancesByToken:
    """The tokens of `to`, each with the sender's balances of the same asset; test money only for test chains."""
    held: BalancesByToken = {}
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
