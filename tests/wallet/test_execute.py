"""The executor against a real node."""

from __future__ import annotations

import asyncio

from l2send.core.chains import Registry
from l2send.core.errors import Sent
from l2send.core.rpc import open_rpcs
from l2send.wallet.execute import Executor
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from l2send.wallet.lock import account_lock
from l2send.wallet.receipts import confirmations
from tests.wallet.rig import CHAIN_ID, Bench, to_self


def test_a_payment_arrives_once(bench: Bench) -> None:
    payment = bench.payment(12345)
    record = bench.pay(payment)
    assert record.state is PaymentState.DELIVERED
    assert record.moved is Sent.YES
    assert bench.node.balance(payment.to.address) == 12345
    assert bench.node.sent_by(payment.sender) == 1
    assert [tx.value for tx in bench.guarded] == [12345]


def test_steps_go_out_in_order_with_rising_nonces(bench: Bench) -> None:
    payment = bench.payment()
    record = bench.pay(payment, *to_self(bench, 2))
    assert [tx.nonce for tx in record.transactions] == [0, 1, 2]
    assert {tx.state for tx in record.transactions} == {TxState.FINAL}
    assert bench.node.balance(payment.to.address) == payment.amount.units


def test_each_turn_of_a_payment_is_told(own_bench: Bench) -> None:
    bench = own_bench
    bench.confirmations = 3
    bench.node.call("evm_setIntervalMining", 1)
    (tx,) = bench.pay(bench.payment()).transactions
    turns = ["signing transfer on Bench", f"transfer sent, waiting for Bench: {tx.hash}"]
    turns += [f"transfer mined on Bench, {depth} of 3 confirmations" for depth in (1, 2)]
    turns += [f"transfer final on Bench: {tx.hash}"]
    assert [sentence for sentence in bench.said if sentence in turns] == turns


def test_what_is_in_no_block_has_no_confirmations(bench: Bench) -> None:
    (tx,) = bench.begin(bench.payment()).transactions

    async def ask() -> int:
        async with open_rpcs(Registry({"bench": bench.chain})) as rpcs:
            return await confirmations(tx, rpcs.on(CHAIN_ID))

    assert asyncio.run(ask()) == 0


def test_a_payment_cancelled_while_it_waits_for_the_account_ends_as_cancelled(bench: Bench) -> None:
    """`cancel` takes no lock: what waits for it has to see, once it is its turn, that nothing is left to do."""
    payment_id = bench.begin(bench.payment()).id

    async def run(executor: Executor) -> PaymentRecord:
        waits = asyncio.Event()
        executor.progress = lambda sentence: waits.set() if "another payment" in sentence else None
        own = (executor.locks, CHAIN_ID, bench.signer.address, "another payment", bench.said.append, 5.0)
        async with account_lock(*own):
            waiting = asyncio.create_task(executor.resume(payment_id, patience=5))
            await waits.wait()
            executor.journal.cancel(payment_id, "cancelled by its sender")
        return await waiting

    record = bench.do(run)
    assert (record.state, record.moved) == (PaymentState.CANCELLED, Sent.NO)
    assert bench.node.sent_by(bench.signer.address) == 0
