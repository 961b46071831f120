"""Destinations: what is accepted, and the words of each refusal."""

import pytest

from l2send.core.address import ZERO_ADDRESS
from l2send.core.errors import BadAddress, BadRecipient, ChecksumMismatch, L2sendError, UnknownChain
from l2send.resolver.destination import parse_destination
from tests.bridges.registry import ORIGIN, REGISTRY, TARGET

GOOD = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def refusal(text: str) -> L2sendError:
    with pytest.raises(L2sendError) as caught:
        parse_destination(text, REGISTRY)
    return caught.value


def test_a_checksummed_destination_is_vouched_for() -> None:
    found = parse_destination(f"left:{GOOD}", REGISTRY)
    assert (found.chain, found.address, found.checksummed) == (ORIGIN, GOOD, True)
    assert str(found) == f"left:{GOOD}"


@pytest.mark.parametrize("spelling", [GOOD.lower(), "0x" + GOOD[2:].upper()])
def test_one_case_is_accepted_and_not_vouched_for(spelling: str) -> None:
    assert parse_destination(f"left:{spelling}", REGISTRY).checksummed is False


def test_a_wrong_checksum_is_refused() -> None:
    error = refusal(f"left:{GOOD[:-1]}D")
    assert isinstance(error, ChecksumMismatch)
    assert error.exit_status == 2


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("lft", "left (Left)"),
        ("LEFTY", "left (Left)"),
        ("768300091", "the short name of Left is left"),
    ],
)
def test_an_unknown_chain_names_what_was_meant(name: str, hint: str) -> None:
    error = refusal(f"{name}:{GOOD}")
    assert isinstance(error, UnknownChain)
    assert hint in error.hint


def test_a_bare_address_lacks_its_chain() -> None:
    error = refusal(GOOD)
    assert isinstance(error, BadAddress)
    assert "chain is missing" in error.message


@pytest.mark.parametrize(
    "contract",
    [
        ZERO_ADDRESS,
        "0x" + "0" * 38 + "09",
        ORIGIN.tokens[0].address,
        ORIGIN.settlers["eco"].contracts["portal"],
        TARGET.tokens[0].address,
        TARGET.settlers["eco"].contracts["portal"],
    ],
)
def test_contracts_that_would_swallow_money_are_refused(contract: str) -> None:
    error = refusal(f"left:{contract}")
    assert isinstance(error, BadRecipient)
    assert "lost" in error.message


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "Bitcoin"),
        ("btc:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "Bitcoin"),
        ("sol:7S3P4HxJpyyigGzodYwHtCxZyUQe9JiBMHyRWXArAaKv", "Solana"),
        ("left:TJRabPrwbZy45sbavfcjinPJC18kjpRTv8", "Tron"),
        ("left:0x049d36570d4e46f48e99674bd3fcc84644ddd6b96f7c741b1562b82f9e004dc7", "Starknet"),
        ("nonsense", "not a destination"),
        ("left:alice.eth", "a name"),
        ("", "not a destination"),
    ],
)
def test_what_is_no_evm_account_is_refused_in_words(text: str, word: str) -> None:
    assert word in refusal(text).message
