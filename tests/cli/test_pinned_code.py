"""Pinned code that is no longer there: nothing that depends on it is signed. On real contracts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from l2send.core.chains import Registry
from l2send.core.errors import Refused, Sent
from l2send.core.pinned_code import IMPLEMENTATION_SLOT
from l2send.devnet.node import Node
from l2send.wallet.journal.states import PaymentState
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.paying import Payer

pytestmark = pytest.mark.lab

Other = Callable[[], None]

A_PERSON_SIGNS = 1.0
"""Seconds, with a device in the hand: the checks before it count as old."""


@contextmanager
def other_code(home: Home, chain: str, bridge: str, name: str) -> Iterator[Other]:
    """What gives that contract one more byte of code, which no call ever reaches: only its hash tells."""
    node, address = Node(home.chain(chain).rpcs[0]), home.chain(chain).settlers[bridge].contracts[name]
    code = node.call("eth_getCode", address, "latest")
    try:
        yield lambda: node.call("anvil_setCode", address, code + "00")
    finally:
        node.call("anvil_setCode", address, code)


@contextmanager
def other_implementation(home: Home, chain: str) -> Iterator[Other]:
    """What has the SpokePool's proxy run a copy of its implementation that is one byte longer."""
    node, address = Node(home.chain(chain).rpcs[0]), home.chain(chain).settlers["across"].contracts["spoke_pool"]
    slot, elsewhere = hex(IMPLEMENTATION_SLOT), new_address()
    before = node.call("eth_getStorageAt", address, slot, "latest")
    code = node.call("eth_getCode", "0x" + before[-40:], "latest")

    def exchange() -> None:
        node.call("anvil_setCode", elsewhere, code + "00")
        node.call("anvil_setStorageAt", address, slot, "0x" + "0" * 24 + elsewhere[2:].lower())

    try:
        yield exchange
    finally:
        node.call("anvil_setStorageAt", address, slot, before)


@pytest.mark.parametrize(("chain", "name"), [("dev1", "prover"), ("dev4", "portal")])
def test_other_code_on_either_chain_is_refused_before_anything_is_asked(home: Home, chain: str, name: str) -> None:
    account, sender = home.new_account()
    home.fund(sender, "dev1", USDC="100", ETH="1")
    words = ("25", "USDC", f"dev4:{new_address()}", "--via", "eco", "--yes", "--json", "--account", account)
    with other_code(home, chain, "eco", name) as exchange:
        exchange()
        done = home.run(*words)
    assert (done.status, done.error["code"], done.error["sent"]) == (7, "refused", "no")
    pinned = home.chain(chain).pinned["eco"][name]
    assert f"eco {name} on {home.chain(chain).name}" in done.error["message"]
    assert f"pinned is {pinned.hash}" in done.error["message"]
    assert done.error["message"].count("0x") == 3, "the address and both hashes"
    assert "l2send chains pin" in done.error["hint"]
    assert home.holds(sender, "dev1") == 100_000_000
    home.must(*words)


def test_what_a_proxy_runs_is_pinned_too(home: Home) -> None:
    payer = Payer(home, "dev1")
    with other_implementation(home, "dev1") as exchange:
        exchange()
        with pytest.raises(Refused, match=r"across spoke_pool on Devnet 1 .* pinned is \w+ \(a proxy of"):
            payer.plan("25", via="across")


@pytest.mark.parametrize("moment", ["after the plan", "after the approval"])
@pytest.mark.parametrize("chain", ["dev1", "dev4"])
def test_code_that_changes_between_plan_and_signature(home: Home, moment: str, chain: str) -> None:
    payer = Payer(home, "dev1")
    payment = payer.begin(payer.plan("25", via="eco"))

    with other_code(home, chain, "eco", "portal") as exchange:

        def act(sentence: str) -> None:
            if moment == "after the approval" and "signing open" in sentence:
                exchange()
                time.sleep(A_PERSON_SIGNS)

        if moment == "after the plan":
            exchange()
        with pytest.raises(Refused, match=r"was cancelled: eco portal on .* pinned is") as refused:
            payer.resume(payment.id, act)
    approved = moment == "after the approval"
    assert payer.sent("dev1") == (1 if approved else 0)
    assert refused.value.sent == (Sent.YES if approved else Sent.NO)
    assert ("An allowance" in refused.value.message) is approved
    assert payer.find(payment.id).state is PaymentState.CANCELLED
    assert home.holds(payer.address, "dev1") == 100_000_000


def test_code_that_is_not_pinned_is_said(home: Home) -> None:
    chains = {c.short_name: replace(c, pinned={}) for c in home.registry}
    review = Payer(home, "dev1", registry=Registry(chains, is_devnet=True)).plan("25", via="eco")
    assert review.not_pinned == tuple(f"eco {n} on {c}" for c in ("Devnet 1", "Devnet 4") for n in ("portal", "prover"))


def test_a_devnet_pins_all_its_settlers(home: Home) -> None:
    account, sender = home.new_account()
    home.fund(sender, "dev1", USDC="100", ETH="1")
    plan = home.must("plan", "25", "USDC", f"dev4:{new_address()}", "--json", "--account", account).json
    assert plan["code_not_pinned"] == []
