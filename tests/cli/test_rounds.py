"""How many sequential round trips a command makes: what does not depend on an earlier answer is asked with it."""

from __future__ import annotations

import pytest

from l2send.core.address import Address
from l2send.core.calldata import APPROVE
from l2send.core.settlers import EcoSettlers
from l2send.devnet.node import Node
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.rounds import counting_rounds

pytestmark = pytest.mark.lab

CHAINS = ("dev1", "dev2", "dev3", "dev4")
ECO = ("--via", "eco")


def depth(home: Home, *words: str, quiet: float = 0.5) -> int:
    """Of one command, each chain behind a proxy that lets answers go together."""
    chains = [home.chain(name) for name in CHAINS]
    with counting_rounds([chain.rpcs[0] for chain in chains], quiet=quiet) as rounds:
        urls = {f"L2SEND_RPC_{chain.chain_id}": url for chain, url in zip(chains, rounds.urls, strict=True)}
        done = home.run(*words, **urls)
        assert done.status == 0, done
        print(*(f"{number}: {methods}" for number, methods in enumerate(rounds.methods, 1)), sep="\n")
        # A machine that takes more than 3 s from the looks to the signature asks for the clocks once more.
        clocks_again = sum(all("eth_getBlockByNumber" in asked for asked in methods) for methods in rounds.methods)
        return rounds.depth - clocks_again


@pytest.fixture(scope="module")
def payer(home: Home) -> tuple[str, Address]:
    name, account = home.new_account()
    home.fund(account, "dev1", USDC="1000", ETH="1")
    return name, account


def test_without_a_bridge(home: Home, payer: tuple[str, Address]) -> None:
    name, account = payer
    to = f"dev1:{new_address()}"
    assert depth(home, "balances", "--from", account, "--json") == 1
    assert depth(home, "1", "USDC", to, "--dry-run", "--from", account) <= 2
    # The fifth proves the receipt by its block, where another block has come since.
    assert depth(home, "1", "USDC", to, "--yes", "--account", name) <= 5


def test_bridged(home: Home, payer: tuple[str, Address]) -> None:
    """Approval and opening are handed out one after the other, without a block in between.

    The last round reads what the fill brought, for the outcome; one before it proves a receipt that has more than one
    block on it by now.
    """
    name, _ = payer
    assert depth(home, "100", "USDC", f"dev2:{new_address()}", "--yes", "--account", name, *ECO) <= 12


def test_bridged_with_a_standing_allowance(home: Home, payer: tuple[str, Address]) -> None:
    name, account = payer
    to = f"dev2:{new_address()}"
    (leg,) = home.must("100", "USDC", to, "--dry-run", "--json", "--from", account, *ECO).json["legs"]
    # It is approved past l2send, so that the nonce is looked at twice.
    allow(home, account, int(leg["pays"]["base_units"]))
    assert depth(home, "100", "USDC", to, "--yes", "--account", name, *ECO) <= 12


def test_from_three_chains(home: Home) -> None:
    """Each leg asks when the others do: no more rounds than one leg alone, and those by which all are ready first."""
    name, account = home.new_account()
    for chain in CHAINS[:3]:
        home.fund(account, chain, USDC="100", ETH="1")
    assert depth(home, "250", "USDC", f"dev4:{new_address()}", "--yes", "--account", name, *ECO, quiet=0.8) <= 28


def allow(home: Home, account: Address, units: int) -> None:
    """The Portal of dev1 may take so much of the account's USDC, as after a payment that was not opened."""
    chain = home.chain("dev1")
    node, settlers, token = Node(chain.rpcs[0]), chain.settlers_of("eco", EcoSettlers), chain.token("USDC")
    assert settlers is not None
    node.call("anvil_impersonateAccount", account)
    data = "0x" + APPROVE.encode(settlers.portal, units).hex()
    node.call("eth_sendTransaction", {"from": account, "to": token.address, "data": data})
    node.call("anvil_stopImpersonatingAccount", account)
