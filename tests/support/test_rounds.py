"""The counter of rounds counts dependencies, not seconds: otherwise the tests that use it would prove nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from l2send.core.chains import Chain
from l2send.core.http import Http, open_http
from l2send.core.rpc import Rpc
from tests.conftest import Home
from tests.support.rounds import Rounds, counting_rounds


def client(chain: Chain, rounds: Rounds, node: int, http: Http) -> Rpc:
    rpc = Rpc(replace(chain, rpcs=(rounds.urls[node],)), http)
    rpc.endpoints[0].verified = True
    return rpc


def test_side_by_side_is_one_round_and_one_after_the_other_is_two(home: Home) -> None:
    chains = [home.chain("dev1"), home.chain("dev2")]
    with counting_rounds([chain.rpcs[0] for chain in chains], quiet=0.1) as rounds:

        async def run() -> list[int]:
            depths = list[int]()
            async with open_http() as http:
                one, two = (client(chain, rounds, node, http) for node, chain in enumerate(chains))
                await asyncio.gather(one.block_number(), one.block(), two.block_number())
                depths.append(rounds.depth)
                rounds.restart()
                await one.block_number()
                await asyncio.gather(one.block_number(), two.block_number())
                depths.append(rounds.depth)
            return depths

        assert asyncio.run(run()) == [1, 2]
        assert rounds.methods == [["0:eth_blockNumber"], ["0:eth_blockNumber", "1:eth_blockNumber"]]
