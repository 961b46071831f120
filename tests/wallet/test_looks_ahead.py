"""Prefetched answers, requested before an account's lock is held: what they save, and when they do not count."""

from __future__ import annotations

from l2send.wallet.executor import Executor
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from tests.support.faultproxy import FaultProxy
from tests.wallet.rig import Rig

ESTIMATE = "eth_estimateGas"
COUNT = "eth_getTransactionCount"


def test_a_payment_is_signed_by_the_looks_of_a_moment_ago(rig: Rig, proxy: FaultProxy) -> None:
    through = rig.through(proxy.url)
    payment_id = through.begin(through.payment()).id

    async def run(executor: Executor) -> PaymentRecord:
        await executor.look_before(payment_id)
        assert (len(proxy.sent(ESTIMATE)), len(proxy.sent(COUNT))) == (1, 2)
        return await executor.resume(payment_id, patience=10)

    assert through.do(run).state is PaymentState.DELIVERED
    assert (len(proxy.sent(ESTIMATE)), len(proxy.sent(COUNT))) == (1, 2)


def test_they_do_not_count_once_the_account_signed_something_else(rig: Rig, proxy: FaultProxy) -> None:
    """Its nonce is taken by then, and maybe its balance."""
    through = rig.through(proxy.url)
    first, other = (through.begin(through.payment()).id for _ in range(2))

    async def run(executor: Executor) -> PaymentRecord:
        await executor.look_before(first)
        await executor.resume(other, patience=10)
        proxy.requests.clear()
        return await executor.resume(first, patience=10)

    record = through.do(run)
    assert (record.state, record.transactions[0].nonce) == (PaymentState.DELIVERED, 1)
    assert (len(proxy.sent(ESTIMATE)), len(proxy.sent(COUNT))) == (1, 2)


def test_they_are_used_once(rig: Rig, proxy: FaultProxy) -> None:
    through = rig.through(proxy.url)
    payment_id = through.begin(through.payment()).id

    async def run(executor: Executor) -> None:
        await executor.look_before(payment_id)
        (tx,) = executor.journal.get(payment_id).steps
        assert executor.ahead.take(tx, executor.journal) is not None
        assert executor.ahead.take(tx, executor.journal) is None

    through.do(run)
