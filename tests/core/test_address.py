"""ERC-55: the EIP's vectors, and every way to mistype an address."""

import random

import pytest

from l2send.core.address import checksum, ends, parse_address, short
from l2send.core.errors import BadAddress, ChecksumMismatch

VECTORS = [
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]
ONE_CASE = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
]


@pytest.mark.parametrize("address", VECTORS)
def test_mixed_case_that_matches_is_vouched_for(address: str) -> None:
    assert parse_address(address) == (address, True)


@pytest.mark.parametrize("address", ONE_CASE)
def test_the_vectors_of_one_case_are_their_own_checksum_and_still_asked_about(address: str) -> None:
    assert parse_address(address) == (address, False)


@pytest.mark.parametrize("address", VECTORS)
def test_one_case_carries_no_checksum(address: str) -> None:
    assert parse_address(address.lower()) == (address, False)
    assert parse_address("0x" + address[2:].upper()) == (address, False)


@pytest.mark.parametrize(
    "text", ["", "0x", "0x1", VECTORS[0][2:], "0X" + VECTORS[0][2:], VECTORS[0] + "0", "vitalik.eth"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        parse_address(text)


@pytest.mark.lab
def test_every_one_character_typo_in_mixed_case_is_caught() -> None:
    """Substitutions and case flips: what slips through is at most ERC-55's own miss rate."""
    seeded = random.Random(7683)
    missed = tried = 0
    for _ in range(200):
        address = checksum(seeded.randbytes(20))
        for position in range(2, 42):
            for digit in {*"0123456789abcdefABCDEF"} - {address[position]}:
                typo = address[:position] + digit + address[position + 1 :]
                tried += 1
                try:
                    missed += parse_address(typo)[1]
                except ChecksumMismatch:
                    continue
    assert tried > 100_000
    assert missed / tried < 0.0005


def test_a_short_address_shows_the_ends_that_people_compare() -> None:
    address = checksum("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
    assert short(address) == "0x5aAe…eAed"
    assert short(address)[2:].replace("…", "").lower() == ends(address)
