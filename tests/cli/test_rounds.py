"""How many sequential round trips a command makes: what does not depend on an earlier answer is asked with it."""

from __future__ import annotations

import pytest

from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.rounds import counting_rounds

pytestmark = pytest.mark.lab

CHAINS = ("dev1", "dev2", "dev3", "dev4")


def depth(home: Home, *words: str) -> int:
    """Of one command, each chain behind a proxy that lets answers go together."""
    chains = [home.chain(name) for name in CHAINS]
    with counting_rounds([chain.rpcs[0] for chain in chains], quiet=0.4) as rounds:
        urls = {f"L2SEND_RPC_{chain.chain_id}": url for chain, url in zip(chains, rounds.urls, strict=True)}
        done = home.run(*words, **urls)
        assert done.status == 0, done
        return rounds.depth


def test_rounds(home: Home) -> None:
    name, account = home.new_account()
    home.fund(account, "dev1", USDC="1000", ETH="1")
    direct, bridged = f"dev1:{new_address()}", f"dev2:{new_address()}"
    assert depth(home, "balances", "--from", account, "--json") == 1
    assert depth(home, "1", "USDC", direct, "--dry-run", "--from", account) <= 2
    # The fifth looks at the receipt; a block of the devnet that comes right then takes one more.
    assert depth(home, "1", "USDC", direct, "--yes", "--account", name) <= 6
    assert depth(home, "100", "USDC", bridged, "--yes", "--account", name, "--via", "eco") <= 22
