"""What became of a Safe's nonce: its block is taken back, or another transaction used it and failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from l2send.core.address import ZERO_ADDRESS
from l2send.core.errors import NotFinal
from l2send.core.safe import EXECUTE, Operation, SafeTx, approved_by_sender
from l2send.core.safe_signatures import pack_signatures
from l2send.core.units import Wei
from l2send.wallet.journal.proposal_states import ProposalState
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.keys.signer import LocalSigner
from l2send.wallet.safe_files import SafeBundle
from tests.conftest import Home
from tests.support import safes
from tests.support.addresses import new_address
from tests.support.contracts import send_unlocked
from tests.support.owners import Team
from tests.support.settlers import with_chains

pytestmark = pytest.mark.lab

USDC = 10**6
CONFIRMATIONS = 4


@pytest.fixture
def team(own_home: Home, tmp_path: Path) -> Team:
    """On chains whose newest blocks are not final yet, and may be taken back."""
    team = Team(own_home, tmp_path)
    team.registry = with_chains(own_home.registry, replace(own_home.chain("dev1"), confirmations=CONFIRMATIONS))
    team.node.call("anvil_mine", hex(CONFIRMATIONS))
    return team


def run_by_a_stranger(team: Team, bundle: SafeBundle) -> None:
    stranger = new_address()
    team.node.call("anvil_setBalance", stranger, hex(10**18))
    team.node.call("anvil_impersonateAccount", stranger)
    send_unlocked(
        team.node, stranger, team.safe.address, bundle.safe_tx.execution(pack_signatures(bundle.signatures)).data
    )


def run_from_here(team: Team, bundle: SafeBundle) -> None:
    with pytest.raises(NotFinal):
        team.execute(bundle, patience=2)


def state(team: Team, bundle: SafeBundle) -> ProposalState:
    proposal = team.status(bundle).proposal
    assert proposal
    return proposal.state


@pytest.mark.parametrize("run", [run_from_here, run_by_a_stranger])
def test_taken_back_it_waits_again_and_pays_once(team: Team, run: Callable[[Team, SafeBundle], None]) -> None:
    to = new_address()
    bundle = team.sign(team.prepare("5", f"dev1:{to}"))
    before = team.node.call("evm_snapshot")
    run(team, bundle)
    assert state(team, bundle) is ProposalState.EXECUTED
    assert team.home.holds(to, "dev1") == 5 * USDC
    assert team.node.call("evm_revert", before)
    assert team.home.holds(to, "dev1") == 0, "the block is still there"
    assert state(team, bundle) is ProposalState.PROPOSED
    run_from_here(team, bundle)
    team.node.call("anvil_mine", hex(CONFIRMATIONS))
    assert team.execute(bundle).state is PaymentState.DELIVERED
    assert (team.home.holds(to, "dev1"), team.sent()) == (5 * USDC, 1)


def test_taken_back_another_transaction_may_have_its_nonce(team: Team) -> None:
    """What was seen once is no end: the other transaction that the owners signed is in the blocks that stay."""
    to = new_address()
    bundle = team.sign(team.prepare("5", f"dev1:{to}"))
    before = team.node.call("evm_snapshot")
    run_by_a_stranger(team, bundle)
    assert state(team, bundle) is ProposalState.EXECUTED
    assert team.node.call("evm_revert", before)
    execution = bundle.proposal.execution
    other = SafeTx(execution.chain_id, execution.to, new_address(), Wei(1), b"", Operation.CALL).execution(b"")
    other_file = replace(bundle, signatures=(), proposal=replace(bundle.proposal, execution=other))
    run_by_a_stranger(team, team.sign(other_file))
    assert state(team, bundle) is ProposalState.INDETERMINATE
    team.node.call("anvil_mine", hex(CONFIRMATIONS))
    record = team.status(bundle)
    assert (record.state, team.home.holds(to, "dev1")) == (PaymentState.REPLACED, 0)


def test_another_transaction_that_fails_inside_replaces_it(home: Home, tmp_path: Path) -> None:
    """With its own gas limit a Safe's transaction uses up its nonce although it failed: ExecutionFailure."""
    team, to = Team(home, tmp_path), new_address()
    bundle = team.sign(team.prepare("5", f"dev1:{to}"))
    fields = (team.safe.address, 0, b"\x01\x02\x03\x04", 0, 100_000, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS)
    digest = team.node.eth_call(team.safe.address, safes.TX_HASH.encode(*fields, bundle.proposal.nonce))
    for owner in team.owners[:2]:
        team.node.call("anvil_impersonateAccount", owner.address)
        team.node.call("anvil_setBalance", owner.address, hex(10**18))
        send_unlocked(team.node, owner.address, team.safe.address, safes.APPROVE_HASH.encode(digest))
    approved = b"".join(approved_by_sender(owner.address) for owner in sorted_by_number(team))
    send_unlocked(team.node, team.owners[0].address, team.safe.address, EXECUTE.encode(*fields, approved))
    states = [team.status(bundle).state for _ in range(2)]
    assert states[-1] is PaymentState.REPLACED
    record = team.status(bundle)
    assert record.proposal
    assert f"another transaction with nonce {bundle.proposal.nonce}" in record.proposal.detail
    assert team.home.holds(to, "dev1") == 0


def sorted_by_number(team: Team) -> list[LocalSigner]:
    return sorted(team.owners[:2], key=lambda one: int(one.address, 16))
