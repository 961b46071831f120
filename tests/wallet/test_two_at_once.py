"""Two runs at once on one payment, or on one account."""

from __future__ import annotations

import asyncio

import pytest

from l2send.core.errors import NotFinal, Sent
from l2send.wallet.execute import Executor
from tests.wallet.rig import Bench


def test_two_resumes_of_one_payment_pay_once(bench: Bench) -> None:
    payment = bench.payment()
    payment_id = bench.begin(payment).id

    async def both(executor: Executor) -> None:
        one, two = await asyncio.gather(executor.resume(payment_id), executor.resume(payment_id))
        assert one == two

    bench.do(both)
    assert bench.node.balance(payment.to.address) == payment.amount.units
    assert bench.node.sent_by(payment.sender) == 1


def test_a_busy_account_is_waited_for_and_named(own_bench: Bench) -> None:
    bench, node = own_bench, own_bench.node
    node.call("evm_setAutomine", False)
    first, second = bench.begin(bench.payment()).id, bench.begin(bench.payment()).id

    async def both(executor: Executor) -> None:
        slow = asyncio.create_task(executor.resume(first))
        await asyncio.sleep(0.3)
        with pytest.raises(NotFinal, match=first) as caught:
            await executor.resume(second, patience=1)
        assert caught.value.sent is Sent.NO
        node.mine(1)
        await slow

    bench.do(both)
    assert any(f"waiting for {first}" in sentence for sentence in bench.said)
