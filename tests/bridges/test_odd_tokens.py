"""Tokens that keep a part of every transfer, or change balances by themselves: refused over a bridge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from l2send.client import Client
from l2send.core.address import Address
from l2send.core.bridge import OrderState
from l2send.core.calldata import Function, abi_encode
from l2send.core.errors import Refused, Sent
from l2send.core.plan import Quote
from l2send.core.units import Token
from l2send.resolver.limits import Limits
from tests.bridges.standins import ORIGIN, Payer, Side, StandIns, order_of, order_state, with_chains
from tests.conftest import somebody

MINT = Function("mint(address,uint256)")
VIA = "hyperlane7683"


def with_token(side: Side, address: Address) -> Side:
    token = Token(side.chain.chain_id, address, "ODD", 6, peg="USD")
    return replace(side, chain=replace(side.chain, tokens=(*side.chain.tokens, token)))


@pytest.fixture
def odd(stand_ins: StandIns, tmp_path: Path) -> Callable[[int, bool], Payer]:
    """Who holds 100 of a token that takes so many basis points of a transfer, and maybe rebases, on the origin."""

    def make(fee_bps: int, rebases: bool) -> Payer:
        init = stand_ins.code["OddToken"] + abi_encode(["uint256", "bool"], [fee_bps, rebases])
        sides = [with_token(side, side.create(init)) for side in (stand_ins.origin, stand_ins.target)]
        registry = with_chains(stand_ins.registry, *(side.chain for side in sides))
        payer = replace(stand_ins, registry=registry).payer(tmp_path)
        sides[0].must(sides[0].chain.token("ODD").address, MINT.encode(payer.address, 100_000_000))
        return payer

    return make


def held(payer: Payer) -> int:
    async def look(client: Client) -> int:
        holdings = (await client.balances(payer.address)).on(client.registry.named(ORIGIN))
        amount = holdings.held(holdings.chain.token("ODD"))
        assert amount
        return amount.units

    return payer.with_client(look)


def test_an_exact_token_is_locked(odd: Callable[[int, bool], Payer]) -> None:
    """The same contract without its oddities: or else the others would show nothing."""
    payer = odd(0, False)
    record = payer.open(VIA, somebody(), "10", "ODD")
    assert order_state(record) is OrderState.OPEN
    assert held(payer) == 100_000_000 - order_of(record).pays.units


@pytest.mark.parametrize("fee_bps", [1, 100])
def test_a_token_that_keeps_a_part_is_refused(odd: Callable[[int, bool], Payer], fee_bps: int) -> None:
    payer = odd(fee_bps, False)
    with pytest.raises(Refused, match=r"of 10\.01 ODD, .* would arrive: ODD keeps a part of every transfer") as error:
        payer.quote(VIA, "10", "ODD")
    assert error.value.sent is Sent.NO
    assert held(payer) == 100_000_000


def test_a_token_that_rebases_is_refused(odd: Callable[[int, bool], Payer]) -> None:
    with pytest.raises(Refused, match="balances of ODD change by themselves"):
        odd(0, True).quote(VIA, "10", "ODD")


def test_on_its_own_chain_it_may_be_sent(odd: Callable[[int, bool], Payer]) -> None:
    payer = odd(100, False)

    async def plan(client: Client) -> Quote:
        to = client.destination(f"{ORIGIN}:{somebody()}")
        review = await client.plan(client.payment(payer.address, "10", "ODD", to), Limits())
        return review.plan.quote

    assert payer.with_client(plan).bridge == "direct"
