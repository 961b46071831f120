"""The address book as a form of destination: what a name means, and that it cannot be confused with other forms."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l2send.core.address import Address, checksum
from l2send.core.chains import load_registry
from l2send.core.errors import BadAddress, ConfigError, L2sendError, UsageError
from l2send.core.paths import Paths
from l2send.resolver.contacts import Book, Contact, check_name, load_book, parse_book
from l2send.resolver.destination import Destination, parse_destination, understand
from l2send.resolver.destination_forms import forms
from l2send.resolver.other_networks import foreign
from l2send.resolver.spelling import Voucher

REGISTRY = load_registry(Paths.under(Path("/nowhere")))
ALICE = checksum("0xd8da6bf26964af9d7eed9e03e53415d37aa96045")
CARL = checksum("0x90f79bf6eb2c4f870365e785982e1f101e93b906")
LIKE_ALICE = checksum(ALICE[:6] + "5e3a91c7" * 2 + "90f79bf6eb2c4f87" + ALICE[-4:])
BOOK = Book(
    {
        "alice": Contact("alice", ALICE, ("base",)),
        "carl": Contact("carl", CARL),
        "both": Contact("both", checksum("0x15d34aaf54267db7d7c367839aaf71a00a2c6a65"), ("base", "oeth")),
    }
)


def found(text: str) -> Destination:
    return parse_destination(text, REGISTRY, BOOK)


@pytest.mark.parametrize("text", ["alice", "base:alice", "alice@base", " Alice ", "base:ALICE"])
def test_every_way_to_write_a_contact_leads_to_its_account(text: str) -> None:
    destination = found(text)
    assert str(destination) == f"base:{ALICE}"
    assert (destination.contact, destination.form, destination.vouched_by) == ("alice", "contact", Voucher.CONTACT)
    assert not destination.checksummed


@pytest.mark.parametrize(("text", "account"), [("arb1:carl", f"arb1:{CARL}"), ("carl@oeth", f"oeth:{CARL}")])
def test_a_contact_without_a_chain_is_paid_on_the_one_that_is_said(text: str, account: str) -> None:
    assert str(found(text)) == account


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("carl", "the chain is missing"),
        ("both", "known on Base and OP Mainnet"),
        ("arb1:alice", "not known on Arbitrum One"),
        ("alice@arb1", "not known on Arbitrum One"),
        ("alcie", "no contact is called 'alcie'"),
    ],
)
def test_what_is_not_sure_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(BadAddress, match=re.escape(words)) as caught:
        found(text)
    assert caught.value.hint


def test_the_chain_of_a_contact_is_chosen_among_its_own() -> None:
    assert [chain.short_name for chain in understand("both", REGISTRY, BOOK).among] == ["base", "oeth"]
    assert understand("carl", REGISTRY, BOOK).among == ()


def test_an_account_is_recognised_on_the_chains_it_is_known_on_alone() -> None:
    base, arbitrum = REGISTRY.named("base"), REGISTRY.named("arb1")
    assert (BOOK.at(ALICE, base), BOOK.at(ALICE, arbitrum)) == (BOOK.contacts["alice"], None)
    assert BOOK.at(CARL, arbitrum) == BOOK.contacts["carl"]


NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,30}", fullmatch=True)


@settings(deadline=None)
@given(NAMES, st.sampled_from([chain.short_name for chain in REGISTRY]))
def test_no_contact_can_be_taken_for_any_other_form(name: str, chain: str) -> None:
    """What is a name here is nothing at all without the book, and every other form is none with it."""
    try:
        check_name(name, REGISTRY)
    except UsageError:
        assert name in REGISTRY.by_name or name in REGISTRY.retired or foreign(name)
        return
    for text in (name, f"{chain}:{name}", f"{name}@{chain}"):
        with pytest.raises(L2sendError):
            understand(text, REGISTRY)
    named = Book({name: Contact(name, ALICE)})
    for text in (*forms(found("alice")).values(), "vitalik.eth", "base:vitalik.eth", "vitalik.eth@base", ALICE):
        assert understand(text, REGISTRY, named) == understand(text, REGISTRY)


@pytest.mark.parametrize(
    ("contact", "words"),
    [
        (Contact("alice", CARL), "a contact called alice is there already"),
        (Contact("carol", ALICE), "is in your contacts already, as alice"),
        (
            Contact("carol", checksum(ALICE[:6] + "5e3a91c7" * 2 + "90f79bf6eb2c4f87" + ALICE[-4:])),
            "looks like the address of alice",
        ),
        (Contact("base", ALICE), "the name of a chain"),
        (Contact("matic", ALICE), "the name of a chain"),
        (Contact("a.b", ALICE), "no name for a contact"),
        (Contact("x" * 32, ALICE), "no name for a contact"),
        (Contact("bc1qar0srrr7xfkvy5l643lyd", ALICE), "taken for a Bitcoin address"),
        (Contact("carol", Address("0x" + "0" * 40)), "the zero address"),
        (Contact("usdc", Address("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"), ("base",)), "the contract of USDC"),
    ],
)
def test_what_must_not_be_in_the_book_is_refused(contact: Contact, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        BOOK.check_new(contact, REGISTRY)


def text_of(entry: str) -> str:
    return f"schema = 1\n[contacts.alice]\n{entry}\n"


def test_the_file_is_read() -> None:
    (contact,) = parse_book(text_of(f'address = "{ALICE}"\nchains = ["base"]\nens = "alice.eth"'), "here")
    assert contact == Contact("alice", ALICE, ("base",), "alice.eth")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (text_of(f'address = "{ALICE.lower()}"'), "lacks its ERC-55 checksum"),
        (text_of(f'address = "{ALICE[:-1]}6"'), "fails its ERC-55 checksum"),
        (text_of(f'address = "{ALICE}"\nchain = "base"'), "chain, which is not known"),
        (text_of(""), "address"),
        ("schema = 2", "written by a newer l2send"),
        ("schema = ", "Invalid value"),
        ('schema = 1\ncontacts = "alice"', "not usable"),
    ],
)
def test_a_file_with_a_mistake_is_refused_as_a_whole(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        parse_book(text, "here")


def test_a_file_that_others_can_write_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "contacts.toml"
    assert not len(load_book(path))
    path.write_text(text_of(f'address = "{ALICE}"'))
    path.chmod(0o644)
    assert len(load_book(path)) == 1
    path.chmod(0o664)
    with pytest.raises(ConfigError, match="other users can write"):
        load_book(path)
