"""Recovery phrases and derivation paths, against published vectors."""

from __future__ import annotations

import hmac
import pickle
import traceback

import pytest

from l2send.core.errors import ConfigError, UsageError
from l2send.wallet.keys.derivation import DerivationPath, parse_path, path_of_phrase, path_on_device
from l2send.wallet.keys.mnemonic import Phrase
from l2send.wallet.keys.signer import address_of

JUNK = "test test test test test test test test test test test junk"
"""The phrase of Foundry's and Hardhat's local chains; the addresses are those `anvil` prints."""
ABOUT = "abandon " * 11 + "about"
ROOT = DerivationPath(())


@pytest.mark.parametrize(
    ("words", "seed"),
    [
        (
            ABOUT,
            (
                "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e5349553"
                "1f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04"
            ),
        ),
        (
            "legal winner thank year wave sausage worth useful legal winner thank yellow",
            (
                "2e8905819b8723fe2c1d161860e5ee1830318dbf49a83bd451cfb8440c28bd6f"
                "a457fe1296106559a3c80937a1c1069be3a3a5bd381ee6260e8d9739fce1f607"
            ),
        ),
        (
            "abandon " * 23 + "art",
            (
                "bda85446c68413707090a52022edd26a1c9462295029f2e60cd7c4f2bbd30971"
                "70af7a4d73245cafa9c3cca8d561a7c3de6f5d4a10be8ed2a5e608d68f92fcc8"
            ),
        ),
    ],
    ids=["zeros, 12 words", "0x7f, 12 words", "zeros, 24 words"],
)
def test_the_vectors_of_bip_39(words: str, seed: str) -> None:
    """Seeds of BIP-39's reference vectors, passphrase TREZOR; the root key is BIP-32's HMAC of the seed."""
    root = hmac.digest(b"Bitcoin seed", bytes.fromhex(seed), "sha512")[:32]
    assert Phrase(words).key(ROOT, "TREZOR").reveal() == root
    assert Phrase(words).key(ROOT).reveal() != root


@pytest.mark.parametrize(
    ("words", "path", "address"),
    [
        (JUNK, path_of_phrase(0), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        (JUNK, path_of_phrase(1), "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        (JUNK, path_of_phrase(9), "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"),
        (JUNK, parse_path("m/44h/60H/0'/0/0"), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        (JUNK, path_on_device(1), "0x8C8d35429F74ec245F8Ef2f4Fd1e551cFF97d650"),
        (ABOUT, path_of_phrase(0), "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"),
    ],
)
def test_known_accounts(words: str, path: DerivationPath, address: str) -> None:
    assert address_of(Phrase(words).key(path)) == address


def test_words_are_read_as_people_type_them() -> None:
    typed = "  TEST test\ttest test test test test test test  test test Junk\r\n"
    assert address_of(Phrase(typed).key(path_of_phrase(0))) == address_of(Phrase(JUNK).key(path_of_phrase(0)))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("test test test tset test test test test test test test junk", "word 4 of 12 is not"),
        ("tset test test tset test test test test test test test junk", "words 1, 4 of 12 are not"),
        (JUNK.replace("junk", "test"), "checksum is wrong"),
        (JUNK.removeprefix("test "), "11 words"),
        ("", "0 words"),
        ("test junk " * 6, "checksum is wrong"),
        ("0x" + "ab" * 32, "word 1 of 1 is not"),
    ],
)
def test_what_is_wrong_is_said_by_place_and_not_repeated(typed: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Phrase(typed)
    assert said in caught.value.message
    assert "tset" not in "".join(traceback.format_exception(caught.value))
    assert "junk" not in caught.value.message


def test_a_fresh_phrase_is_another_each_time() -> None:
    phrases = {Phrase.fresh().reveal() for _ in range(5)}
    assert len(phrases) == 5
    assert {len(words) for words in phrases} == {12}
    assert len(Phrase.fresh(24).reveal()) == 24


def test_no_view_of_a_phrase_shows_it() -> None:
    phrase = Phrase(JUNK)
    assert "junk" not in f"{phrase!r} {phrase} {[phrase]}"
    with pytest.raises(TypeError):
        pickle.dumps(phrase)
    with pytest.raises(ConfigError) as caught:
        phrase.key(DerivationPath((-1,)))
    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert "junk" not in "".join(trace.format())


@pytest.mark.parametrize(
    "text",
    ["", "m", "m/", "44'/60'/0'/0/0", "m/44'/60'/0'/0/x", "m/2147483648", "m/-1", "m/0''", "m" + "/0" * 11, "m/٣"],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a derivation path"):
        parse_path(text)


def test_a_path_is_written_as_it_is_read() -> None:
    assert str(parse_path("m/44'/60'/7'/0/2147483647")) == "m/44'/60'/7'/0/2147483647"
    assert parse_path("m/1h").numbers == (2**31 + 1,)
