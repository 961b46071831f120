"""Delegations on a chain that the registry does not list for them: what each endpoint of the chain shows decides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from l2send.core.address import Address
from l2send.core.chains import load_registry
from l2send.core.delegation import named_delegate
from l2send.core.errors import Refused
from l2send.core.paths import Paths
from l2send.devnet.account_contracts import CREATE2_FACTORY, Create2
from l2send.devnet.packages import contract_pins, fetch
from tests.conftest import Done, Home
from tests.support.addresses import new_address
from tests.support.faultproxy import FaultProxy
from tests.wallet.rig import ETHER, Node, running_anvil

BASE = 8453
DELEGATE = "0xe6Cae83BdE06E4c305530e199D7217f42808555B"
MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11"
L1_FEE_ORACLE = "0x420000000000000000000000000000000000000F"
ZEROS = "0x60206000f3"
"""Code that returns 32 bytes of zeros."""


@dataclass
class Base:
    """A chain with the id of Base, and a home whose own chains.toml names two endpoints for it."""

    home: Home
    node: Node
    second: FaultProxy

    def deploy(self, contract: Create2) -> None:
        sender = new_address()
        self.node.call("anvil_setBalance", sender, hex(ETHER))
        self.node.call("anvil_impersonateAccount", sender)
        tx = {"from": sender, "to": CREATE2_FACTORY, "data": contract.data, "gas": hex(10**7)}
        self.node.call("eth_sendTransaction", tx)
        self.node.mine()

    def account(self) -> tuple[str, Address]:
        name, address = self.home.new_account()
        self.node.call("anvil_setBalance", address, hex(ETHER))
        return name, address

    def delegate(self, name: str) -> Done:
        return self.home.run("wallet", "delegate", name, "--chain", "base", "--yes", "--json")

    def refused(self, done: Done, *words: str) -> None:
        """It was refused in these words, and nothing was signed or written down."""
        assert (done.status, done.error["sent"]) == (7, "no"), done
        assert all(word in done.error["message"] for word in words), done.error
        assert "Nothing was signed" in done.error["hint"]
        assert self.home.must("history", "--json").json["payments"] == []


def artifact(package: str, file: str) -> dict[str, str]:
    (folder,) = fetch([contract_pins()[package]], Paths.from_environment().cache, lambda _: None)
    found: dict[str, str] = json.loads((folder / file).read_text())
    return found


def simple7702account() -> Create2:
    init_code = artifact("account-abstraction", "artifacts/Simple7702Account.json")["bytecode"]
    return Create2("simple7702account", CREATE2_FACTORY, f"0x{'00' * 32}{init_code[2:]}")


@contextmanager
def running_base(home: Home, *arguments: str) -> Iterator[Base]:
    with running_anvil(*arguments, chain_id=BASE) as node, FaultProxy(node.url) as second:
        creation = artifact("across", "dist/evm/artifacts/Multicall3.sol/Multicall3.json")["bytecode"]
        node.call("anvil_setCode", MULTICALL3, node.call("eth_call", {"data": creation}, "latest"))
        node.call("anvil_setCode", L1_FEE_ORACLE, ZEROS)
        own = home.paths.user_chains
        own.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        own.write_text(f"schema = 1\n[chains.base]\nrpcs = {json.dumps([node.url, second.url])}\nconfirmations = 1\n")
        for other in load_registry(Paths.under(home.path / "no chains.toml")):
            if other.chain_id != BASE:  # They are not asked outside of this machine, and fail at once.
                home.environment[f"L2SEND_RPC_{other.chain_id}"] = node.url
        yield Base(home, node, second)


@pytest.fixture
def base(empty_home: Home) -> Iterator[Base]:
    with running_base(empty_home) as running:
        yield running


@pytest.mark.lab
def test_an_account_delegates_where_the_code_is_and_pays_lines_together(base: Base, tmp_path: Path) -> None:
    name, address = base.account()
    base.refused(base.delegate(name), "simple7702account is not on Base", f"no code at {DELEGATE}")
    base.deploy(simple7702account())
    assert base.delegate(name).json["state"] == "delivered"
    shown = base.home.must("wallet", "show", name, "--chain", "base", "--json").json["delegation"]
    assert shown == {"chain": "base", "code": DELEGATE, "name": "simple7702account"}
    (held,) = base.home.must("balances", address, "--chain", "base", "--token", "ETH", "--json").json["chains"]
    assert (held["account_is"], held["delegates_to"]) == ("delegated", DELEGATE)
    people, file = [new_address() for _ in range(3)], tmp_path / "people.csv"
    file.write_text("ref,amount,token,to\n" + "".join(f"p{n},0.01,ETH,base:{to}\n" for n, to in enumerate(people)))
    before = base.node.sent_by(address)
    base.home.must("batch", str(file), "--from-chain", "base", "--account", name, "--yes")
    assert [base.node.balance(to) for to in people] == [ETHER // 100] * 3
    assert base.node.sent_by(address) == before + 1


@pytest.mark.lab
def test_an_account_that_pays_lines_delegates_in_the_same_transaction(base: Base, tmp_path: Path) -> None:
    name, address = base.account()
    people, file = [new_address() for _ in range(2)], tmp_path / "people.csv"
    file.write_text("ref,amount,token,to\n" + "".join(f"p{n},0.01,ETH,base:{to}\n" for n, to in enumerate(people)))
    words = ("batch", str(file), "--from-chain", "base", "--account", name, "--batch", "--yes", "--json")
    base.refused(base.home.run(*words), "simple7702account is not on Base")
    base.deploy(simple7702account())
    base.home.must(*words)
    assert [base.node.balance(to) for to in people] == [ETHER // 100] * 2
    assert base.node.call("eth_getCode", address, "latest") == "0xef0100" + DELEGATE[2:].lower()


@pytest.mark.lab
def test_other_code_and_a_second_endpoint_that_says_otherwise_are_refused(base: Base) -> None:
    name, address = base.account()
    base.deploy(simple7702account())
    code = base.node.call("eth_getCode", DELEGATE, "latest")
    changed = code[:-2] + f"{int(code[-2:], 16) ^ 1:02x}"

    def other(params: list[Any], answer: dict[str, Any]) -> dict[str, Any]:
        return answer | ({"result": changed} if params[0] == DELEGATE else {})

    base.second.twist("eth_getCode", other)
    base.refused(base.delegate(name), "runs other code than the registry pins", "127.0.0.1")
    base.second.twist("eth_getCode", lambda _, answer: answer)
    base.node.call("anvil_setCode", DELEGATE, changed)
    base.refused(base.delegate(name), "runs other code than the registry pins")
    base.node.call("anvil_setCode", DELEGATE, code)
    assert base.delegate(name).json["state"] == "delivered"
    base.node.call("anvil_setCode", DELEGATE, changed)
    paid = base.home.run(
        "0.1", "ETH", f"base:{new_address()}", "--from-chain", "base", "--account", name, "--yes", "--json"
    )
    assert (paid.status, paid.error["sent"]) == (7, "no"), paid
    assert "runs other code than the registry pins" in paid.error["message"]
    shown = base.home.must("wallet", "show", name, "--chain", "base").stdout
    assert "the code that the registry pins is not there" in " ".join(shown.split())
    base.home.must("wallet", "undelegate", name, "--chain", "base", "--yes")
    assert base.node.call("eth_getCode", address, "latest") == "0x"


@pytest.mark.lab
def test_a_chain_before_the_fork_is_refused(empty_home: Home) -> None:
    with running_base(empty_home, "--hardfork", "cancun") as base:
        base.deploy(simple7702account())
        name, _ = base.account()
        base.refused(base.delegate(name), "does not show that it takes transactions of EIP-7702", "refuses them")


def test_a_kind_of_chain_that_takes_no_delegations_is_refused_by_the_registry(tmp_path: Path) -> None:
    chain = load_registry(Paths.under(tmp_path)).named("zksync")
    assert (chain.takes_delegations, chain.delegates) == (False, ())
    with pytest.raises(Refused, match="ZKsync Era takes no transactions of EIP-7702"):
        named_delegate("simple7702account", chain)
