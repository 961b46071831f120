"""Typed recipients: a position in a list that changes from run to run is not accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2send.cli.recipient import judge
from l2send.core.chains import load_registry
from l2send.core.errors import UsageError
from l2send.core.paths import Paths
from l2send.resolver.contacts import Book, Contact, check_name
from tests.bridges.registry import RECIPIENT

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
