"""Contract accounts: at the addresses and with the code that chains.toml lists for public chains."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_hash.auto import keccak
from typer.testing import CliRunner

from l2send.core.account_contracts import SafeVersion
from l2send.core.address import checksum
from l2send.core.calldata import Function
from l2send.core.chains import Registry, load_registry
from l2send.core.errors import NodeError, UsageError
from l2send.core.paths import Paths
from l2send.devnet.account_contracts import make_safe
from l2send.devnet.commands import app
from l2send.devnet.node import Node
from l2send.devnet.state import DevChain, Devnet
from tests.devnet.user import fresh_address

OWNERS = Function("getOwners()", "address[]")
THRESHOLD = Function("getThreshold()", "uint256")
VERSION = Function("VERSION()", "string")
VERSIONS = ["1.4.1", "1.5.0"]


def shipped(tmp_path: Path) -> Registry:
    return load_registry(Paths.under(tmp_path))


def safe_of(home: Path, version: str) -> SafeVersion:
    chain = load_registry(Paths(home / "config", home, home / "cache")).named("dev1")
    return next(safe for safe in chain.safes if safe.version == version)


def code_hash(chain: DevChain, address: str) -> str:
    return "0x" + keccak(bytes.fromhex(Node(chain.rpc_url).call("eth_getCode", address, "latest")[2:])).hex()


@pytest.mark.parametrize("version", VERSIONS)
def test_the_contracts_of_safe_are_those_of_public_chains(
    home: Path, devnet: Devnet, tmp_path: Path, version: str
) -> None:
    listed = next(safe for safe in shipped(tmp_path).named("base").safes if safe.version == version)
    assert safe_of(home, version) == listed
    for chain in devnet.chains:
        for contract in listed.contracts:
            assert code_hash(chain, contract.address) == contract.code_hash


def test_entry_point_and_delegate_are_at_their_canonical_addresses(home: Path, devnet: Devnet, tmp_path: Path) -> None:
    """The code has no constants of a chain: with every chain id it is what chains.toml pins for public chains."""
    (delegate,) = load_registry(Paths(home / "config", home, home / "cache")).named("dev2").delegates
    (looked_at,) = shipped(tmp_path).named("base").delegates
    assert (looked_at.name, looked_at.code) == (delegate.name, delegate.code)
    assert (delegate.is_listed, looked_at.is_listed) == (True, False)
    for chain in devnet.chains:
        assert code_hash(chain, delegate.code.address) == delegate.code.code_hash
        entry_point = Node(chain.rpc_url).call("eth_getCode", "0x4337084D9E255Ff0702461CF8895CE9E3b5Ff108", "latest")
        assert len(entry_point) > 20_000


def test_no_chain_that_ships_lists_a_version_whose_contracts_are_elsewhere(tmp_path: Path) -> None:
    """On Tron or Berachain the package lists other addresses: such a version is not listed at all."""
    for chain in shipped(tmp_path):
        assert {safe.version for safe in chain.safes} <= set(VERSIONS)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_safe_has_its_owners_and_the_code_of_a_safe(home: Path, devnet: Devnet, version: str) -> None:
    owners, listed = [fresh_address() for _ in range(3)], safe_of(home, version)
    made = [make_safe(chain, listed, owners, 2) for chain in devnet.chains[:2]]
    assert made[0] == made[1]
    chain = devnet.chains[0]
    assert code_hash(chain, made[0]) == listed.proxy_code_hash
    node = Node(chain.rpc_url)
    found = OWNERS.decode_result(node.eth_call(made[0], OWNERS.encode()))[0]
    assert [checksum(owner) for owner in found] == owners
    assert THRESHOLD.decode_result(node.eth_call(made[0], THRESHOLD.encode())) == (2,)
    assert VERSION.decode_result(node.eth_call(made[0], VERSION.encode())) == (version,)


@pytest.mark.parametrize(("count", "threshold"), [(0, 1), (2, 0), (2, 3)])
def test_an_impossible_safe_is_refused(home: Path, devnet: Devnet, count: int, threshold: int) -> None:
    with pytest.raises(UsageError):
        make_safe(devnet.chains[0], safe_of(home, "1.4.1"), [fresh_address() for _ in range(count)], threshold)


def test_the_same_safe_a_second_time_is_refused(home: Path, devnet: Devnet) -> None:
    owners = [fresh_address()]
    make_safe(devnet.chains[0], safe_of(home, "1.4.1"), owners, 1)
    with pytest.raises(NodeError, match="exists already"):
        make_safe(devnet.chains[0], safe_of(home, "1.4.1"), owners, 1)


def test_the_command_prints_where_the_safe_is(home: Path, devnet: Devnet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Paths, "for_devnet", lambda: Paths(home / "config", home, home / "cache"))
    owners = [fresh_address(), fresh_address()]
    words = ["safe", *owners, "--threshold", "2", "--chain", "dev3", "--safe-version", "1.5.0"]
    plain, said = CliRunner().invoke(app, words), CliRunner().invoke(app, [*words, "--salt", "1", "--json"])
    assert plain.stdout.startswith("dev3:0x")
    told = json.loads(said.stdout)
    assert told["schema"] == "l2send.devnet_safe/1"
    assert (told["owners"], told["threshold"]) == (owners, 2)
    assert told["safe"].startswith("dev3:0x")
    assert told["safe"] != plain.stdout.strip()
