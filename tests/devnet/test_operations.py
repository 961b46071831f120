"""The devnet's sponsor of operations: what it accepts, what it refuses, and that it submits each once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from l2send.core.address import Address, checksum
from l2send.core.calldata import TRANSFER
from l2send.core.delegation import BATCHING_DELEGATE
from l2send.core.operation import Operation, new_key
from l2send.core.plan import UnsignedTx
from l2send.core.units import ChainId, Gas, Wei
from l2send.devnet import artifacts, compiler, faucet, packages
from l2send.devnet.artifacts import Artifacts
from l2send.devnet.modes import Mode
from l2send.devnet.node import Node
from l2send.devnet.operations import COIN_FEE, FEE, Operations
from l2send.devnet.sending import Deployed
from l2send.devnet.state import DevChain, Devnet
from tests.devnet.user import fresh_address


@pytest.fixture(scope="session")
def contracts(cache: Path) -> Artifacts:
    pins = packages.contract_pins()
    folders = dict(zip(pins, packages.fetch(list(pins.values()), cache, lambda _: None), strict=True))
    return artifacts.load(folders, compiler.compiled(folders["solc"], cache))


class Payer:
    """An account that delegates on dev1, with 5 USDC and one coin."""

    def __init__(self, devnet: Devnet, home: Path, contracts: Artifacts) -> None:
        self.key, self.devnet, self.chain = Account.create(), devnet, devnet.chain("dev1")
        self.node, self.address = Node(self.chain.rpc_url), checksum(self.key.address)
        faucet.fund(home, self.address, "5", "USDC", "dev1")
        self.node.call("anvil_setBalance", self.address, hex(10**18))
        deployments = {one.name: one.address for one in contracts.accounts.deployments}
        delegate = deployments[f"delegate.{BATCHING_DELEGATE}"]
        self.node.call("anvil_setCode", self.address, "0xef0100" + delegate[2:].lower())
        self.entry_point = contracts.accounts.entry_point
        chains = {chain.chain_id: chain for chain in devnet.chains}
        self.operations = Operations(
            devnet.solver_address, chains, {number: Deployed(chain, contracts) for number, chain in chains.items()}
        )

    def usdc(self, to: str, units: int) -> UnsignedTx:
        token = Address(self.chain.token("USDC").address)
        return UnsignedTx(ChainId(self.chain.chain_id), token, Wei(0), TRANSFER.encode(checksum(to), units))

    def coin(self, to: str, wei: int) -> UnsignedTx:
        return UnsignedTx(ChainId(self.chain.chain_id), checksum(to), Wei(wei), b"")

    def request(self, *calls: UnsignedTx) -> dict[str, Any]:
        chain_id = ChainId(self.chain.chain_id)
        operation = Operation(chain_id, self.entry_point, self.address, new_key(), calls, Gas(300_000))
        signature = bytes(Account.unsafe_sign_hash(operation.typed.digest, self.key.key).signature)
        return {
            "chainId": str(chain_id),
            "entryPoint": self.entry_point,
            "operation": operation.json(signature),
        }

    def posted(self, *calls: UnsignedTx, mode: Mode = Mode.FILL, delay: float = 0) -> str:
        """Its state after one step of the sponsor."""
        self.operations.post(self.request(*calls))
        self.operations.step(mode, delay)
        return list(self.operations.posted.values())[-1].state

    def holds(self, account: str) -> int:
        return self.node.quantity("eth_getBalance", account, "latest")


@pytest.fixture
def payer(devnet: Devnet, home: Path, contracts: Artifacts) -> Payer:
    return Payer(devnet, home, contracts)


def test_a_transfer_and_its_fee_are_submitted_once(payer: Payer) -> None:
    to, sponsor = fresh_address(), payer.devnet.solver_address
    request = payer.request(payer.usdc(to, 10**6), payer.usdc(sponsor, FEE))
    first = payer.operations.post(request)
    assert payer.operations.post(request) == first, "the same again is the same one"
    for _ in range(2):
        payer.operations.step(Mode.FILL, 0)
    (only,) = payer.operations.posted.values()
    assert (only.state, first["status"], first["userOpHash"]) == ("submitted", "received", only.operation.hash)
    assert usdc_of(payer.chain, to) == 10**6


def usdc_of(chain: DevChain, account: str) -> int:
    """Its balance, in base units."""
    data = "0x70a08231" + "00" * 12 + account[2:]
    return Node(chain.rpc_url).quantity("eth_call", {"to": chain.token("USDC").address, "data": data}, "latest")


def test_coin_and_its_fee_are_submitted(payer: Payer) -> None:
    to = fresh_address()
    assert payer.posted(payer.coin(to, 7), payer.coin(payer.devnet.solver_address, COIN_FEE)) == "submitted"
    assert (payer.holds(to), payer.holds(payer.address)) == (7, 10**18 - 7 - COIN_FEE)


def test_what_does_not_pay_the_fee_is_refused_and_says_so(payer: Payer) -> None:
    to, sponsor = fresh_address(), payer.devnet.solver_address
    unpaid = {
        "nothing": (payer.usdc(to, 10**6),),
        "less": (payer.usdc(to, 10**6), payer.usdc(sponsor, FEE - 1)),
        "another account": (payer.usdc(to, 10**6), payer.usdc(to, FEE)),
        "less coin": (payer.coin(to, 7), payer.coin(sponsor, COIN_FEE - 1)),
        "coin for another": (payer.coin(to, 7), payer.coin(to, COIN_FEE)),
        "calls that would fail": (payer.usdc(to, 6 * 10**6), payer.usdc(sponsor, FEE)),
    }
    assert {name: payer.posted(*calls) for name, calls in unpaid.items()} == dict.fromkeys(unpaid, "refused")
    request = payer.request(payer.usdc(to, 10**6))
    payer.operations.post(request)
    payer.operations.step(Mode.FILL, 0)
    answer = payer.operations.post(request)
    assert (answer["status"], answer["message"]) == ("rejected", "the operation does not pay the fee")
    assert usdc_of(payer.chain, to) == 0


def test_its_modes_leave_operations_or_wait(payer: Payer) -> None:
    paying = (payer.usdc(fresh_address(), 10**6), payer.usdc(payer.devnet.solver_address, FEE))
    assert payer.posted(*paying, mode=Mode.IGNORE) == "accepted"
    payer.operations.step(Mode.DELAY, 3600)
    (only,) = payer.operations.posted.values()
    assert only.state == "accepted"
    payer.operations.step(Mode.DELAY, 0)
    assert only.state == "submitted"


def test_what_is_no_operation_is_not_accepted(payer: Payer) -> None:
    good = payer.request(payer.usdc(fresh_address(), 10**6))
    bad: list[Any] = [
        {**good, "chainId": "1"},
        {**good, "entryPoint": "0x12"},
        {**good, "operation": {**good["operation"], "maxFeePerGas": "0x1"}},
        {**good, "operation": {**good["operation"], "callData": "0x"}},
        {**good, "operation": []},
        {},
    ]
    for request in bad:
        with pytest.raises(ValueError, match=r"operation|supported"):
            payer.operations.post(request)
    assert not payer.operations.posted
