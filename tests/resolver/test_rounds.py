"""How many sequential rounds of requests planning needs: counted, not timed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from l2send.client import open_client
from l2send.core.chains import Registry
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.rounds import Rounds, counting_rounds

pytestmark = pytest.mark.lab


def counted(home: Home, rounds: Rounds, words: tuple[str, str, str], sender: str) -> None:
    """Plan a payment through the counting proxy."""
    chains = list(home.registry)
    first, second = rounds.urls[: len(chains)], rounds.urls[len(chains) :]
    behind = {
        c.short_name: replace(c, rpcs=urls) for c, urls in zip(chains, zip(first, second, strict=True), strict=True)
    }
    registry = Registry(behind, is_devnet=True)

    async def run() -> None:
        async with open_client(home.paths, registry) as client:
            amount, token, to = words
            target = client.destination(to)
            rounds.restart()
            await client.plan(client.payment(sender, amount, token, target))  # type: ignore[arg-type]

    asyncio.run(run())


@pytest.mark.parametrize("token", ["USDC", "ETH"])
@pytest.mark.parametrize("chain", ["dev1", "dev3"])
def test_a_dry_run_of_a_direct_payment(home: Home, token: str, chain: str) -> None:
    """One round, also on an OP-stack chain, whose fees depend on the gas limit.

    Every chain has two endpoints, of which each is asked what it sees of the money.
    """
    sender = new_address()
    home.fund(sender, chain, USDC="20", ETH="1")
    with counting_rounds(2 * [c.rpcs[0] for c in home.registry], quiet=0.4) as rounds:
        counted(home, rounds, ("0.5", token, f"{chain}:{new_address()}"), sender)
        assert rounds.depth == 1, rounds.methods
