"""Orders of a Safe with several owners: where the money of an unfilled one goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2send.core.errors import NotFinal
from l2send.devnet.node import Node
from l2send.devnet.relays import SETTLEMENT_SECONDS
from l2send.wallet.journal.states import PaymentState
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.owners import Team
from tests.support.solving import unfilled


@pytest.mark.lab
def test_across_pays_coin_of_an_order_that_is_not_filled_back_to_the_safe(home: Home, tmp_path: Path) -> None:
    """By itself, once its settlement is over, and as the wrapped token: a Safe is a contract."""
    team, to = Team(home, tmp_path), new_address()
    with unfilled(home):
        bundle = team.sign(team.prepare("0.5", f"dev4:{to}", via="across", token="ETH"))
        with pytest.raises(NotFinal, match="bridging"):
            team.execute(bundle, patience=2)
        order = team.status(bundle).order
        assert order
        behind = min(Node(home.chain(chain).rpcs[0]).now() for chain in ("dev1", "dev4"))
        home.must("devnet", "advance", str(order.order.fill_deadline - behind + 60))
        assert team.status(bundle).state is PaymentState.REFUND_DUE, "expired is not refunded"
        home.must("devnet", "advance", str(SETTLEMENT_SECONDS))
        record = team.status(bundle)
        for _ in range(200):
            if record.state is PaymentState.REFUNDED:
                break
            team.node.call("evm_mine")
            record = team.status(bundle)
    assert (record.state, home.holds(to, "dev4", "ETH")) == (PaymentState.REFUNDED, 0)
    assert home.holds(team.safe.address, "dev1", "WETH") == record.terms.pays.units
