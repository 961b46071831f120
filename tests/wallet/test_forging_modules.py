"""A module can make a Safe emit any event: events of a transaction that the Safe never ran prove no end state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from l2send.client import open_client
from l2send.core.address import Address, checksum
from l2send.core.calldata import Function
from l2send.core.chains import Registry
from l2send.core.plan import Proposal
from l2send.core.safe import Operation, SafeTx
from l2send.core.safe_signatures import pack_signatures
from l2send.core.units import Wei
from l2send.wallet.journal.proposal_states import ProposalState
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.safe_files import SafeBundle
from l2send.wallet.safe_runs import cancel_hash_of, hash_of
from tests.bridges.standins import compiled
from tests.conftest import Home, make_home
from tests.support import safes
from tests.support.addresses import new_address
from tests.support.contracts import send_unlocked
from tests.support.faultproxy import FaultProxy, ten_blocks
from tests.support.owners import Team
from tests.support.settlers import with_chains
from tests.support.standing_still import standing_still

pytestmark = pytest.mark.lab

FORGE = Function("forge(address,bytes32)")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A devnet of one chain that mines nothing by time."""
    made = make_home(tmp_path_factory.mktemp("alone"))
    made.must("devnet", "up", "--chains", "1")
    yield made
    made.run("devnet", "down")


@pytest.fixture(scope="module")
def forging_code(alone: Home) -> bytes:
    return compiled(Path(alone.environment["L2SEND_CACHE"]))["ForgingModule"]


@pytest.fixture
def team(alone: Home, tmp_path: Path) -> Team:
    return Team(alone, tmp_path)


@pytest.fixture
def module(team: Team, forging_code: bytes) -> Address:
    """A module that the team's Safe has switched on."""
    message = {"from": a_stranger(team), "data": "0x" + forging_code.hex(), "gas": hex(2_000_000)}
    made = checksum(team.node.call("eth_sendTransactionSync", message)["contractAddress"])
    team.safe.change(safes.ENABLE_MODULE.encode(made))
    return made


def a_stranger(team: Team) -> Address:
    stranger = new_address()
    team.node.call("anvil_setBalance", stranger, hex(10**18))
    team.node.call("anvil_impersonateAccount", stranger)
    return stranger


def forging(team: Team, tx_hash: str) -> bytes:
    return FORGE.encode(team.safe.address, bytes.fromhex(tx_hash[2:]))


def running(bundle: SafeBundle) -> bytes:
    return bundle.safe_tx.execution(pack_signatures(bundle.signatures)).data


def run_by_a_stranger(team: Team, bundle: SafeBundle) -> None:
    send_unlocked(team.node, a_stranger(team), team.safe.address, running(bundle))


def another_with_its_nonce(team: Team, bundle: SafeBundle) -> SafeBundle:
    """What the owners signed for the same nonce besides: one wei for someone else."""
    execution = bundle.proposal.execution
    other = SafeTx(execution.chain_id, execution.to, new_address(), Wei(1), b"", Operation.CALL)
    return team.sign(replace(bundle, signatures=(), proposal=replace(bundle.proposal, execution=other.execution(b""))))


def seen(team: Team, bundle: SafeBundle) -> tuple[PaymentState, ProposalState]:
    record = team.status(bundle)
    assert record.proposal
    return record.state, record.proposal.state


def status_through(team: Team, bundle: SafeBundle, registry: Registry) -> PaymentRecord:
    async def run() -> PaymentRecord:
        async with open_client(team.home_of("preparer"), registry) as client:
            record = await client.status(bundle.id)
            assert isinstance(record, PaymentRecord)
            return record

    return asyncio.run(run())


