"""Names on the command line: the name and the address are both shown, and the address is paid."""

from __future__ import annotations

import asyncio

import pytest

from l2send.client import open_client
from l2send.core.address import Address
from l2send.core.units import ChainId
from l2send.resolver.spelling import Voucher
from tests.conftest import Home
from tests.resolver.name_service import NameService, coin_of
from tests.support.addresses import new_address

pytestmark = pytest.mark.lab

DEV2 = ChainId(768_300_002)
DAVE = new_address()


@pytest.fixture(scope="module", autouse=True)
def registered(names: NameService) -> None:
    names.name("dave.eth", **{coin_of(DEV2): bytes.fromhex(DAVE[2:]), "c60": bytes.fromhex(new_address()[2:])})


@pytest.fixture
def payer(home: Home, ens_home: Home) -> tuple[str, Address]:
    name, address = ens_home.new_account()
    home.fund(address, "dev2", USDC="50", ETH="1")
    return name, address


def test_resolve_shows_the_name_and_the_address(ens_home: Home) -> None:
    shown = ens_home.must("resolve", "dev2:Dave.ETH").stdout
    assert f"address   {DAVE}" in shown
    assert "name      dave.eth, which ENS says is this address on Devnet 2" in shown
    document = ens_home.must("resolve", "dave.eth@dev2", "--json").json
    assert (document["name"], document["address"]) == ("dave.eth", DAVE)
    assert (document["vouched_by"], document["checksummed"]) == ("ens", False)
    assert document["forms"]["erc3770"] == f"dev2:{DAVE}"


def test_the_review_shows_both(ens_home: Home, payer: tuple[str, Address]) -> None:
    shown = ens_home.must("1", "USDC", "dave.eth@dev2", "--dry-run", "--account", payer[0]).stderr
    assert f"dev2:{DAVE}" in shown
    assert "dave.eth, by what ENS says it is on Devnet 2" in shown
    assert "no checksum" not in shown


def test_a_name_is_paid(home: Home, ens_home: Home, payer: tuple[str, Address]) -> None:
    paid = ens_home.must("2", "USDC", "dev2:Dave.ETH", "--yes", "--json", "--account", payer[0]).json
    assert (paid["typed_name"], paid["destination"]) == ("dave.eth", f"dev2:{DAVE}")
    assert home.holds(DAVE, "dev2") == 2_000_000


def test_a_name_without_a_record_for_the_chain_is_not_paid(ens_home: Home, payer: tuple[str, Address]) -> None:
    done = ens_home.run("2", "USDC", "dev3:dave.eth", "--yes", "--account", payer[0], "--json")
    assert (done.status, done.error["code"], done.error["sent"]) == (2, "unknown_name", "no")
    assert "Ethereum, which l2send does not use" in done.error["hint"]


def test_from_python(ens_home: Home) -> None:
    async def ask() -> None:
        async with open_client(ens_home.paths) as client:
            found = await client.look_up("dev2:dave.eth")
            assert (found.address, found.vouched_by) == (DAVE, Voucher.ENS)

    asyncio.run(ask())
