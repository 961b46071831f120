"""ENS names on a real registry and resolver: the record of the destination's chain, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from l2send.core import erc7930
from l2send.core.address import Address
from l2send.core.chains import Chain, Ens, Registry
from l2send.core.errors import (
    BadAddress,
    BadRecipient,
    ChecksumMismatch,
    ConfigError,
    L2sendError,
    NetworkError,
    UnknownName,
)
from l2send.core.rpc import Rpc, open_rpcs
from l2send.core.units import ChainId
from l2send.resolver import ens
from l2send.resolver.destination import Destination, look_up, understand
from l2send.resolver.ens_name import coin_type
from l2send.resolver.spelling import Voucher
from tests.conftest import Home
from tests.resolver.name_service import Gateway, NameService, coin_of
from tests.support.addresses import new_address

ALICE, ALICE_ETH, BOB, CAROL = (new_address() for _ in range(4))
DEV2 = ChainId(768_300_002)
ONE = ChainId(1)


def raw(address: Address) -> bytes:
    return bytes.fromhex(address[2:])


@pytest.fixture(scope="module", params=["registry", "universal"])
def registry(request: pytest.FixtureRequest, home: Home, names: NameService) -> Registry:
    """The devnet, asked for names in both ways; `one` plays Ethereum as a destination."""
    universal = names.universal if request.param == "universal" else None
    chains = dict(home.registry.by_name)
    chains["dev1"] = replace(chains["dev1"], ens=Ens(names.registry, universal))
    chains["one"] = replace(chains["dev3"], short_name="one", name="One", chain_id=ONE)
    return Registry(chains, is_devnet=True)


@pytest.fixture(scope="module", autouse=True)
def registered(names: NameService, home: Home) -> None:
    usdc = home.chain("dev2").token("USDC").address
    assert usdc
    names.name("alice.eth", **{coin_of(DEV2): raw(ALICE), "c60": raw(ALICE_ETH)})
    names.name("bob.eth", c60=raw(BOB))
    names.name("nobody.eth", **{coin_of(DEV2): bytes(20)})
    names.name("short.eth", **{coin_of(DEV2): bytes(19) + b"\1" * 2})
    names.name("coin.eth", **{coin_of(DEV2): raw(usdc)})
    names.point("offchain.eth", names.offchain)


@pytest.fixture(autouse=True)
def gateways(names: NameService, gateway: Gateway) -> Iterator[None]:
    gateway.records |= {("carol.offchain.eth", coin_type(DEV2)): CAROL, ("offchain.eth", 60): BOB}
    gateway.asked.clear()
    yield
    gateway.asked.clear()


def find(text: str, registry: Registry) -> Destination:
    async def ask() -> Destination:
        async with open_rpcs(registry) as rpcs:
            return await look_up(understand(text, registry), rpcs)

    return asyncio.run(ask())


def refusal(text: str, registry: Registry) -> L2sendError:
    with pytest.raises(L2sendError) as caught:
        find(text, registry)
    return caught.value


@pytest.mark.parametrize(
    "text",
    ["dev2:alice.eth", "alice.eth@dev2", "alice.eth@eip155:768300002", "eip155:768300002:alice.eth", "dev2:ALICE.eth"],
)
def test_a_name_is_the_address_it_has_on_the_destination(text: str, registry: Registry) -> None:
    found = find(text, registry)
    assert (str(found), found.name, found.vouched_by) == (f"dev2:{ALICE}", "alice.eth", Voucher.ENS)
    assert not found.checksummed


def test_on_ethereum_it_is_the_oldest_record(registry: Registry) -> None:
    assert find("one:alice.eth", registry).address == ALICE_ETH


def test_the_record_for_ethereum_is_never_used_on_another_chain(registry: Registry) -> None:
    error = refusal("dev2:bob.eth", registry)
    assert isinstance(error, UnknownName)
    assert "no address for Devnet 2" in error.message
    assert "one for Ethereum, which l2send does not use" in error.hint
    assert BOB not in error.message + error.hint


@pytest.mark.parametrize("name", ["nobody.eth", "unregistered.eth", "deep.under.alice.eth", "nothing.at-all"])
def test_an_empty_record_or_an_unknown_name_is_no_account(name: str, registry: Registry) -> None:
    error = refusal(f"dev2:{name}", registry)
    assert (type(error), error.exit_status) == (UnknownName, 2)
    assert "Ethereum" not in error.hint


def test_a_record_that_is_no_evm_address(registry: Registry) -> None:
    assert "21 bytes" in refusal("dev2:short.eth", registry).message


def test_a_name_of_a_token_contract_is_refused_like_its_address(registry: Registry) -> None:
    assert isinstance(refusal("dev2:coin.eth", registry), BadRecipient)


def test_a_payment_link_to_a_name(registry: Registry) -> None:
    found = find("ethereum:alice.eth@768300002?value=1e18", registry)
    assert found.address == ALICE
    assert found.asked
    assert str(found.asked.amount) == "1 ETH"


def test_a_checksum_behind_a_name_must_fit_the_address(registry: Registry) -> None:
    right = erc7930.interop_checksum(find("dev2:alice.eth", registry).account)
    assert find(f"alice.eth@dev2#{right}", registry).address == ALICE
    assert isinstance(refusal("alice.eth@dev2#00000000", registry), ChecksumMismatch)


def test_a_name_needs_a_chain(registry: Registry) -> None:
    error = refusal("alice.eth", registry)
    assert isinstance(error, BadAddress)
    assert "the chain is missing" in error.message


@pytest.mark.parametrize("path", ["good/{sender}/{data}.json", "good"])
def test_an_offchain_name_is_asked_of_its_gateway(
    path: str, registry: Registry, names: NameService, gateway: Gateway
) -> None:
    """By GET where the URL has room for the data, else by POST; for a name below the registered one, too."""
    names.gateways(gateway.url(path))
    assert find("dev2:carol.offchain.eth", registry).address == CAROL
    assert find("one:offchain.eth", registry).address == BOB
    assert set(gateway.asked) == {"GET good"} if "{data}" in path else {"POST good"}


def test_an_offchain_name_without_a_record_is_no_account(
    registry: Registry, names: NameService, gateway: Gateway
) -> None:
    names.gateways(gateway.url("good"))
    error = refusal("dev2:offchain.eth", registry)
    assert isinstance(error, UnknownName)
    assert "one for Ethereum" in error.hint


def test_the_next_gateway_is_asked_if_one_is_down(registry: Registry, names: NameService, gateway: Gateway) -> None:
    names.gateways("https://127.0.0.1:9/{data}", "ftp://x", gateway.url("down"), gateway.url("good"))
    assert find("dev2:carol.offchain.eth", registry).address == CAROL


@pytest.mark.parametrize("mode", ["lie", "down", "refuse", "huge", "odd", "elsewhere/{sender}/{data}"])
def test_no_gateway_can_name_an_address(mode: str, registry: Registry, names: NameService, gateway: Gateway) -> None:
    """A wrong signature, an error, too much, nonsense, a redirect: never an address, never a silent other one."""
    names.gateways(gateway.url(mode))
    error = refusal("dev2:carol.offchain.eth", registry)
    assert isinstance(error, NetworkError)
    assert (error.exit_status, error.sent) == (4, "no")
    assert "GET good" not in gateway.asked


def test_a_contract_may_not_ask_in_anothers_name(registry: Registry, names: NameService, gateway: Gateway) -> None:
    names.gateways(gateway.url("good"), pretended=new_address())
    assert isinstance(refusal("dev2:carol.offchain.eth", registry), NetworkError)


def test_a_contract_that_asks_for_ever_is_left(registry: Registry, names: NameService, gateway: Gateway) -> None:
    names.gateways(gateway.url("good"), endless=True)
    try:
        assert isinstance(refusal("dev2:carol.offchain.eth", registry), NetworkError)
        assert len(gateway.asked) <= 4
    finally:
        names.gateways(gateway.url("good"))


def test_where_there_is_no_ens_a_name_is_refused(home: Home) -> None:
    error = refusal("dev2:alice.eth", home.registry)
    assert isinstance(error, ConfigError)
    assert "no chain of this registry has ENS" in error.message


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"a": ALICE, "b": ALICE, "c": BOB}, ALICE),
        ({"a": ALICE, "b": NetworkError("down"), "c": ALICE}, ALICE),
        ({"a": None, "b": None, "c": BOB}, UnknownName),
        ({"a": ALICE, "b": BOB, "c": ALICE}, NetworkError),
        ({"a": ALICE, "b": None, "c": ALICE}, NetworkError),
        ({"a": ALICE, "b": NetworkError("down"), "c": NetworkError("down")}, NetworkError),
        ({"a": NetworkError("down"), "b": NetworkError("down"), "c": NetworkError("down")}, NetworkError),
        ({"a": ALICE}, ALICE),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "address" if isinstance(value, str) else None,
)
def test_one_endpoint_alone_is_not_believed(
    answers: dict[str, Address | NetworkError | None],
    expected: Address | type[L2sendError],
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def ask(question: object, rpc: Rpc) -> Address | None:
        said = answers[rpc.chain.rpcs[0]]
        if isinstance(said, NetworkError):
            raise said
        return said

    monkeypatch.setattr(ens, "_ask", ask)
    dev1: Chain = replace(registry.named("dev1"), rpcs=tuple(answers))
    changed = replace(registry, by_name=dict(registry.by_name) | {"dev1": dev1})
    if isinstance(expected, str):
        assert find("dev2:alice.eth", changed).address == expected
    else:
        assert isinstance(refusal("dev2:alice.eth", changed), expected)
