"""Signed operations and their ends, on the real EntryPoint: submitted by anyone, used up otherwise, taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2send.cli.outcome import show_outcome
from l2send.client import Client
from l2send.core.address import Address
from l2send.core.calldata import TRANSFER
from l2send.core.errors import CannotPay, NotFinal, Refused, Sent
from l2send.core.operation import INCREMENT_NONCE
from l2send.core.paths import Paths
from l2send.core.plan import UnsignedTx
from l2send.core.units import Wei
from l2send.devnet.node import Node
from l2send.devnet.state import require
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, SponsoredState
from l2send.wallet.operations import operation_of
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.faultproxy import FaultProxy, ten_blocks
from tests.support.gasless import USDC, signatures, with_rpcs
from tests.support.operations import FEE, Delegated
from tests.support.settlers import with_chains, with_settlers
from tests.wallet.rig import running_anvil


@pytest.fixture
def delegated(home: Home, tmp_path: Path) -> Delegated:
    made = Delegated(home, require(home.paths.state), Paths.under(tmp_path / "mine"))
    home.fund(made.address, "dev1", USDC="100")
    made.delegate()
    return made


@pytest.fixture
def left(delegated: Delegated) -> PaymentRecord:
    """A payment that is signed, and that no sponsor has: the one that was to have it does not answer."""
    record = delegated.begin(delegated.plan())
    silent = with_settlers(delegated.home.chain("dev1"), sponsor={"sponsor_api": "http://127.0.0.1:1"})
    delegated.registry = with_chains(delegated.home.registry, silent)
    with pytest.raises(NotFinal) as error:
        delegated.resume(record, patience=0.1)
    assert (error.value.sent, "do not pay again" in error.value.hint) == (Sent.MAYBE, True)
    record = delegated.record(record)
    assert (record.state, len(signatures(record))) == (PaymentState.SENDING, 1)
    return record


def state_of(record: PaymentRecord) -> SponsoredState:
    assert record.sponsored
    return record.sponsored.state


def paid(delegated: Delegated, record: PaymentRecord) -> int:
    return delegated.home.holds(record.payment.to.address, "dev1")


def transfer(delegated: Delegated, to: Address, units: int) -> UnsignedTx:
    return UnsignedTx(delegated.home.chain("dev1").chain_id, delegated.usdc, Wei(0), TRANSFER.encode(to, units))


def cancel(delegated: Delegated, record: PaymentRecord) -> PaymentRecord:
    """As the command does."""

    async def use(client: Client) -> PaymentRecord:
        assert await client.cancel_bids(record.id) == []
        step = await client.revocation(record.id)
        assert step
        return await client.revoke(record.id, step, delegated.signer, patience=20)

    return delegated.do(use)


def test_submitted_by_another_account_it_is_delivered(
    delegated: Delegated, left: PaymentRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    receipt = delegated.submit_signed(left)
    done = delegated.look(left)
    assert (done.state, state_of(done), done.moved) == (PaymentState.DELIVERED, SponsoredState.FINAL, Sent.YES)
    assert done.sponsored
    assert done.sponsored.opening_tx == receipt["transactionHash"]
    assert (paid(delegated, left), delegated.ran(), done.arrived_units) == (20 * USDC, 1, 20 * USDC)
    show_outcome(done, delegated.home.registry)
    assert receipt["transactionHash"] in capsys.readouterr().out
    again = delegated.submit_signed(left)
    assert (again["status"], delegated.ran()) == ("0x0", 1), "the EntryPoint takes a nonce once"
    assert delegated.resume(left).state is PaymentState.DELIVERED


def test_submitted_with_others_in_one_bundle_what_arrived_is_its_own(delegated: Delegated, left: PaymentRecord) -> None:
    """Operations before and after it in the same transaction pay the same recipient."""
    operation, to = operation_of(left), left.payment.to.address
    others = [delegated.with_key(left, key, transfer(delegated, to, units)) for key, units in ((1, 5), (2, 7))]
    receipt = delegated.submit_all([others[0], (operation, signatures(left)[0]), others[1]])
    done = delegated.look(left)
    assert (receipt["status"], delegated.ran(), done.state) == ("0x1", 3, PaymentState.DELIVERED)
    assert (done.arrived_units, paid(delegated, left)) == (20 * USDC, 20 * USDC + 12)


def test_calls_that_fail_are_reverted_and_nothing_is_paid(delegated: Delegated, left: PaymentRecord) -> None:
    delegated.submit(*delegated.with_key(left, 1, transfer(delegated, new_address(), 90 * USDC)))
    receipt = delegated.submit_signed(left)
    ended = delegated.look(left)
    assert (receipt["status"], delegated.ran()) == ("0x1", 2), "the EntryPoint did not run it: this showed nothing"
    assert (ended.state, state_of(ended), paid(delegated, left)) == (PaymentState.REVERTED, SponsoredState.FAILED, 0)
    assert (ended.moved, delegated.holds()) == (Sent.NO, 10 * USDC)


def test_another_operation_with_its_nonce_replaces_it(delegated: Delegated, left: PaymentRecord) -> None:
    """Even one that pays the same recipient: what was approved here did not happen, and cannot any more."""
    delegated.submit(*delegated.another(left, transfer(delegated, new_address(), 1)))
    ended = delegated.look(left)
    assert (ended.state, state_of(ended), ended.moved) == (PaymentState.REPLACED, SponsoredState.REPLACED, Sent.NO)
    assert (delegated.submit_signed(left)["status"], paid(delegated, left)) == ("0x0", 0)


def test_too_little_gas_keeps_the_nonce_free(delegated: Delegated, left: PaymentRecord) -> None:
    """An account that submits it cannot make its calls fail by leaving them too little."""
    operation = operation_of(left)
    receipt = delegated.submit_all([(operation, signatures(left)[0])], gas=operation.call_gas)
    assert (receipt["status"], delegated.look(left).state) == ("0x0", PaymentState.SENDING)
    delegated.submit_signed(left)
    assert delegated.look(left).state is PaymentState.DELIVERED


def test_a_reorganisation_takes_it_back_and_the_same_signature_pays_once(
    delegated: Delegated, left: PaymentRecord
) -> None:
    before = delegated.node.call("evm_snapshot")
    delegated.registry = delegated.deep(3)
    delegated.submit_signed(left)
    ran = delegated.look(left)
    assert (ran.state, state_of(ran), ran.moved) == (PaymentState.SENDING, SponsoredState.EXECUTED, Sent.YES)
    delegated.node.call("evm_revert", before)
    gone = delegated.look(ran)
    assert (gone.state, state_of(gone), gone.moved) == (PaymentState.SENDING, SponsoredState.SIGNED, Sent.MAYBE)
    assert signatures(gone) == signatures(left)
    delegated.submit_signed(left)
    delegated.node.call("anvil_mine", hex(3))
    assert (delegated.look(gone).state, paid(delegated, left)) == (PaymentState.DELIVERED, 20 * USDC)


def test_it_is_found_where_a_node_gives_the_logs_of_ten_blocks(
    delegated: Delegated, left: PaymentRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("l2send.core.rpc.logs._MOST_REQUESTS", 30)
    delegated.node.call("anvil_mine", hex(300), "0x0")
    delegated.submit_signed(left)
    delegated.node.call("anvil_mine", hex(5), "0x0")
    with FaultProxy(delegated.node.url) as proxy:
        proxy.twist("eth_getLogs", ten_blocks)
        delegated.registry = with_rpcs(delegated, proxy.url)
        assert delegated.look(left).state is PaymentState.DELIVERED
        assert 3 < len(proxy.sent("eth_getLogs")) <= 70


@pytest.mark.lab
def test_an_end_needs_every_endpoint_that_answers(delegated: Delegated, left: PaymentRecord) -> None:
    """A second, real node follows another fork, on which something else used the nonce."""
    with running_anvil("--fork-url", delegated.node.url, chain_id=delegated.chain.chain_id) as fork:
        delegated.submit_signed(left)
        other = delegated.on(Node(fork.url))
        other.submit(*other.another(left, transfer(delegated, new_address(), 1)))
        delegated.registry = with_rpcs(delegated, fork.url, delegated.node.url)
        waits = delegated.look(delegated.look(left))
        assert waits.meaning.open
        assert waits.sponsored
        assert "does not show it" in waits.sponsored.detail
        delegated.registry = with_rpcs(delegated, delegated.node.url, "http://127.0.0.1:1")
        waits = delegated.look(waits)
        assert (waits.state, "does not answer" in (waits.sponsored.detail if waits.sponsored else "")) == (
            PaymentState.SENDING,
            True,
        )
    delegated.registry = with_rpcs(delegated, delegated.node.url)
    assert delegated.look(waits).state is PaymentState.DELIVERED


def test_taken_back_it_never_runs(delegated: Delegated, left: PaymentRecord) -> None:
    """The sender uses up the nonce by a transaction of its own, which needs gas; a resume signs nothing else."""
    with pytest.raises(CannotPay):
        cancel(delegated, left)
    delegated.home.fund(delegated.address, "dev1", ETH="1")
    ended = delegated.resume(left)
    assert (ended.state, state_of(ended), ended.moved) == (PaymentState.CANCELLED, SponsoredState.TAKEN_BACK, Sent.NO)
    assert [tx.step.tx.data[:4] for tx in ended.transactions] == [INCREMENT_NONCE.selector] * len(ended.transactions)
    assert (delegated.submit_signed(left)["status"], delegated.ran(), paid(delegated, left)) == ("0x0", 0, 0)
    with pytest.raises(Refused):
        delegated.do(lambda client: client.cancel_bids(left.id))


def test_taken_back_too_late_it_is_delivered(delegated: Delegated, left: PaymentRecord) -> None:
    """The sponsor was faster, and its block is seen only after the cancelling transaction was signed."""
    delegated.home.fund(delegated.address, "dev1", ETH="1")

    async def use(client: Client) -> PaymentRecord:
        step = await client.revocation(left.id)
        assert step
        delegated.submit_signed(left)
        return await client.revoke(left.id, step, delegated.signer, patience=20)

    ended = delegated.look(delegated.do(use))
    assert (ended.state, paid(delegated, left)) == (PaymentState.DELIVERED, 20 * USDC)
    assert delegated.holds() == 80 * USDC - FEE


def test_what_is_not_signed_is_cancelled_without_a_transaction(delegated: Delegated) -> None:
    record = delegated.begin(delegated.plan())
    assert delegated.do(lambda client: client.cancel_bids(record.id)) == []
    assert delegated.do(lambda client: client.revocation(record.id)) is None
    delegated.do(lambda client: client.cancel(record.id, [], None))
    assert (delegated.resume(record).state, delegated.ran()) == (PaymentState.CANCELLED, 0)
