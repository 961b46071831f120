"""The executor against a real node."""

from __future__ import annotations

import asyncio

from l2send.core.chains import Registry
from l2send.core.errors import Sent
from l2send.core.rpc import open_rpcs
from l2send.wallet.executor import Executor
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from l2send.wallet.lock import account_lock
from l2send.wallet.tx_notices import confirmations
from tests.wallet.rig import CHAIN_ID, Rig, to_self


def test_a_payment_arrives_once(rig: Rig) -> None:
    payment = rig.payment(12345)
    record = rig.pay(payment)
    assert record.state is PaymentState.DELIVERED
    assert record.moved is Sent.YES
    assert rig.node.balance(payment.to.address) == 12345
    assert rig.node.sent_by(payment.sender) == 1
    assert [tx.value for tx in rig.guarded] == [12345]


def test_steps_go_out_in_order_with_rising_nonces(rig: Rig) -> None:
    payment = rig.payment()
    record = rig.pay(payment, *to_self(rig, 2))
    assert [tx.nonce for tx in record.transactions] == [0, 1, 2]
    assert {tx.state for tx in record.transactions} == {TxState.FINAL}
    assert rig.node.balance(payment.to.address) == payment.amount.units


def test_each_turn_of_a_payment_is_told(own_rig: Rig) -> None:
    rig = own_rig
    rig.confirmations = 3
    rig.node.call("evm_setIntervalMining", 1)
    (tx,) = rig.pay(rig.payment()).transactions
    turns = ["signing transfer on Rig", f"transfer sent, waiting for Rig: {tx.hash}"]
    turns += [f"transfer mined on Rig, {depth} of 3 confirmations" for depth in (1, 2)]
    turns += [f"transfer final on Rig: {tx.hash}"]
    assert [sentence for sentence in rig.said if sentence in turns] == turns


def test_what_is_in_no_block_has_no_confirmations(rig: Rig) -> None:
    (tx,) = rig.begin(rig.payment()).transactions

    async def ask() -> int:
        async with open_rpcs(Registry({"rig": rig.chain})) as rpcs:
            return await confirmations(tx, rpcs.on(CHAIN_ID))

    assert asyncio.run(ask()) == 0


def test_a_payment_cancelled_while_it_waits_for_the_account_ends_as_cancelled(rig: Rig) -> None:
    """`cancel` takes no lock: what waits for it has to see, once it is its turn, that nothing is left to do."""
    payment_id = rig.begin(rig.payment()).id

    async def run(executor: Executor) -> PaymentRecord:
        waits = asyncio.Event()
        executor.progress = lambda sentence: waits.set() if "another payment" in sentence else None
        own = (executor.locks, CHAIN_ID, rig.signer.address, "another payment", rig.said.append, 5.0)
        async with account_lock(*own):
            waiting = asyncio.create_task(executor.resume(payment_id, patience=5))
            await waits.wait()
            executor.journal.cancel(payment_id, "cancelled by its sender")
        return await waiting

    record = rig.do(run)
    assert (record.state, record.moved) == (PaymentState.CANCELLED, Sent.NO)
    assert rig.node.sent_by(rig.signer.address) == 0
