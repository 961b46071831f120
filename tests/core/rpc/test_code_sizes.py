"""The program that reads many code sizes at once, run by a real node."""

from __future__ import annotations

import asyncio

import pytest

from l2send.core.errors import BadAnswer
from l2send.core.rpc import open_rpcs
from l2send.core.rpc.code_sizes import MOST, read_code_sizes
from tests.conftest import Home
from tests.support.addresses import new_address


def test_it_says_what_the_node_says_of_each(home: Home) -> None:
    chain = home.chain("dev1")
    contracts = [address for token in chain.assets if (address := token.address)]
    accounts = [account for contract in contracts for account in (new_address(), contract)]

    async def look() -> None:
        async with open_rpcs(home.registry) as rpcs:
            rpc = rpcs.on(chain.chain_id)
            sizes = await rpc.code_sizes(accounts)
            assert sizes == [len(await rpc.code(account)) for account in accounts]
            assert [bool(size) for size in sizes] == [False, True] * len(contracts)
            full = [*(new_address() for _ in range(MOST - 1)), contracts[0]]
            assert [place for place, size in enumerate(await rpc.code_sizes(full)) if size] == [MOST - 1]

    asyncio.run(look())


def test_an_answer_of_another_length_is_none() -> None:
    assert read_code_sizes(bytes(31) + b"\7" + bytes(32), 2) == [7, 0]
    with pytest.raises(BadAnswer):
        read_code_sizes(bytes(32), 2)
    with pytest.raises(BadAnswer):
        read_code_sizes(b"", 1)
