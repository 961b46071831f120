"""A restored journal that lacks an order opened by a sponsor: its tokens are found by their Transfer events."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from l2send.client import Client
from l2send.core.paths import Paths
from l2send.core.plan import Payment
from l2send.core.rpc import open_rpcs
from l2send.devnet.state import require
from l2send.journal_recovery import Recovery, Waiting, recover
from l2send.wallet.journal.location import open_for_recovery
from l2send.wallet.journal.states import PaymentState
from tests.client.test_journal_recovery import put_back
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.gasless import Broke

pytestmark = pytest.mark.lab


@pytest.fixture
def broke(home: Home, tmp_path: Path) -> Broke:
    """An account with 100 USDC and no coin, so that a sponsor opens its orders."""
    made = Broke(home, require(home.paths.state), Paths.under(tmp_path / "mine"))
    home.fund(made.address, "dev1", USDC="100")
    return made


def recovered(broke: Broke, *wanted: Waiting) -> Recovery:
    async def work() -> Recovery:
        registry = broke.home.registry
        async with open_rpcs(registry) as rpcs:
            journal = open_for_recovery(broke.paths)
            try:
                return await recover(broke.address, journal, rpcs, wanted, [registry.named("dev1")])
            finally:
                journal.close()

    return asyncio.run(work())


def payment(broke: Broke, amount: str, to: str | None = None) -> Payment:
    async def work(client: Client) -> Payment:
        return client.payment(broke.address, amount, "USDC", client.destination(f"dev2:{to or new_address()}"))

    return broke.do(work)


def test_a_line_that_a_sponsored_order_may_have_paid_is_left_to_a_person(broke: Broke) -> None:
    to = new_address()
    lines = Waiting("november/a", payment(broke, "20", to)), Waiting("november/b", payment(broke, "70"))
    with put_back(broke.paths.journal):
        record = broke.resume(broke.begin(broke.plan(to, "20")), 60.0)
        assert record.state is PaymentState.DELIVERED
        assert recovered(broke, *lines[1:]).left == [], "what the journal knows is not told"
    assert broke.has_no_gas(), "the account has sent nothing: no nonce leads to the payment"
    for _ in range(2):
        recovery = recovered(broke, *lines)
        (left,) = recovery.left
        assert "USDC left the account" in left
        assert recovery.held_back == ["november/a"], "the other line is of more than what left"
        assert not recovery.is_complete
