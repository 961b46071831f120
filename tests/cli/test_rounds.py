"""How many sequential round trips a command makes: independent requests are sent together."""

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


def rounds_of(home: Home, *words: str, quiet: float = 0.5) -> list[list[str]]:
    """The rounds of one command, each chain behind a proxy that lets answers go together: the methods of each."""
    chains = [home.chain(name) for name in CHAINS]
    with counting_rounds([chain.rpcs[0] for chain in chains], quiet=quiet) as rounds:
        urls = {f"L2SEND_RPC_{chain.chain_id}": url for chain, url in zip(chains, rounds.urls, strict=True)}
        done = home.run(*words, **urls)
        assert done.status == 0, done
        print(*(f"{number}: {methods}" for number, methods in enumerate(rounds.methods, 1)), sep="\n")
        # A machine that takes more than 3 s from the looks to the signature asks for the clocks once more.
        return [methods for methods in rounds.methods if not all("eth_getBlockByNumber" in asked for asked in methods)]


def depth(home: Home, *words: str, quiet: float = 0.5) -> int:
    """How many rounds of one command depend on each other."""
    return len(rounds_of(home, *words, quiet=quiet))


@pytest.fixture(scope="module")
def payer(home: Home) -> tuple[str, Address]:
    """Who has money on one chain."""
    name, account = home.new_account()
    home.fund(account, "dev1", USDC="1000", ETH="1")
    return name, account


def holder(home: Home, chain: str) -> tuple[str, Address]:
    """Who has money on one chain alone: elsewhere it would be offers of bridges that take more rounds."""
    name, account = home.new_account()
    home.fund(account, chain, USDC="20", ETH="1")
    return name, account


@pytest.mark.parametrize("chain", CHAINS[:3])
def test_a_plan_is_one_round(home: Home, chain: str) -> None:
    """Also where an L1 data fee and an operator fee come on top of the gas (dev3)."""
    _, account = holder(home, chain)
    assert depth(home, "balances", "--from", account, "--json") == 1
    assert depth(home, "1", "USDC", f"{chain}:{new_address()}", "--dry-run", "--from", account) == 1


def test_a_direct_payment(home: Home, payer: tuple[str, Address]) -> None:
    """Plan, looks before the signature, broadcast, receipt; the fifth proves it, where another block has come since."""
    name, _ = payer
    assert depth(home, "1", "USDC", f"dev1:{new_address()}", "--yes", "--account", name) <= 5


@pytest.mark.parametrize("chain", ["dev2", "dev3"])
def test_a_direct_payment_whose_node_answers_with_the_receipt(home: Home, chain: str) -> None:
    """EIP-7966: plan, looks before the signature, broadcast with its receipt, proof."""
    name, _ = holder(home, chain)
    rounds = rounds_of(home, "1", "USDC", f"{chain}:{new_address()}", "--yes", "--account", name)
    sync = [number for number, methods in enumerate(rounds, 1) if any("RawTransactionSync" in one for one in methods)]
    assert (len(rounds) <= 4, sync) == (True, [2, 3]), "asked whether it is offered beside the looks, then used"


def test_bridged(home: Home, payer: tuple[str, Address]) -> None:
    """Approval and opening are handed out one after the other, without a block in between.

    The order is followed while its transactions are proven; what the fill brought is asked beside its proof.
    """
    name, _ = payer
    assert depth(home, "100", "USDC", f"dev2:{new_address()}", "--yes", "--account", name, *ECO) <= 10


def test_bridged_with_a_standing_allowance(home: Home, payer: tuple[str, Address]) -> None:
    name, account = payer
    to = f"dev2:{new_address()}"
    words = ("--dry-run", "--json", "--from", account, *ECO)
    (leg,) = home.must("100", "USDC", to, *words).json["legs"]
    # It is approved past l2send: the nonce is not what the journal says, and the first look at it was with the plan.
    allow(home, account, int(leg["pays"]["base_units"]))
    assert depth(home, "100", "USDC", to, "--yes", "--account", name, *ECO) <= 9


def test_from_three_chains(home: Home) -> None:
    """Each leg asks when the others do: no more rounds than one leg alone, and those by which all are ready first."""
    name, account = home.new_account()
    for chain in CHAINS[:3]:
        home.fund(account, chain, USDC="100", ETH="1")
    assert depth(home, "250", "USDC", f"dev4:{new_address()}", "--yes", "--account", name, *ECO, quiet=0.8) <= 16


def allow(home: Home, account: Address, units: int) -> None:
    """The Portal of dev1 may take so much of the account's USDC, as after a payment that was not opened."""
    chain = home.chain("dev1")
    node, settlers, token = Node(chain.rpcs[0]), chain.settlers_of("eco", EcoSettlers), chain.token("USDC")
    assert settlers is not None
    node.call("anvil_impersonateAccount", account)
    data = "0x" + APPROVE.encode(settlers.portal, units).hex()
    node.call("eth_sendTransaction", {"from": account, "to": token.address, "data": data})
    node.call("anvil_stopImpersonatingAccount", account)
