"""Approvals: exact, only if one is missing, revoked first if the token requires that, none left over."""

from __future__ import annotations

import asyncio
import time

import pytest

from l2send.bridges import decode
from l2send.bridges.gas_costs import approval
from l2send.core.address import Address, checksum
from l2send.core.calldata import ALLOWANCE, APPROVE
from l2send.core.effects import Allows, compare_with_payment
from l2send.core.errors import Refused
from l2send.core.plan import StepKind, UnsignedTx
from l2send.core.rpc import Call, open_rpcs
from l2send.core.units import Amount, Token, Wei
from l2send.devnet.node import Node
from tests.bridges.eco.test_order import PAYMENT, PAYS, USDC_IN, open_tx
from tests.bridges.registry import ORIGIN, REGISTRY
from tests.bridges.standins import compiled
from tests.conftest import Home
from tests.support.addresses import new_address

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def tether_like(home: Home) -> Token:
    chain, node = home.chain("dev1"), Node(home.chain("dev1").rpcs[0])
    code = "0x" + compiled(home.paths.cache)["TetherLike"].hex()
    deployer = new_address()
    node.call("anvil_setBalance", deployer, hex(10**18))
    node.call("anvil_impersonateAccount", deployer)
    sent = node.call("eth_sendTransaction", {"from": deployer, "data": code})
    while (receipt := node.call("eth_getTransactionReceipt", sent)) is None:
        time.sleep(0.05)
    address = checksum(receipt["contractAddress"])
    return Token(chain.chain_id, address, "USDT", 6)


def wanted(home: Home, sender: Address, spender: Address, amount: Amount) -> list[int]:
    """The amounts that `sender` would approve, in order."""

    async def run() -> list[tuple[StepKind, UnsignedTx]]:
        async with open_rpcs(home.registry) as rpcs:
            return await approval(rpcs.on(amount.token.chain_id), sender, spender, amount)

    return [APPROVE.decode_call(tx.data)[1] for _, tx in asyncio.run(run())]


def approve(home: Home, token: Token, sender: Address, spender: Address, units: int) -> None:
    node = Node(home.chain("dev1").rpcs[0])
    node.call("anvil_setBalance", sender, hex(10**18))
    node.call("anvil_impersonateAccount", sender)
    data = "0x" + APPROVE.encode(spender, units).hex()
    node.call("eth_sendTransaction", {"from": sender, "to": token.address, "data": data})


def test_exactly_what_is_lacking_is_approved(home: Home) -> None:
    usdc, sender, spender = home.chain("dev1").token("USDC"), new_address(), new_address()
    assert wanted(home, sender, spender, Amount(25, usdc)) == [25]
    approve(home, usdc, sender, spender, 25)
    assert wanted(home, sender, spender, Amount(25, usdc)) == []
    assert wanted(home, sender, spender, Amount(26, usdc)) == [26]
    assert wanted(home, sender, spender, Amount(24, usdc)) == [24], "a larger allowance would be left over"


def test_tethers_allowance_is_taken_back_first(home: Home, tether_like: Token) -> None:
    sender, spender = new_address(), new_address()
    assert wanted(home, sender, spender, Amount(25, tether_like)) == [25]
    approve(home, tether_like, sender, spender, 5)
    assert wanted(home, sender, spender, Amount(25, tether_like)) == [0, 25]


def test_native_coin_needs_none(home: Home) -> None:
    assert wanted(home, new_address(), new_address(), Amount(25, home.chain("dev1").native)) == []


def test_taking_back_is_an_effect_that_may_pass_for_the_settler_alone() -> None:
    order = open_tx()
    assert USDC_IN.address
    for spender, fine in ((order.to, True), (new_address(), False)):
        reset = UnsignedTx(ORIGIN.chain_id, USDC_IN.address, Wei(0), APPROVE.encode(spender, 0))
        effects = (decode(reset, REGISTRY), decode(order, REGISTRY))
        assert isinstance(effects[0], Allows)
        if fine:
            compare_with_payment(effects, PAYMENT, PAYS, REGISTRY)
        else:
            with pytest.raises(Refused):
                compare_with_payment(effects, PAYMENT, PAYS, REGISTRY)


def test_no_allowance_is_left_after_a_bridged_payment(home: Home) -> None:
    name, sender = home.new_account()
    home.fund(sender, "dev1", USDC="100", ETH="1")
    home.must("25", "USDC", f"dev4:{new_address()}", "--yes", "--account", name, "--via", "eco")
    usdc, portal = home.chain("dev1").token("USDC").address, home.chain("dev1").settlers["eco"].contracts["portal"]
    assert usdc

    async def left() -> int:
        async with open_rpcs(home.registry) as rpcs:
            call = Call(usdc, ALLOWANCE, (sender, portal))
            return int((await rpcs.on(home.chain("dev1").chain_id).eth_call(call))[0])

    assert asyncio.run(left()) == 0
