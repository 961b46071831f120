"""A second transaction for a payment's nonce: a speedup or a cancellation by the executor."""

from __future__ import annotations

from l2send.wallet.executor import Executor
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import TxState
from l2send.wallet.replacement import Bid, cancel_bids, speedup_bids
from tests.wallet.rig import Rig


async def bids(executor: Executor, payment_id: str, cancel: bool) -> list[Bid]:
    make = cancel_bids if cancel else speedup_bids
    return await make(executor.journal.get(payment_id), executor.journal, executor.rpcs)


def outbid(rig: Rig, payment_id: str, *, cancel: bool = False) -> PaymentRecord:
    """`speedup`, or `cancel`, without waiting for what becomes of it."""

    async def run(executor: Executor) -> PaymentRecord:
        return await executor.replace(payment_id, await bids(executor, payment_id, cancel))

    return rig.do(run)


def once(rig: Rig, record: PaymentRecord, times: int = 1) -> None:
    """The chain shows the payment exactly that often, and nothing else of the account."""
    assert rig.node.balance(record.payment.to.address) == times * record.payment.amount.units
    assert rig.node.sent_by(record.payment.sender) == len(record.approved)
    assert len({tx.nonce for tx in record.transactions}) == len(record.approved)
    assert [tx.state for tx in record.transactions].count(TxState.FINAL) == len(record.approved)
