"""Accounts of other networks: recognised by format or prefix, and refused by the network's name."""

from __future__ import annotations

import pytest

from l2send.core.errors import BadAddress
from l2send.resolver.destination import parse_destination
from l2send.resolver.other_networks import foreign
from tests.bridges.registry import REGISTRY

ACCOUNTS = [
    ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "Bitcoin"),
    ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "Bitcoin"),
    ("bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr", "Bitcoin"),
    ("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "Bitcoin"),
    ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "Bitcoin"),
    ("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "Bitcoin"),
    ("7S3P4HxJpyyigGzodYwHtCxZyUQe9JiBMHyRWXArAaKv", "Solana"),
    ("0x049d36570d4e46f48e99674bd3fcc84644ddd6b96f7c741b1562b82f9e004dc7", "Starknet"),
    ("0x2dd1b492765c064eac4039e3841aa5f382773b598097a40073bd8b48170ab57", "Starknet"),
    ("TJRabPrwbZy45sbavfcjinPJC18kjpRTv8", "Tron"),
    ("cosmos1t2uflqwqe0fsj0shcfkrvpukewcw40yjj6hdc0", "Cosmos"),
    ("osmo1clpqr4nrk4khgkxj78fcwwh6dl3uw4epasmvnj", "Cosmos"),
    ("addr1vpu5vlrf4xkxv2qpwngf6cjhtw542ayty80v8dyr49rf5eg0yu80w", "Cardano"),
    ("EQDtFpEwcFAEcRe5mLVh2N6C0x-_hJEM7W61_JLnSF74p4q2", "TON"),
    ("rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh", "XRP"),
    ("15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5", "Polkadot"),
]


@pytest.mark.parametrize("shape", ["{}", "left:{}", "{}@left", "ethereum:{}", "elsewhere:{}?amount=1"])
@pytest.mark.parametrize(("account", "network"), ACCOUNTS)
def test_by_its_form(account: str, network: str, shape: str) -> None:
    with pytest.raises(BadAddress, match=network) as caught:
        parse_destination(shape.format(account), REGISTRY)
    assert "EVM chains only" in caught.value.message


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("solana:short", "Solana"),
        ("btc:anything", "Bitcoin"),
        ("starknet:0x1", "Starknet"),
        ("sol:7S3P", "Solana"),
        ("near:alice.near", "NEAR"),
        ("lightning:LNBC10", "Lightning"),
        ("SUI:0x1", "Sui"),
    ],
)
def test_by_the_prefix(text: str, network: str) -> None:
    with pytest.raises(BadAddress, match=network):
        parse_destination(text, REGISTRY)


@pytest.mark.parametrize(
    "account", ["0x" + "ab" * 20, "ab" * 20, "AB" * 20, "alice.eth", "", "nonsense", "base", "12345"]
)
def test_what_is_not_elsewhere(account: str) -> None:
    assert foreign(account) == ""
