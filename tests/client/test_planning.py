"""The most that a Safe can pay: all that it holds, less what bridges take. Another account pays the gas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from l2send.client import Client
from l2send.core.units import Amount
from l2send.resolver.way_limits import Limits
from l2send.review import Review
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.safe_files import safe_bundle_of
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.owners import Team

HELD = {"USDC": 100 * 10**6, "ETH": 2 * 10**18}


def most(team: Team, token: str, to: str, executor: bool) -> Review:
    async def work(client: Client) -> Review:
        payment = client.payment(team.safe.address, "1", token, client.destination(to), by_owners=not executor)
        if executor:
            payment = replace(payment, executor=team.executor.address)
        return await client.plan_max(payment, Limits(from_chains=("dev1",)))

    return team.do(work)


@pytest.mark.parametrize("executor", [False, True])
def test_all_of_it_leaves_the_safe_on_every_way(home: Home, tmp_path: Path, executor: bool) -> None:
    team = Team(home, tmp_path, owners=1, threshold=1)
    team.executor = team.owners[0]
    home.fund(team.executor.address, "dev1", ETH="1")
    for token, held in HELD.items():
        direct = most(team, token, f"dev1:{new_address()}", executor).plan
        assert (direct.payment.amount.units, direct.quote.pays.units) == (held, held)
        bridged = most(team, token, f"dev4:{new_address()}", executor).plan
        assert bridged.quote.order
        assert held * 0.97 < bridged.payment.amount.units < held
        assert held - bridged.quote.pays.units <= 1, "the last unit may not fit a fee that is a share"
        assert not any("network fee is paid" in note for note in bridged.quote.notes)


def test_owners_sign_all_of_the_native_coin_and_the_safe_is_empty(home: Home, tmp_path: Path) -> None:
    team, to = Team(home, tmp_path), new_address()
    review = most(team, "ETH", f"dev1:{to}", executor=False)

    async def prepare(client: Client) -> PaymentRecord:
        record = await client.prepare(review)
        assert isinstance(record, PaymentRecord)
        return record

    record = team.execute(team.sign(safe_bundle_of(team.do(prepare))))
    assert (record.state, record.payment.amount) == (
        PaymentState.DELIVERED,
        Amount(HELD["ETH"], team.home.chain("dev1").native),
    )
    assert (home.holds(team.safe.address, "dev1", "ETH"), home.holds(to, "dev1", "ETH")) == (0, HELD["ETH"])
