"""A payer on a devnet within the test's own process, so that a test can act between any two steps."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

from l2send.client import Client, open_client
from l2send.core.address import Address
from l2send.core.calldata import ALLOWANCE
from l2send.core.chains import Registry
from l2send.core.rpc import Call, open_rpcs
from l2send.devnet.node import Node
from l2send.resolver.way_limits import Limits
from l2send.review import Review
from l2send.wallet.journal.records import Record
from l2send.wallet.keys.signer import LocalSigner, SecretKey
from tests.conftest import Home
from tests.support.addresses import new_address

T = TypeVar("T")
Say = Callable[[str], None]


class Payer:
    """An account with money on some chains of a devnet."""

    def __init__(self, home: Home, *chains: str, registry: Registry | None = None) -> None:
        self.home, self.registry = home, registry
        self.key = secrets.token_bytes(32)
        self.signer = LocalSigner(SecretKey(self.key))
        for chain in chains:
            home.fund(self.address, chain, USDC="100", ETH="1")

    @property
    def address(self) -> Address:
        return self.signer.address

    def do(self, work: Callable[[Client], Awaitable[T]]) -> T:
        async def run() -> T:
            async with open_client(self.home.paths, self.registry) as client:
                return await work(client)

        return asyncio.run(run())

    def plan(self, amount: str, to: str = "", *, via: str = "", token: str = "USDC", batch: bool = False) -> Review:
        async def work(client: Client) -> Review:
            destination = client.destination(to or f"dev4:{new_address()}")
            limits = Limits(via=via, batch=batch)
            return await client.plan(client.payment(self.address, amount, token, destination), limits)

        return self.do(work)

    def begin(self, review: Review, key: str | None = None) -> Record:
        async def work(client: Client) -> Record:
            return client.begin(review, key=key)

        return self.do(work)

    def resume(self, payment: str, progress: Say = lambda _: None, patience: float = 30) -> Record:
        def tell(turn: object) -> None:
            progress(str(turn))

        return self.do(lambda client: client.resume(payment, self.signer, patience=patience, progress=tell))

    def find(self, payment: str) -> Record:
        async def work(client: Client) -> Record:
            return client.journal.find(payment)

        return self.do(work)

    def node(self, chain: str) -> Node:
        return Node(self.home.chain(chain).rpcs[0])

    def sent(self, chain: str) -> int:
        """How many transactions of the account are on that chain."""
        return self.node(chain).quantity("eth_getTransactionCount", self.address, "latest")

    def allowance(self, chain: str, spender: str, token: str = "USDC") -> int:
        """Base units, read from the chain."""

        async def look() -> int:
            async with open_rpcs(self.home.registry) as rpcs:
                contract = self.home.chain(chain).token(token).address
                assert contract
                rpc = rpcs.on(self.home.chain(chain).chain_id)
                return int((await rpc.eth_call(Call(contract, ALLOWANCE, (self.address, spender))))[0])

        return asyncio.run(look())
