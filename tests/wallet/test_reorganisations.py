"""Reorganised blocks: the state goes back, and the same bytes are sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from l2send.core.errors import NotFinal
from l2send.wallet.executor import Executor
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from tests.support.faultproxy import FaultProxy
from tests.wallet.resuming import SEND, is_in, reach, refused
from tests.wallet.rig import Rig, to_self


def test_final_waits_for_the_chains_confirmations(own_rig: Rig) -> None:
    rig = own_rig
    rig.confirmations = 4
    payment_id = rig.begin(rig.payment()).id
    reach(rig, payment_id, is_in(TxState.MINED))
    rig.node.mine(2)
    refused(rig, payment_id, NotFinal, patience=0.3)
    rig.node.mine(1)
    assert rig.resume(payment_id).state is PaymentState.DELIVERED


def test_a_reorganisation_takes_the_state_back_and_the_same_bytes_go_out(own_rig: Rig) -> None:
    rig, node = own_rig, own_rig.node
    rig.confirmations = 3
    with FaultProxy(node.url) as proxy:
        through = rig.through(proxy.url)
        payment = rig.payment()
        payment_id = rig.begin(payment, *to_self(rig)).id
        before = node.call("evm_snapshot")
        reach(through, payment_id, is_in(TxState.MINED, TxState.MINED))
        assert node.call("evm_revert", before)
        assert node.sent_by(payment.sender) == 0, "the blocks are still there"

        reach(through, payment_id, lambda _: node.sent_by(payment.sender) == 2)
        node.mine(2)
        record = through.resume(payment_id)
        assert record.state is PaymentState.DELIVERED
        sent = [raw for (raw,) in proxy.sent(SEND)]
    assert len(sent) == 4
    assert set(sent) == {"0x" + tx.raw.hex() for tx in record.transactions}
    assert any("dropped the block" in sentence for sentence in rig.said)
    assert node.balance(payment.to.address) == payment.amount.units
    with_journal = [e.after for e in events(rig, payment_id) if e.subject == "step 1"]
    assert with_journal == ["planned", "signed", "broadcast", "mined", "broadcast", "mined", "final"][1:]


def events(rig: Rig, payment_id: str):  # type: ignore[no-untyped-def]
    journal = rig.journal()
    try:
        return journal.events(payment_id)
    finally:
        journal.close()


def test_after_a_reorganisation_the_bytes_go_out_at_once(own_rig: Rig) -> None:
    """Not half a minute later, when an accepted transaction would be offered again anyway."""
    rig, node = own_rig, own_rig.node
    rig.confirmations = 3
    payment = rig.payment()
    payment_id = rig.begin(payment).id
    before = node.call("evm_snapshot")

    async def run(executor: Executor) -> PaymentRecord:
        waiting = asyncio.create_task(executor.resume(payment_id, patience=20))
        await _until(lambda: is_in(TxState.MINED)(executor.journal.get(payment_id)))
        node.call("evm_revert", before)
        assert node.sent_by(payment.sender) == 0
        await _until(lambda: node.sent_by(payment.sender) == 1)
        node.mine(2)
        return await waiting

    assert rig.do(run).state is PaymentState.DELIVERED


async def _until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it did not happen in time")


def test_a_transaction_mined_again_in_another_block_is_followed_there(own_rig: Rig) -> None:
    rig, node = own_rig, own_rig.node
    rig.confirmations = 3
    payment = rig.payment()
    payment_id = rig.begin(payment).id
    mined = reach(rig, payment_id, is_in(TxState.MINED)).transactions[0]
    node.call("anvil_reorg", 1, [["0x" + mined.raw.hex(), 0]])
    reach(rig, payment_id, lambda r: r.transactions[0].block_hash not in ("", mined.block_hash))
    assert rig.record(payment_id).transactions[0].state is TxState.MINED
    node.mine(2)
    assert rig.resume(payment_id).state is PaymentState.DELIVERED
    assert node.balance(payment.to.address) == payment.amount.units
