"""Many recipients checked together: the same findings as one by one, in a few requests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from l2send.core.address import Address
from l2send.core.errors import L2sendError
from l2send.core.plan import ChainAddress, Payment
from l2send.core.rpc import client, open_rpcs
from l2send.core.units import Amount
from l2send.resolver.many_recipients import Found, look_at_all
from l2send.resolver.recipient import Findings, look
from tests.conftest import Home
from tests.resolver.test_recipient import as_role
from tests.support.addresses import new_address


def payment(home: Home, to: Address, token: str = "USDC", sender: Address | None = None) -> Payment:
    target = home.chain("dev4")
    return Payment(sender or new_address(), ChainAddress(target.chain_id, to), Amount(1, target.token(token)))


def looked_at(home: Home, wanted: Sequence[Payment], known: Sequence[Address] = ()) -> list[Found]:
    async def run() -> list[Found]:
        async with open_rpcs(home.registry) as rpcs:
            return await look_at_all(wanted, rpcs, lambda _: known)

    return asyncio.run(run())


def one_by_one(home: Home, wanted: Iterable[Payment]) -> list[Found]:
    async def alone(rpcs: Any, one: Payment) -> Found:
        try:
            return await look(one, rpcs, ())
        except L2sendError as error:
            return error

    async def run() -> list[Found]:
        async with open_rpcs(home.registry) as rpcs:
            return [await alone(rpcs, one) for one in wanted]

    return asyncio.run(run())


def test_what_is_found_of_each_is_what_is_found_of_it_alone(home: Home) -> None:
    me, blocked = new_address(), new_address()
    elsewhere, here = home.chain("dev1").token("USDC").address, home.chain("dev4").multicall3
    assert elsewhere
    assert here
    as_role(home, "blacklister", "blacklist(address)", blocked)
    wanted = [
        payment(home, new_address()),
        payment(home, new_address(), "ETH"),
        payment(home, new_address(), "DAI"),
        payment(home, me, sender=me),
        payment(home, here),
        payment(home, elsewhere),
        payment(home, blocked),
        payment(home, blocked, "ETH"),
    ]
    together, alone = looked_at(home, wanted), one_by_one(home, wanted)
    assert [str(found) for found in together] == [str(found) for found in alone]
    assert [type(found) for found in together] == [type(found) for found in alone]
    assert sum(isinstance(found, L2sendError) for found in together) == 1
    assert isinstance(together[5], Findings)
    assert together[5].confirm


def test_an_imitation_is_told_of_a_known_account_and_of_another_line(home: Home) -> None:
    real = new_address()
    imitation = Address(real[:8] + new_address()[8:-6] + real[-6:])
    for wanted, known in [([imitation], [real]), ([real, imitation], [])]:
        found = looked_at(home, [payment(home, to) for to in wanted], known)
        assert all(isinstance(one, Findings) and one.type_out for one in found)
    (same,) = looked_at(home, [payment(home, real)], [real])
    assert isinstance(same, Findings)
    assert not same.type_out


def test_a_hundred_recipients_take_a_few_requests(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, request = list[str](), client.request

    async def counted(http: Any, url: str, method: str, params: Any, who: str) -> Any:
        asked.append(method)
        return await request(http, url, method, params, who)

    monkeypatch.setattr(client, "request", counted)
    found = looked_at(home, [payment(home, new_address()) for _ in range(100)])
    assert found == [Findings()] * 100
    assert 4 <= len(asked) <= 12, asked


def test_a_node_without_creation_code_is_asked_one_by_one(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node here does: another one is stood in for by what such nodes answer."""
    refused, request = list[str](), client.request

    async def without(http: Any, url: str, method: str, params: Any, who: str) -> Any:
        if method == "eth_call" and "to" not in params[0]:
            refused.append(url)
            raise client.NodeError("missing to field")
        return await request(http, url, method, params, who)

    monkeypatch.setattr(client, "request", without)
    here = home.chain("dev4").multicall3
    assert here
    contract, plain = looked_at(home, [payment(home, here), payment(home, new_address())])
    assert refused
    assert isinstance(contract, Findings)
    assert contract.said == ("the recipient is a contract on Devnet 4",)
    assert plain == Findings()
