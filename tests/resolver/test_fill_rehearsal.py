"""A recipient whom the destination's own token would not let the bridge pay: refused before anything is signed."""

from __future__ import annotations

import pytest

from l2send.core.errors import Refused
from l2send.devnet.node import Node
from tests.conftest import Home, somebody
from tests.resolver.test_recipient import as_role
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
    payer, recipient = Payer(home, "dev1"), somebody()
    Node(home.chain("dev4").rpcs[0]).call("anvil_setCode", recipient, "0x5f5ffd")
    with pytest.raises(Refused, match="could not be paid ETH on Devnet 4"):
        payer.plan("0.1", f"dev4:{recipient}", via="eco", token="ETH")
