"""Tokens that keep a part of every transfer, or change balances by themselves: refused over a bridge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from l2send.client import Client
from l2send.core.address import Address
from l2send.core.bridge_protocol import OrderState
from l2send.core.calldata import BALANCE_OF, Function, abi_encode
from l2send.core.errors import CannotPay, Refused, Sent
from l2send.core.plan import Quote
from l2send.core.units import Token
from l2send.resolver.way_limits import Limits
from l2send.review import Review
from l2send.wallet.fees_paid import KEPT
from l2send.wallet.journal.records import Record
from l2send.wallet.journal.states import PaymentState
from tests.bridges.standins import ORIGIN, Payer, Side, StandIns, order_of, order_state
from tests.support.addresses import new_address
from tests.support.settlers import with_chains

pytestmark = pytest.mark.lab

MINT = Function("mint(address,uint256)")
FREEZE = Function("freeze(bool)")
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
    record = payer.open(VIA, new_address(), "10", "ODD")
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
        to = client.destination(f"{ORIGIN}:{new_address()}")
        review = await client.plan(client.payment(payer.address, "10", "ODD", to), Limits())
        return review.plan.quote

    assert payer.with_client(plan).bridge == "direct"


def test_what_the_token_kept_of_a_transfer_is_said(odd: Callable[[int, bool], Payer]) -> None:
    payer = odd(100, False)

    async def pay(client: Client) -> tuple[Record, list[str]]:
        to = client.destination(f"{ORIGIN}:{new_address()}")
        review = await client.plan(client.payment(payer.address, "10", "ODD", to), Limits())
        record = await client.resume(client.begin(review).id, payer.signer, patience=20)
        return record, [fee.amount.text for fee in client.fees_paid(record).fees if fee.name == KEPT]

    record, kept = payer.with_client(pay)
    assert record.state is PaymentState.DELIVERED
    assert record.arrived is not None
    assert (record.arrived.text, kept) == ("9.9", ["0.1"])


# Tokens that answer false instead of failing: what they do not move is not paid.


@dataclass
class Freezable:
    """Who holds 100 of a token of the old kind on the destination itself."""

    payer: Payer
    side: Side
    token: Address

    def freeze(self, frozen: bool) -> None:
        self.side.must(self.token, FREEZE.encode(frozen))

    def plan(self, to: Address) -> Review:
        async def work(client: Client) -> Review:
            return await client.plan(
                client.payment(self.payer.address, "10", "ODD", client.destination(f"{ORIGIN}:{to}")), Limits()
            )

        return self.payer.with_client(work)

    def pay(self, review: Review) -> Record:
        async def work(client: Client) -> Record:
            return await client.resume(client.begin(review).id, self.payer.signer, patience=20)

        return self.payer.with_client(work)

    def balance(self, account: Address) -> int:
        data = BALANCE_OF.encode(account).hex()
        return int(self.side.node.call("eth_call", {"to": self.token, "data": "0x" + data}, "latest"), 16)


@pytest.fixture
def freezable(stand_ins: StandIns, tmp_path: Path) -> Freezable:
    side = stand_ins.origin
    token = side.create(stand_ins.code["FalseToken"])
    registry = with_chains(stand_ins.registry, with_token(side, token).chain)
    payer = replace(stand_ins, registry=registry).payer(tmp_path)
    side.must(token, MINT.encode(payer.address, 100_000_000))
    return Freezable(payer, side, token)


def test_a_token_that_answers_true_is_paid(freezable: Freezable) -> None:
    to = new_address()
    assert freezable.pay(freezable.plan(to)).state is PaymentState.DELIVERED
    assert freezable.balance(to) == 10_000_000


def test_a_token_that_answers_false_is_refused_when_it_is_planned(freezable: Freezable) -> None:
    freezable.freeze(True)
    with pytest.raises(CannotPay, match="answers false"):
        freezable.plan(new_address())


def test_a_token_that_answers_false_later_is_not_signed(freezable: Freezable) -> None:
    to = new_address()
    review = freezable.plan(to)
    freezable.freeze(True)
    with pytest.raises(Refused, match="answers false") as error:
        freezable.pay(review)
    assert error.value.sent is Sent.NO
    assert freezable.balance(to) == 0