@pytest.mark.parametrize("of", [hash_of, cancel_hash_of], ids=["the payment", "what cancels it"])
@pytest.mark.parametrize("when", ["before", "in the same block", "after"])
def test_an_event_that_a_module_made_up_is_no_end(
    team: Team, module: Address, of: Callable[[Proposal], str], when: str
) -> None:
    """The Safe's nonce was used for something else, no matter what its module has it emit, and in which block."""
    to = new_address()
    bundle = team.sign(team.prepare("5", f"dev1:{to}"))
    other, forged = another_with_its_nonce(team, bundle), forging(team, of(bundle.proposal))

    def forge() -> None:
        send_unlocked(team.node, a_stranger(team), module, forged)

    if when == "before":
        forge()
        assert seen(team, bundle) == (PaymentState.PROPOSED, ProposalState.PROPOSED), "its nonce is free"
    if when == "in the same block":
        with standing_still(team.node):
            for called, data in ((module, forged), (team.safe.address, running(other))):
                message = {"from": a_stranger(team), "to": called, "data": "0x" + data.hex(), "gas": hex(500_000)}
                team.node.call("eth_sendTransaction", message)
    else:
        run_by_a_stranger(team, other)
    if when == "after":
        forge()
    team.node.call("anvil_mine", "0x3")
    seen(team, bundle)
    assert seen(team, bundle) == (PaymentState.REPLACED, ProposalState.REPLACED)
    assert team.home.holds(to, "dev1") == 0


def test_what_did_run_is_found_behind_a_made_up_event(team: Team, module: Address) -> None:
    to = new_address()
    bundle = team.sign(team.prepare("5", f"dev1:{to}"))
    for made_up in (cancel_hash_of, hash_of):
        send_unlocked(team.node, a_stranger(team), module, forging(team, made_up(bundle.proposal)))
    run_by_a_stranger(team, bundle)
    team.node.call("anvil_mine", "0x3")
    assert seen(team, bundle) == (PaymentState.DELIVERED, ProposalState.FINAL)
    assert team.home.holds(to, "dev1") == 5 * 10**6


@pytest.mark.parametrize("forged", [False, True], ids=["run", "made up"])
def test_a_node_without_old_state_shows_what_was_called_directly(team: Team, module: Address, *, forged: bool) -> None:
    """The transaction that calls the Safe, with the nonce in its hash, is evidence where storage of then is gone."""
    bundle = team.sign(team.prepare())
    if forged:
        send_unlocked(team.node, a_stranger(team), module, forging(team, hash_of(bundle.proposal)))
    run_by_a_stranger(team, another_with_its_nonce(team, bundle) if forged else bundle)
    team.node.call("anvil_mine", "0x3")

    def pruned(params: list[Any], answer: dict[str, Any]) -> dict[str, Any]:
        error = {"jsonrpc": "2.0", "id": answer["id"], "error": {"code": -32000, "message": "missing trie node 00"}}
        return answer if params[-1] == "latest" else error

    with FaultProxy(team.node.url) as proxy:
        proxy.twist("eth_getStorageAt", pruned)
        registry = with_chains(team.home.registry, replace(team.home.chain("dev1"), rpcs=(proxy.url,)))
        status_through(team, bundle, registry)
        found = status_through(team, bundle, registry).proposal
        assert proxy.sent("eth_getStorageAt")
    assert found
    expected = (ProposalState.INDETERMINATE, True) if forged else (ProposalState.FINAL, False)
    assert (found.state, "no state" in found.detail) == expected


def test_what_ran_is_found_where_a_node_gives_the_logs_of_ten_blocks(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More blocks after it was prepared than may be searched: by the block in which the Safe's nonce moved."""
    monkeypatch.setattr("l2send.core.rpc.logs._MOST_REQUESTS", 20)
    bundle = team.sign(team.prepare())
    team.node.call("anvil_mine", hex(300))
    run_by_a_stranger(team, bundle)
    team.node.call("anvil_mine", hex(300))
    with FaultProxy(team.node.url) as proxy:
        proxy.twist("eth_getLogs", ten_blocks)
        registry = with_chains(team.home.registry, replace(team.home.chain("dev1"), rpcs=(proxy.url,)))
        found = status_through(team, bundle, registry).proposal
        assert 0 < len(proxy.sent("eth_getLogs")) < 10
    assert found
    assert found.state is ProposalState.FINAL
