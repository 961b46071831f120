"""One ledger for many payments: the remaining amounts, token by token, without unknown ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from l2send.core.chains import Registry, load_registry
from l2send.core.paths import Paths
from l2send.core.plan import Fee, Quote
from l2send.core.units import Amount, Seconds, Wei
from l2send.resolver.balances import Holdings, Snapshot
from l2send.resolver.batch_funds import Ledger, spent_by
from tests.support.addresses import new_address


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return load_registry(Paths.under(tmp_path_factory.mktemp("home")))


def quote(registry: Registry, units: int, token: str, needs: int | None) -> Quote:
    chain = registry.named("base")
    pays = Amount(units, chain.token(token))
    fees = (Fee("network fee", Amount(7, chain.native)),)
    return Quote("direct", chain, pays, pays, fees, Seconds(2), (), needs=None if needs is None else Wei(needs))


def ledger(registry: Registry) -> Ledger:
    chain = registry.named("base")
    units = {chain.token("USDC"): 100, chain.native: 50}
    return Ledger(Snapshot(new_address(), (Holdings(chain, units), Holdings(registry.named("op"), error="silent"))))


def test_what_a_quote_takes_is_its_amount_and_its_fees_at_their_highest(registry: Registry) -> None:
    chain = registry.named("base")
    usdc, eth = chain.token("USDC"), chain.native
    assert spent_by(quote(registry, 40, "USDC", 9)) == {usdc: 40, eth: 9}
    assert spent_by(quote(registry, 40, "ETH", 49)) == {eth: 49}, "it holds the amount"
    assert spent_by(quote(registry, 40, "USDC", None)) == {usdc: 40, eth: 7}
    assert spent_by(quote(registry, 40, "ETH", None)) == {eth: 47}


def test_what_is_taken_is_not_there_for_the_next(registry: Registry) -> None:
    mine, usdc = ledger(registry), registry.named("base").token("USDC")
    spent = spent_by(quote(registry, 60, "USDC", 20))
    assert mine.covers(spent)
    other = mine.copy()
    mine.take(spent)
    assert (mine.has(usdc), other.has(usdc)) == (40, 100)
    assert not mine.covers(spent)
    mine.take(spent)
    assert mine.has(usdc) == 0, "less than nothing is nothing"
    assert mine.after().on(registry.named("base")).units[usdc] == 0
    assert other.after(without=usdc).on(registry.named("base")).units == {usdc: 0, registry.named("base").native: 50}


def test_what_is_not_known_is_not_spent(registry: Registry) -> None:
    op = registry.named("op")
    assert not ledger(registry).covers({op.native: 1})
    assert ledger(registry).after().on(op).error == "silent"
    assert [str(replace(amount)) for chain, amount in ledger(registry).amounts() if chain is op] == []
