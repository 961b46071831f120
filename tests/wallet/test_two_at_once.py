"""Two concurrent runs on one payment, or on one account."""

from __future__ import annotations

import asyncio

import pytest

from l2send.core.errors import NotFinal, Sent
from l2send.wallet.executor import Executor
from tests.wallet.rig import Rig


def test_two_resumes_of_one_payment_pay_once(rig: Rig) -> None:
    payment = rig.payment()
    payment_id = rig.begin(payment).id

    async def both(executor: Executor) -> None:
        one, two = await asyncio.gather(executor.resume(payment_id), executor.resume(payment_id))
        assert one == two

    rig.do(both)
    assert rig.node.balance(payment.to.address) == payment.amount.units
    assert rig.node.sent_by(payment.sender) == 1


def test_a_busy_account_is_waited_for_and_named(own_rig: Rig) -> None:
    rig, node = own_rig, own_rig.node
    node.call("evm_setAutomine", False)
    first, second = rig.begin(rig.payment()).id, rig.begin(rig.payment()).id

    async def both(executor: Executor) -> None:
        slow = asyncio.create_task(executor.resume(first))
        await asyncio.sleep(0.3)
        with pytest.raises(NotFinal, match=first) as caught:
            await executor.resume(second, patience=1)
        assert caught.value.sent is Sent.NO
        node.mine(1)
        await slow

    rig.do(both)
    assert any(f"waiting for {first}" in sentence for sentence in rig.said)
