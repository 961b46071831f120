"""A recipient that the destination's token would not let the bridge pay: refused before anything is signed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import httpx
import pytest

from l2send.core.errors import Refused
from l2send.core.rpc import Rpc, failover
from l2send.core.units import Amount
from l2send.devnet.node import Node
from l2send.resolver.fill_rehearsal import refuse_undeliverable
from tests.bridges.across.test_refunds import ORDER
from tests.conftest import Home
from tests.resolver.test_recipient import as_role
from tests.support.across_registry import TARGET
from tests.support.addresses import new_address
from tests.support.paying import Payer


def test_a_settler_that_the_token_blocks_cannot_pay(home: Home) -> None:
    payer, portal = Payer(home, "dev1"), home.chain("dev4").settlers["eco"].contracts["portal"]
    as_role(home, "blacklister", "blacklist(address)", portal)
    try:
        with pytest.raises(Refused, match="could not be paid USDC on Devnet 4") as refused:
            payer.plan("25", via="eco")
    finally:
        as_role(home, "blacklister", "unBlacklist(address)", portal)
    assert "blacklisted" in refused.value.message
    assert payer.plan("25", via="eco").plan.quote.bridge == "eco"


def test_a_contract_that_takes_no_coin_is_not_sent_any(home: Home) -> None:
    payer, recipient = Payer(home, "dev1"), new_address()
    Node(home.chain("dev4").rpcs[0]).call("anvil_setCode", recipient, "0x5f5ffd")
    with pytest.raises(Refused, match="could not be paid ETH on Devnet 4"):
        payer.plan("0.1", f"dev4:{recipient}", via="eco", token="ETH")


# Nodes of other kinds


REVERTS = {
    "nethermind": b'{"id":%d,"error":{"code":-32015,"message":"VM execution error.","data":"Reverted 0x"}}',
    "besu": b'{"id":%d,"error":{"code":-32000,"message":"Execution reverted"}}',
    "parity": b'{"id":%d,"error":{"code":-32015,"message":"Transaction execution error."}}',
}
NO_OVERRIDE = b'{"id":%d,"error":{"code":-32602,"message":"too many arguments, want at most 2"}}'


@pytest.mark.parametrize("client", REVERTS)
def test_a_revert_in_every_clients_words_is_refused(client: str) -> None:
    with pytest.raises(Refused, match="could not be paid ETH"):
        rehearsed("ETH", lambda message: REVERTS[client])


def test_without_a_state_override_a_token_is_still_tried() -> None:
    asked = list[int]()

    def answer(message: dict[str, Any]) -> bytes:
        asked.append(len(message["params"]))
        return NO_OVERRIDE if asked[-1] > 2 else b'{"id":%d,"result":"0x"}'

    assert rehearsed("USDC", answer) == ""
    assert asked == [3, 2]


def test_without_a_state_override_a_blocked_token_is_still_found() -> None:
    with pytest.raises(Refused, match="could not be paid USDC"):
        rehearsed("USDC", lambda m: NO_OVERRIDE if len(m["params"]) > 2 else REVERTS["besu"])


@pytest.mark.parametrize("missing", [NO_OVERRIDE, b"<html>", b'{"id":%d,"error":{"code":-32603,"message":"Internal"}}'])
def test_where_coin_cannot_be_tried_that_is_said(missing: bytes) -> None:
    with patch.object(failover, "_FIRST_PAUSE", 0.0):
        assert "was not tried" in rehearsed("ETH", lambda message: missing)


def rehearsed(token: str, answer: Callable[[dict[str, Any]], bytes]) -> str:
    """The rehearsal of an order of `token`, at a node that answers eth_call so."""

    def handle(request: httpx.Request) -> httpx.Response:
        message = json.loads(request.content)
        if message["method"] == "eth_chainId":
            body = b'{"id":%d,"result":"' + hex(TARGET.chain_id).encode() + b'"}'
        else:
            body = answer(message)
        body = body % message["id"] if b"%d" in body else body
        return httpx.Response(200, stream=httpx.ByteStream(body))

    async def run() -> str:
        asset = TARGET.native if token == "ETH" else TARGET.token(token)
        order = replace(ORDER, delivers=Amount(10**6, asset))
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as http:
            return await refuse_undeliverable(order, Rpc(replace(TARGET, rpcs=("http://node",)), http))

    return asyncio.run(run())
