"""Accounts without a key: classes by pattern, by list, and by registry; in any spelling."""

from __future__ import annotations

import re
import secrets
from importlib.resources import files
from pathlib import Path

import pytest

from l2send.core.address import Address, checksum
from l2send.core.chains import load_registry
from l2send.core.effects import Pays, compare_with_payment
from l2send.core.errors import BadRecipient, Refused
from l2send.core.never_paid import CONTRACTS, why_unpayable
from l2send.core.paths import Paths
from l2send.core.plan import ChainAddress, Payment
from l2send.core.units import Amount
from l2send.resolver.destination import parse_destination

REGISTRY = load_registry(Paths.under(Path("/nowhere")))
SENDER = checksum("0xd8da6bf26964af9d7eed9e03e53415d37aa96045")
KEYLESS = {
    "zero": "0" * 40,
    "a precompile of Ethereum": "0" * 39 + "1",
    "P256VERIFY": "0" * 37 + "100",
    "a precompile of Arbitrum": "0" * 38 + "64",
    "a system contract of the ZK stack": "0" * 36 + "800a",
    "a built-in contract of the ZK stack": "0" * 35 + "10003",
    "the native coin of Polygon": "0" * 36 + "1010",
    "the marker for native coin": "e" * 40,
    "the common burn address": "0" * 36 + "dead",
    "a burn address": "dead" + "0" * 36,
    "another burn address": "dead000000000000000042069420694206942069",
    "a word, again and again": "deadbeef" * 5,
    "counted": "1234567890" * 4,
    "all ones": "f" * 40,
    "the system address": "f" * 39 + "e",
    "WETH of the OP stack": "42" + "0" * 37 + "6",
    "an implementation of the OP stack": "c0d3" * 9 + "0006",
    "legacy ETH of the OP stack": "deaddeaddeaddeaddeaddeaddeaddeaddead0000",
    "a predeploy of Scroll": "53" + "0" * 37 + "4",
    "a contract of Taiko": "167001" + "0" * 29 + "10001",
}


@pytest.mark.parametrize("digits", KEYLESS.values(), ids=KEYLESS)
def test_what_no_key_has_is_refused_on_every_chain_and_in_every_spelling(digits: str) -> None:
    for chain in REGISTRY:
        assert "lost" in why_unpayable(checksum(f"0x{digits}"), chain, REGISTRY)
    for text in (f"base:0x{digits}", f"base:{checksum('0x' + digits)}", f"eip155:8453:0x{digits}"):
        with pytest.raises(BadRecipient, match="lost"):
            parse_destination(text, REGISTRY)


SHARED = {
    "0x000000000022D473030F116dDEE9F6B43aC78BA3": "Permit2",
    "0xcA11bde05977b3631167028862bE2a173976CA11": "Multicall3",
    "0x0000000071727De22E5E9d8BAf0edAc6f37da032": "EntryPoint 0.7",
    "0x4337084D9E255Ff0702461CF8895CE9E3b5Ff108": "EntryPoint 0.8",
    "0x41675C099F32341bf84BFc5382aF534df5C7461a": "Safe 1.4.1",
    "0x00000000219ab540356cBB839Cbe05303d7705Fa": "deposit contract",
    "0x0000F90827F1C53a10cb7A02335B175320002935": "block hashes",
    "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2": "WETH contract",
}


@pytest.mark.parametrize("address", SHARED)
def test_what_has_one_address_everywhere_is_refused_by_its_name(address: str) -> None:
    """Named here too: the list of the code cannot lose one unnoticed."""
    assert SHARED[address] in why_unpayable(checksum(address), REGISTRY.named("base"), REGISTRY)


@pytest.mark.parametrize("digits", ["1", "100", "800a", "10003", "1010", "ffffffff"])
def test_small_numbers_are_said_to_be_the_chains_own(digits: str) -> None:
    assert "a precompiled contract" in why_unpayable(
        checksum("0x" + digits.rjust(40, "0")), REGISTRY.named("base"), REGISTRY
    )


@pytest.mark.parametrize("address", CONTRACTS)
def test_contracts_of_every_chain_are_written_with_their_checksum_and_refused(address: Address) -> None:
    assert checksum(address.lower()) == address
    assert why_unpayable(address, REGISTRY.named("base"), REGISTRY)


def test_contracts_of_another_chain_are_refused() -> None:
    base, arbitrum = REGISTRY.named("base"), REGISTRY.named("arb1")
    for token in arbitrum.tokens:
        assert token.address
        assert why_unpayable(token.address, base, REGISTRY)


def test_every_contract_that_the_registry_names_is_refused() -> None:
    """Price feeds, too: every address in chains.toml is a contract and no person's account."""
    text = (files("l2send") / "chains.toml").read_text(encoding="utf-8")
    named = {checksum(found) for found in re.findall(r"0x[0-9a-fA-F]{40}\b", text)}
    assert len(named) > 200
    assert [one for one in named if not why_unpayable(one, REGISTRY.named("base"), REGISTRY)] == []


def test_accounts_are_not_refused() -> None:
    chain = REGISTRY.named("base")
    for _ in range(2000):
        assert not why_unpayable(checksum("0x" + secrets.token_hex(20)), chain, REGISTRY)
    # People search for such addresses to show them off, so the account may have an owner.
    for vanity in ("0x" + "0" * 18 + secrets.token_hex(11), "0xdeadbeef" + secrets.token_hex(16)):
        assert not why_unpayable(checksum(vanity), chain, REGISTRY)


@pytest.mark.parametrize("digits", ["e" * 40, "0" * 36 + "dead", "42" + "0" * 37 + "6"])
def test_the_comparison_before_each_signature_refuses_them_too(digits: str) -> None:
    base = REGISTRY.named("base")
    to = ChainAddress(base.chain_id, checksum(f"0x{digits}"))
    payment = Payment(SENDER, to, Amount(1, base.native))
    with pytest.raises(Refused, match="lost"):
        compare_with_payment((Pays(payment.amount, to),), payment, payment.amount, REGISTRY)
