"""A journal that cannot be written: nothing is broadcast, or the payment is followed from what was written."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from l2send.core.errors import ConfigError, Sent
from l2send.wallet.executor import Executor
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from tests.support.faultproxy import FaultProxy
from tests.wallet.resuming import SEND, nothing_signed
from tests.wallet.rig import CHAIN_ID, Rig


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process can grow: writes end in EFBIG, as on a full disk in ENOSPC."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_nothing_broadcast(rig: Rig, proxy: FaultProxy) -> None:
    payment_id = rig.begin(rig.payment()).id

    async def on_a_full_disk(executor: Executor) -> PaymentRecord:
        with full_disk():
            return await executor.resume(payment_id)

    with pytest.raises(ConfigError, match="cannot be used") as caught:
        rig.through(proxy.url).do(on_a_full_disk)
    assert caught.value.sent is Sent.NO
    assert not proxy.sent(SEND)
    assert len(rig.guarded) == 1, "it did not come as far as the journal"
    assert nothing_signed(rig, payment_id)
    assert rig.resume(payment_id).state is PaymentState.DELIVERED


def test_a_disk_that_fills_up_after_the_broadcast_says_maybe(rig: Rig) -> None:
    payment = rig.payment()
    payment_id = rig.begin(payment).id

    async def fills_up(executor: Executor) -> PaymentRecord:
        rpc = executor.rpcs.on(CHAIN_ID)
        broadcast = rpc.broadcast

        async def and_then_full(raw: bytes, endpoint: int = 0):  # type: ignore[no-untyped-def]
            reply = await broadcast(raw, endpoint)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
            return reply

        rpc.broadcast = and_then_full  # type: ignore[method-assign]
        return await executor.resume(payment_id)

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(ConfigError) as caught:
            rig.do(fills_up)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.sent is Sent.MAYBE
    assert rig.resume(payment_id).state is PaymentState.DELIVERED
    assert rig.node.sent_by(payment.sender) == 1


def test_a_read_only_journal_is_nothing_broadcast(rig: Rig, proxy: FaultProxy) -> None:
    payment_id = rig.begin(rig.payment()).id

    async def read_only(executor: Executor) -> PaymentRecord:
        executor.journal._db.execute("PRAGMA query_only = ON")  # type: ignore[attr-defined]
        return await executor.resume(payment_id)

    with pytest.raises(ConfigError):
        rig.through(proxy.url).do(read_only)
    assert not proxy.sent(SEND)
