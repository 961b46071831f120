"""Prepared payments that something interrupts: a kill, another payment, another file, more chains."""

from __future__ import annotations

import json
import os

import pytest

from l2send.core.address import Address
from l2send.wallet.offline import Presigned, read
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.vault import Prepare, Vault, bring_key, changed, hash_of, payer, prepare, signed, vault

pytestmark = pytest.mark.lab

__all__ = ["payer", "prepare", "vault"]


def test_killed_while_broadcasting_it_is_carried_on_by_the_file_or_without(
    home: Home, vault: Vault, payer: tuple[str, Address], prepare: Prepare
) -> None:
    to = new_address()
    path = signed(vault, payer, prepare("25", "USDC", f"dev1:{to}"))
    killed = home.run("broadcast", str(path), L2SEND_FAILPOINT="journaled", ETH_PASSWORD="")
    assert killed.status == -9
    assert home.holds(to, "dev1") == 0
    assert (
        home.must("resume", json.loads(path.read_text())["id"], "--json", ETH_PASSWORD="").json["state"] == "delivered"
    )
    home.must("broadcast", str(path), ETH_PASSWORD="")
    assert home.holds(to, "dev1") == 25_000_000


def test_several_are_prepared_one_after_another_and_sent_in_that_order(
    home: Home, vault: Vault, payer: tuple[str, Address], prepare: Prepare
) -> None:
    first, second = new_address(), new_address()
    files = [prepare("10", "USDC", f"dev1:{to}", name=name) for name, to in (("a", first), ("b", second))]
    a, b = (signed(vault, payer, file) for file in files)
    early = home.run("broadcast", str(b), "--json", ETH_PASSWORD="")
    assert (early.status, early.error["sent"]) == (7, "no")
    assert "what was prepared before it has not been sent" in early.error["message"]
    home.must("broadcast", str(a), ETH_PASSWORD="")
    home.must("broadcast", str(b), ETH_PASSWORD="")
    assert (home.holds(first, "dev1"), home.holds(second, "dev1")) == (10_000_000, 10_000_000)


def test_a_nonce_that_was_used_meanwhile_makes_it_never_happen(
    home: Home, vault: Vault, payer: tuple[str, Address], prepare: Prepare
) -> None:
    to, other = new_address(), new_address()
    path = signed(vault, payer, prepare("10", "USDC", f"dev1:{to}"))
    bring_key(vault, payer, home)
    home.must("5", "USDC", f"dev1:{other}", "--yes", "--account", payer[0])
    done = home.run("broadcast", str(path), "--json", ETH_PASSWORD="")
    assert (done.status, done.error["sent"]) == (7, "no")
    assert "cannot happen any more" in done.error["message"]
    assert home.holds(to, "dev1") == 0
    assert home.run("cancel", json.loads(path.read_text())["id"], "--yes").status == 7
    assert home.run("broadcast", str(path), "--json", ETH_PASSWORD="").json["state"] == "cancelled"


def test_another_wallet_with_the_key_signs_it_with_the_same_nonce(
    home: Home, vault: Vault, payer: tuple[str, Address], prepare: Prepare
) -> None:
    """`resume` with a key signs what was prepared as it was prepared: the file's bytes and these exclude each other."""
    to = new_address()
    path = signed(vault, payer, prepare("10", "USDC", f"dev1:{to}"))
    bring_key(vault, payer, home)
    done = home.must("resume", json.loads(path.read_text())["id"], "--json", "--account", payer[0]).json
    (raw,) = read(path).parts[0].signed
    assert [tx["hash"] for tx in done["transactions"]] == [hash_of("0x" + raw.hex())]
    home.must("broadcast", str(path), ETH_PASSWORD="")
    assert home.holds(to, "dev1") == 10_000_000


def test_a_file_of_another_payment_sends_nothing(
    home: Home, vault: Vault, payer: tuple[str, Address], prepare: Prepare
) -> None:
    """The id is swapped: the journal decides, not the file."""
    first, second = new_address(), new_address()
    files = [prepare("10", "USDC", f"dev1:{to}", name=name) for name, to in (("a", first), ("b", second))]
    a, b = (signed(vault, payer, file) for file in files)
    swapped = changed(b, lambda content: content.update(id=json.loads(a.read_text())["id"]))
    done = home.run("broadcast", str(swapped), "--json", ETH_PASSWORD="")
    assert (done.status, done.error["sent"]) == (7, "no")
    half = changed(
        a, lambda content: content["parts"][0].update(signed=json.loads(b.read_text())["parts"][0]["signed"])
    )
    done = home.run("broadcast", str(half), "--json", ETH_PASSWORD="")
    assert (done.status, done.error["sent"]) == (3, "no")
    assert (home.holds(first, "dev1"), home.holds(second, "dev1")) == (0, 0)


def test_the_same_key_gives_the_same_file(home: Home, prepare: Prepare) -> None:
    words = ("10", "USDC", f"dev1:{new_address()}", "--idempotency-key", os.urandom(8).hex())
    assert prepare(*words, name="a").read_bytes() == prepare(*words, name="b").read_bytes()


def test_several_chains_are_one_file(home: Home, vault: Vault, payer: tuple[str, Address], prepare: Prepare) -> None:
    to = new_address()
    home.fund(payer[1], "dev2", USDC="100", ETH="1")
    unsigned = prepare("150", "USDC", f"dev4:{to}")
    path = signed(vault, payer, unsigned)
    bundle = read(path)
    assert len(bundle.parts) == 2
    assert Presigned(bundle).address == payer[1]
    assert home.must("broadcast", str(path), "--json", ETH_PASSWORD="").json["state"] == "delivered"
    assert home.holds(to, "dev4") == 150_000_000
