"""Several payments in one transaction that the owners of a Safe sign: all of them happen, or none, and once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from l2send.client import Client
from l2send.wallet.fees_paid import fees_paid
from l2send.wallet.journal.proposal_states import ProposalState
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.safe_files import SafeBundle
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.owners import Row, Team, through_a_file

lab = pytest.mark.lab
USDC, ETH = 10**6, 10**18


@pytest.fixture
def team(home: Home, tmp_path: Path) -> Team:
    return Team(home, tmp_path)


def payroll(*recipients: str) -> list[Row]:
    """5 USDC, 6 USDC and 0.5 ETH on the Safe's chain."""
    kinds = (("5", "USDC"), ("6", "USDC"), ("0.5", "ETH"))
    return [Row(*kind, f"dev1:{to}") for kind, to in zip(kinds, recipients or recipients_of(3), strict=True)]


def recipients_of(count: int) -> list[str]:
    return [new_address() for _ in range(count)]


def got(team: Team, recipients: Sequence[str]) -> list[int]:
    tokens = ("USDC", "USDC", "ETH")
    return [team.home.holds(to, "dev1", token) for to, token in zip(recipients, tokens, strict=True)]


PAID = [5 * USDC, 6 * USDC, ETH // 2]


def states(team: Team, bundle: SafeBundle, where: str = "preparer") -> set[PaymentState]:
    return {one.state for one in team.carried(bundle, team.home_of(where))}


def test_one_file_pays_three_and_every_home_sees_each_payment(team: Team, tmp_path: Path) -> None:
    """Prepared in one home, signed, sent from a home that knew nothing of it."""
    to = recipients_of(3)
    bundle = team.prepare_file(payroll(*to))
    assert team.safe.contract_hash(bundle.safe_tx, bundle.proposal.nonce) == bundle.typed.digest
    assert [str(one.amount) for one in bundle.payments] == ["5 USDC", "6 USDC", "0.5 ETH"]
    bundle = through_a_file(team.sign(through_a_file(bundle, tmp_path / "a.json"), 2, 0), tmp_path / "b.json")
    elsewhere = team.home_of("executor")
    team.adopt(bundle, elsewhere)
    assert states(team, bundle, "executor") == {PaymentState.PROPOSED}
    record = team.execute(bundle, elsewhere)
    assert (record.state, record.proposal and record.proposal.state) == (PaymentState.DELIVERED, ProposalState.FINAL)
    assert (got(team, to), team.sent()) == (PAID, 1)
    rides = [one.ride for one in team.carried(bundle, elsewhere)]
    assert [(ride.shared_id, ride.call, ride.calls) for ride in rides if ride] == [(record.id, n, 3) for n in range(3)]
    assert (team.execute(bundle, elsewhere).state, team.sent()) == (PaymentState.DELIVERED, 1), "sent twice"
    first, *_ = team.carried(bundle)

    async def look(client: Client) -> PaymentState:
        return (await client.status(first.id)).state

    assert team.do(look) is PaymentState.DELIVERED, "one of them, looked at by its own id, in the home that prepared it"
    assert states(team, bundle) == {PaymentState.DELIVERED}
    assert all(one.delivered_at for one in team.carried(bundle))
    shares = [
        sum(fee.amount.units for fee in fees_paid(one, team.registry).fees) for one in team.carried(bundle, elsewhere)
    ]
    (fee,) = (tx.fee for tx in record.transactions)
    assert fee
    assert sum(shares) == fee.total
