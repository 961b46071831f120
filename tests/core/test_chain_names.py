"""Names that people use for chains: accepted if they mean one, never a test chain for real money."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2send.core.chains import Registry, load_registry
from l2send.core.errors import BadAddress, UnknownChain, UnknownToken, UsageError
from l2send.core.paths import Paths
from l2send.resolver.contacts import check_name
from l2send.resolver.destination import parse_destination

REGISTRY = load_registry(Paths.under(Path("/nowhere")))
ACCOUNT = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("optimism", "oeth"),
        ("Optimism", "oeth"),
        ("op", "oeth"),
        ("op-mainnet", "oeth"),
        ("arbitrum", "arb1"),
        ("ARBITRUM", "arb1"),
        ("arbitrum-one", "arb1"),
        ("polygon", "pol"),
        ("mainnet", "eth"),
        ("ethereum", "eth"),
        ("ETH", "eth"),
        ("bsc", "bnb"),
        ("BNB", "bnb"),
        ("base", "base"),
        ("Base", "base"),
        ("BASE", "base"),
        ("avalanche", "avax"),
        ("gnosis", "gno"),
        ("xdai", "gno"),
        ("scroll", "scr"),
        ("zksync-era", "zksync"),
        ("boba", "Boba"),
        ("sepolia", "sep"),
        ("base-sepolia", "basesep"),
        ("fuji", "Fuji"),
    ],
)
def test_a_name_people_use_means_its_chain_and_the_short_name_is_shown(typed: str, meant: str) -> None:
    if typed != "ethereum":  # `ethereum:0x…` is a payment link (EIP-681), which means no chain by itself
        assert str(parse_destination(f"{typed}:{ACCOUNT}", REGISTRY)) == f"{meant}:{ACCOUNT}"
    assert str(parse_destination(f"{ACCOUNT}@{typed}", REGISTRY)) == f"{meant}:{ACCOUNT}"


@pytest.mark.parametrize(
    ("typed", "first", "said"),
    [
        ("OP", "oeth (OP Mainnet)", "Openpiece"),
        ("blast", "blastmainnet (Blast)", "the short name of Blast Mainnet"),
        ("arbitrun", "arb1 (Arbitrum One)", "no chain is called"),
        ("optimsm", "oeth (OP Mainnet)", "no chain is called"),
        ("poligon", "pol (Polygon PoS)", "no chain is called"),
        ("avalanch", "avax (Avalanche C-Chain)", "no chain is called"),
        ("linae", "linea (Linea)", "no chain is called"),
    ],
)
def test_what_means_no_chain_is_refused_with_the_real_chain_first(typed: str, first: str, said: str) -> None:
    with pytest.raises(UnknownChain, match=said) as refused:
        REGISTRY.named(typed)
    assert refused.value.hint.startswith(f"Did you mean: {first}")


def test_no_suggestion_puts_a_test_chain_first_or_names_a_chain_that_is_not_listed() -> None:
    typed = [name[:cut] + "x" for chain in REGISTRY for name in chain.names for cut in (2, 3, len(name) - 1, len(name))]
    for word in typed:
        hint = REGISTRY._meant(word)
        meant = [part.split(" (")[0].strip() for part in hint.removeprefix("Did you mean: ").split("), ")]
        if hint.startswith("Did you mean"):
            tests = [REGISTRY.by_name[name].testnet for name in meant]
            assert tests == sorted(tests), word


def test_every_name_means_one_chain_and_no_alias_is_a_test_chain_of_a_real_name() -> None:
    names = [name for chain in REGISTRY for name in {chain.short_name.lower(), *chain.aliases}]
    assert len(names) == len(set(names))
    assert not set(names) & set(REGISTRY.retired)
    for chain in REGISTRY:
        for alias in chain.aliases:
            assert alias == alias.lower()
            assert REGISTRY.find(alias) is chain
    real = {word for chain in REGISTRY if not chain.testnet for word in chain.names}
    assert not real & {alias for chain in REGISTRY if chain.testnet for alias in chain.aliases}


def test_a_retired_name_is_not_understood() -> None:
    with pytest.raises(UnknownChain, match="retired"):
        REGISTRY.named("matic")


def test_a_contact_cannot_take_a_name_that_means_a_chain() -> None:
    for name in ("optimism", "mainnet", "bsc"):
        with pytest.raises(UsageError, match="the name of a chain"):
            check_name(name, REGISTRY)


@pytest.mark.parametrize(
    ("chain", "typed", "hint"),
    [
        ("zora", "USDT", "Tokens there: ETH"),
        ("mode", "PYUSD", "Tokens there: ETH, USDC"),
        ("base", "PYUSD", "Tokens there: ETH, USDC"),
        ("base", "USCD", "Did you mean USDC? Tokens there: ETH, USDC"),
    ],
)
def test_other_money_is_never_proposed(chain: str, typed: str, hint: str) -> None:
    with pytest.raises(UnknownToken) as refused:
        REGISTRY.named(chain).token(typed)
    assert refused.value.hint.startswith(hint)


@pytest.mark.parametrize("text", ["xdc{0}", "XDC{0}", "xdc:xdc{0}", "base:xdc{0}", "xdc{0}@xdc"])
def test_an_address_of_the_xdc_network_says_what_to_write(text: str) -> None:
    with pytest.raises(BadAddress, match="XDC network") as refused:
        parse_destination(text.format(ACCOUNT[2:]), REGISTRY)
    assert refused.value.hint == f"Write {ACCOUNT}"


def test_users_may_name_their_own() -> None:
    chain = REGISTRY.named("base")
    assert Registry({"base": chain}).find("base-mainnet") is chain
