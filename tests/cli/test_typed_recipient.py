"""Typed recipients: a position in a list that changes from run to run is not accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2send.cli.typed_recipient import choose_chain, judge
from l2send.core.chains import load_registry
from l2send.core.errors import UsageError
from l2send.core.paths import Paths
from l2send.resolver.contacts import Book, Contact, check_name
from tests.bridges.registry import RECIPIENT
from tests.cli.test_prompts import ENTER, answered

REGISTRY = load_registry(Paths.under(Path("/nowhere")))


@pytest.mark.parametrize("typed", ["1", "2", "9", "#1", "1.", "(2)"])
def test_a_number_names_no_recipient(typed: str) -> None:
    """Offered recipients had numbers once, and `2` was another one the next day."""
    book = Book({name: Contact(name, RECIPIENT, ("base",), "") for name in ("alice", "bob")})
    with pytest.raises(UsageError):
        judge(typed, REGISTRY, book)
    judge("alice", REGISTRY, book)


@pytest.mark.parametrize("name", ["1", "2", "0x1", "#1"])
def test_no_contact_is_called_by_a_number(name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name, REGISTRY)


def test_what_names_no_chain_or_several_chooses_none() -> None:
    again = "\x15"  # Ctrl-U: the line is empty again
    asking = choose_chain("On which chain?", REGISTRY)
    chain, said = answered(asking, f"zzz{ENTER}", f"{again}ar{ENTER}", f"{again}BASE{ENTER}")
    assert chain.short_name == "base"
    assert "No such chain" in said[0]
    assert "more than one chain" in said[1]
